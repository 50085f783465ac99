"""The court's side of a secure link: hand it in, type the code, watch, finish. No account, nothing to install."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from evidence.errors import NotFound
from evidence.models import Exhibit
from portal import acts, cookies, court, dossier, links, paths, playback
from portal.attempts import TooManyTries
from portal.court import LinkClosed, WrongCode
from portal.dependencies import (
    CourtDownloads,
    CourtSees,
    CourtVisit,
    CourtWatches,
    Leaves,
    OpensLink,
    Typed,
    Visit,
    require_same_site,
)
from portal.exhibits import NOT_HERE, Item
from portal.playback import Watcher
from portal.routes.exhibits import proof, require_entry_of
from portal.views.court import Closed, CourtClosed, CourtCode, CourtOpen, CourtWatch
from portal.views.exhibit import BeginWhen
from portal.views.page import Form

router = APIRouter()


@router.get(paths.OPEN)
def show_open(visit: OpensLink) -> Response:
    """Where a link lands. Whoever fetches it, and however often, spends nothing."""
    return visit.page(CourtOpen(), court=True)


@router.post(paths.OPEN)
def take_link(visit: OpensLink, fields: Typed) -> Response:
    """Prove the link's secret, then ask for the code."""
    try:
        pending = court.hand_in(visit.ground, fields.text("link"), address=visit.address)
    except LinkClosed as closed:
        return _closed(visit, closed)
    except TooManyTries as wrong:
        form = Form(errors={"link": f"{wrong} {wrong.advice}"})
        return visit.page(CourtOpen(form=form), status=429, court=True)
    response = RedirectResponse(paths.OPEN_CODE, status_code=303)
    cookies.put(response, cookies.PENDING, pending, secure=visit.secure, age=court.TIME_FOR_CODE)
    return response


@router.get(paths.OPEN_CODE)
def show_code(visit: OpensLink) -> Response:
    """The form for the security code. Nothing about the exhibit is said before it is right."""
    return _ask_code(visit, Form(), 200)


@router.post(paths.OPEN_CODE)
def take_code(visit: OpensLink, fields: Typed) -> Response:
    """Check the security code and open the link."""
    pending = cookies.read(visit.request, cookies.PENDING, secure=visit.secure)
    try:
        opened = court.enter_code(visit.ground, pending, fields.text("code"), address=visit.address, agent=visit.agent)
    except LinkClosed as closed:
        return _closed(visit, closed)
    except (WrongCode, TooManyTries) as wrong:
        status = 429 if isinstance(wrong, TooManyTries) else 422
        return _ask_code(visit, Form(errors={"code": f"{wrong} {wrong.advice}"}), status)
    response = RedirectResponse(paths.court(opened.link_id), status_code=303)
    lasts = max(opened.until - visit.ground.clock.now(), timedelta(seconds=1))
    cookies.put(response, cookies.link_cookie(opened.link_id), opened.reference, secure=visit.secure, age=lasts)
    cookies.drop(response, cookies.PENDING, secure=visit.secure)
    return response


@router.get(paths.court("{link_id}"))
def show_exhibit(visit: CourtSees) -> Response:
    """The exhibit as a recipient sees it."""
    with visit.ground.database.read() as session:
        page = _page(session, visit, _item(session, visit))
    return visit.page(page)


@router.post(paths.court_viewings("{link_id}"), status_code=201)
def begin(visit: CourtWatches, fields: Typed) -> Response:
    """Begin a viewing by a link."""
    with visit.ground.database.write() as session:
        item = _item(session, visit)
        viewing = playback.begin(session, visit.ground.clock, item, _watcher(session, visit), fields.text("rendition"))
        told = _waiting(session, visit, item)
        if viewing is not None:
            told = playback.told_begun(session, item, viewing, for_staff=False)
    return JSONResponse(told, status_code=201)


@router.get(paths.court_viewings("{link_id}"))
def ready(visit: CourtWatches) -> Response:
    """What there is to watch, before a viewing can begin."""
    with visit.ground.database.read() as session:
        return JSONResponse(_waiting(session, visit, _item(session, visit)))


@router.get(paths.court_original("{link_id}"))
def download(visit: CourtDownloads) -> Response:
    """Begin a download, where the link allows it: its entry first, then its address."""
    require_same_site(visit.request.headers)
    with visit.ground.database.write() as session:
        item = _item(session, visit)
        viewing = playback.begin_download(session, visit.ground.clock, item, _watcher(session, visit))
    return RedirectResponse(paths.download(viewing.id), status_code=303)


@router.get(paths.court_proof("{link_id}", "{entry}"))
def proof_of_entry(entry: int, visit: CourtSees) -> Response:
    """The inclusion proof of a line of the continuity that the recipient sees."""
    with visit.ground.database.read() as session:
        row = require_entry_of(session, entry, _item(session, visit))
        if row.kind in {kind.value for kind in dossier.OF_OTHERS}:
            raise NotFound(NOT_HERE)
    return proof(visit, entry)


@router.post(paths.LEAVE)
def leave(leaving: Leaves) -> Response:
    """The recipient has finished: the sessions of all links that are open in this browser end."""
    ground = leaving.portal.ground
    with ground.database.write() as session:
        for row in leaving.sessions:
            links.end_session(session, row.id, ground.clock.now())
    response = RedirectResponse(f"{paths.SIGNED_OUT}?court=true", status_code=303)
    for row in leaving.sessions:
        cookies.drop(response, cookies.link_cookie(row.link_id), secure=ground.settings.secure_cookies)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _ask_code(visit: Visit, form: Form, status: int) -> Response:
    pending = cookies.read(visit.request, cookies.PENDING, secure=visit.secure)
    if not pending:
        return RedirectResponse(paths.OPEN, status_code=303)
    try:
        there = court.opening(visit.ground, pending)
    except LinkClosed as closed:
        return _closed(visit, closed)
    return visit.page(CourtCode(recipient=there.recipient, owner=there.owner, form=form), status=status, court=True)


def _closed(visit: Visit, closed: LinkClosed) -> Response:
    status = 404 if closed.why is Closed.UNKNOWN else 429 if closed.why is Closed.LOCKED else 410
    return visit.page(CourtClosed(why=closed.why, owner=closed.owner), status=status, court=True)


def _item(session: Session, visit: CourtVisit) -> Item:
    exhibit = session.get_one(Exhibit, visit.link.exhibit_id)
    return Item(exhibit.recording, exhibit, court.standing_for(visit.link))


def _watcher(session: Session, visit: CourtVisit) -> Watcher:
    return Watcher(visit.link_session.id, acts.recipient(session, visit.link), link=visit.link)


def _waiting(session: Session, visit: CourtVisit, item: Item) -> dict[str, Any]:
    return playback.told_waiting(session, item, paths.court_viewings(visit.link.id), for_staff=False)


def _page(session: Session, visit: CourtVisit, item: Item) -> CourtWatch:
    link, recording, exhibit = visit.link, item.recording, item.exhibit
    case = link.exhibit.case
    viewer = f"{link.recipient}, {link.organisation}" if link.organisation else link.recipient
    begin_at = paths.court_viewings(link.id)
    return CourtWatch(
        facts=dossier.facts(session, recording, exhibit), case_reference=case.urn or case.reference,
        recipient=link.recipient, organisation=link.organisation, purpose=link.purpose,
        shared_by=court.owner_of(session, link), expires_at=link.expires_at,
        player=dossier.player(recording, exhibit, begin=begin_at, when=BeginWhen.LOAD, viewer=viewer),
        problem=dossier.problem(recording),
        continuity=dossier.continuity(
            session, item, lambda entry: paths.court_proof(link.id, entry), without=dossier.OF_OTHERS
        ),
        renditions=dossier.renditions(session, recording),
        download_url=paths.court_original(link.id) if link.may_download else None,
    )  # fmt: skip
