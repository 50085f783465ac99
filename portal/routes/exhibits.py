"""The page of an exhibit, or of a recording in no case yet; beginning a viewing; proofs; downloads."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from custody import ledger
from custody.entry import ActKind
from custody.proof import SUFFIX, TlogProof
from evidence.errors import BadInput, NotFound
from evidence.models import LedgerEntry, RedactionPlan
from portal import acts, dossier, exhibits, links, paths, playback
from portal.courtclock import clock_of
from portal.dependencies import (
    DescribesExhibit,
    Downloads,
    SeesExhibit,
    Typed,
    Visit,
    Watches,
    require_same_site,
)
from portal.exhibits import NOT_HERE, Item
from portal.permissions import Action, decide
from portal.playback import Watcher
from portal.views.exhibit import BeginWhen, CaseRef, ExhibitPage, SuggestionSpan
from transcode.redaction.plan import NotAPlan

router = APIRouter()

_LOOKED_UP = (ActKind.CONSULTED,)  # each look at a page; told to auditors, noise to everybody else


@dataclass(frozen=True, slots=True)
class _Addresses:
    """Where things about one item are: an exhibit has them below its own address, a recording below its own."""

    viewings: str
    original: str
    proof: Callable[[int], str]

    @classmethod
    def of(cls, item: Item) -> "_Addresses":
        if item.exhibit is not None:
            there = item.exhibit.id
            return cls(
                paths.exhibit_viewings(there), paths.exhibit_original(there), lambda n: paths.exhibit_proof(there, n)
            )
        here = item.recording.id
        return cls(
            paths.recording_viewings(here), paths.recording_original(here), lambda n: paths.recording_proof(here, n)
        )


@router.get(paths.exhibit("{exhibit_id}"))
def show_exhibit(exhibit_id: str, visit: SeesExhibit) -> Response:
    """An exhibit."""
    with visit.ground.database.read() as session:
        item = exhibits.find_exhibit(session, visit.actor, Action.SEE_EXHIBIT, exhibit_id)
        page, plan = _page(session, visit, item)
    acts.consult(visit.ground, visit.actor, item.on)
    return visit.page(_with_spans(visit, page, plan))


@router.get(paths.recording("{recording_id}"))
def show_recording(recording_id: str, visit: SeesExhibit) -> Response:
    """A recording; leads to its exhibit once it is one."""
    with visit.ground.database.read() as session:
        item = exhibits.find_recording(session, visit.actor, Action.SEE_EXHIBIT, recording_id)
        if item.exhibit is not None:
            return RedirectResponse(paths.exhibit(item.exhibit.id), status_code=303)
        page, plan = _page(session, visit, item)
    acts.consult(visit.ground, visit.actor, item.on)
    return visit.page(_with_spans(visit, page, plan))


@router.post(paths.exhibit_viewings("{exhibit_id}"), status_code=201)
def begin_of_exhibit(exhibit_id: str, visit: Watches, fields: Typed) -> Response:
    """Begin a viewing of an exhibit."""
    with visit.ground.database.write() as session:
        item = exhibits.find_exhibit(session, visit.actor, Action.WATCH, exhibit_id)
        told = _begun(session, visit, item, fields.text("rendition"))
    return JSONResponse(told, status_code=201)


@router.get(paths.exhibit_viewings("{exhibit_id}"))
def ready_of_exhibit(exhibit_id: str, visit: Watches) -> Response:
    """What there is to watch of an exhibit, before a viewing can begin."""
    with visit.ground.database.read() as session:
        return JSONResponse(_waiting(session, exhibits.find_exhibit(session, visit.actor, Action.WATCH, exhibit_id)))


@router.post(paths.recording_viewings("{recording_id}"), status_code=201)
def begin_of_recording(recording_id: str, visit: Watches, fields: Typed) -> Response:
    """Begin a viewing of a recording in no case yet."""
    with visit.ground.database.write() as session:
        item = exhibits.find_recording(session, visit.actor, Action.WATCH, recording_id)
        told = _begun(session, visit, item, fields.text("rendition"))
    return JSONResponse(told, status_code=201)


@router.get(paths.recording_viewings("{recording_id}"))
def ready_of_recording(recording_id: str, visit: Watches) -> Response:
    """What there is to watch of a recording, before a viewing can begin."""
    with visit.ground.database.read() as session:
        return JSONResponse(
            _waiting(session, exhibits.find_recording(session, visit.actor, Action.WATCH, recording_id))
        )


@router.get(paths.exhibit_original("{exhibit_id}"))
def download_exhibit(exhibit_id: str, visit: Downloads) -> Response:
    """Begin a download: its entry first, then its address."""
    require_same_site(visit.request.headers)
    with visit.ground.database.write() as session:
        item = exhibits.find_exhibit(session, visit.actor, Action.DOWNLOAD, exhibit_id)
        viewing = playback.begin_download(session, visit.ground.clock, item, watcher(session, visit))
    return RedirectResponse(paths.download(viewing.id), status_code=303)


@router.get(paths.recording_original("{recording_id}"))
def download_recording(recording_id: str, visit: Downloads) -> Response:
    """The same for a recording in no case yet."""
    require_same_site(visit.request.headers)
    with visit.ground.database.write() as session:
        item = exhibits.find_recording(session, visit.actor, Action.DOWNLOAD, recording_id)
        viewing = playback.begin_download(session, visit.ground.clock, item, watcher(session, visit))
    return RedirectResponse(paths.download(viewing.id), status_code=303)


@router.get(paths.exhibit_proof("{exhibit_id}", "{entry}"))
def proof_of_exhibit(exhibit_id: str, entry: int, visit: SeesExhibit) -> Response:
    """The inclusion proof of one line of an exhibit's continuity."""
    with visit.ground.database.read() as session:
        item = exhibits.find_exhibit(session, visit.actor, Action.SEE_EXHIBIT, exhibit_id)
        require_entry_of(session, entry, item)
    return proof(visit, entry)


@router.get(paths.recording_proof("{recording_id}", "{entry}"))
def proof_of_recording(recording_id: str, entry: int, visit: SeesExhibit) -> Response:
    """The same for a recording in no case yet."""
    with visit.ground.database.read() as session:
        item = exhibits.find_recording(session, visit.actor, Action.SEE_EXHIBIT, recording_id)
        require_entry_of(session, entry, item)
    return proof(visit, entry)


@router.post(paths.exhibit_shows("{exhibit_id}"))
def describe(exhibit_id: str, visit: DescribesExhibit, fields: Typed) -> Response:
    """Say what an exhibit shows, in its officer's words."""
    shows = fields.text("shows")
    if len(shows) > 2000:
        raise BadInput("What it shows is said in at most 2,000 characters")
    with visit.ground.database.write() as session:
        item = exhibits.find_exhibit(session, visit.actor, Action.DESCRIBE_EXHIBIT, exhibit_id)
        if item.exhibit is not None:
            item.exhibit.shows = shows
    return RedirectResponse(paths.exhibit(exhibit_id), status_code=303)


def watcher(session: Session, visit: Visit) -> Watcher:
    """The visitor as the one who watches."""
    if visit.session is None:
        raise NotFound(NOT_HERE)
    return Watcher(visit.session.id, acts.staff(session, visit.actor), person=visit.actor.person)


def proof(visit: Visit, entry: int) -> Response:
    """An entry's inclusion proof (C2SP tlog-proof) as a file that carries the entry, for ``dockline verify``.

    Raises ``NotFound`` while the entry is not published.
    """
    found = ledger.receipt(visit.ground, entry)
    if found is None:
        raise NotFound("This entry is not under a published checkpoint yet.")
    headers = {"Content-Disposition": f'attachment; filename="entry-{found.place}{SUFFIX}"'}
    whole = replace(TlogProof.parse(found.proof), extra=found.entry)
    return Response(bytes(whole), media_type="text/plain; charset=utf-8", headers=headers)


def require_entry_of(session: Session, entry: int, item: Item) -> LedgerEntry:
    """The entry, if it belongs to an item's continuity; raises ``NotFound``."""
    row = session.get(LedgerEntry, entry)
    if row is None or row.subject not in dossier.histories(item):
        raise NotFound(NOT_HERE)
    return row


def _begun(session: Session, visit: Visit, item: Item, wanted: str) -> dict[str, Any]:
    viewing = playback.begin(session, visit.ground.clock, item, watcher(session, visit), wanted)
    if viewing is None:
        return _waiting(session, item)
    return playback.told_begun(session, item, viewing, for_staff=True)


def _waiting(session: Session, item: Item) -> dict[str, Any]:
    return playback.told_waiting(session, item, _Addresses.of(item).viewings, for_staff=True)


def _page(session: Session, visit: Visit, item: Item) -> tuple[ExhibitPage, RedactionPlan | None]:
    recording, exhibit, role = item.recording, item.exhibit, visit.actor.role
    where = _Addresses.of(item)
    plan = playback.newest_plan(session, recording.id)

    def may(action: Action) -> bool:
        return decide(role, action, item.standing).allowed

    shown_links = links.of_exhibit(session, exhibit.id) if exhibit and may(Action.SEE_LINKS) else ()
    page = ExhibitPage(
        facts=dossier.facts(session, recording, exhibit),
        clock=clock_of(recording),
        exhibit_id=exhibit.id if exhibit else None,
        case=CaseRef(case_id=exhibit.case_id, reference=exhibit.case.urn or exhibit.case.reference)
        if exhibit
        else None,
        player=dossier.player(recording, exhibit, begin=where.viewings, when=BeginWhen.PRESS)
        if may(Action.WATCH)
        else None,
        problem=dossier.problem(recording),
        continuity=dossier.continuity(session, item, where.proof, without=() if may(Action.READ_LOG) else _LOOKED_UP),
        renditions=dossier.renditions(session, recording),
        suggestion_state=dossier.suggestion_state(plan) if may(Action.WATCH) else "none",
        links=dossier.link_rows(shown_links, visit.ground.clock.now()),
        may_share=exhibit is not None and may(Action.DISCLOSE),
        download_url=where.original if may(Action.DOWNLOAD) else None,
    )
    return page, plan


def _with_spans(visit: Visit, page: ExhibitPage, plan: RedactionPlan | None) -> ExhibitPage:
    """The page with the plan's time ranges, read from the store after the transaction is over."""
    if plan is None or page.suggestion_state != "ready" or not plan.object_key:
        return page
    try:
        spans: tuple[SuggestionSpan, ...] = dossier.spans(visit.portal.media.plan(plan.object_key))
    except (NotFound, NotAPlan):  # the page is there all the same; the check of the store names what is missing
        return replace(page, suggestion_state="failed")
    return replace(page, suggestions=spans)
