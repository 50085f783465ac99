"""Finding cases, and the page of one."""

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from evidence.errors import NotAnIdentifier
from evidence.identifiers import Urn
from evidence.models import Case, Exhibit, Person
from portal import acts, cases, dossier, links, paths
from portal.courtclock import clock_of
from portal.dependencies import FindsCases, SeesCase
from portal.views.case import CaseHit, CasePage, CaseSearch, ExhibitRow

router = APIRouter()


@router.get(paths.CASES)
def find_cases(visit: FindsCases, q: str = "") -> Response:
    """Search by URN or reference, however it is typed; the newest cases while nothing is asked."""
    asked = q.strip()[:80]
    with visit.ground.database.read() as session:
        if not asked:
            return visit.page(CaseSearch(recent=_hits(cases.newest(session, visit.actor))))
        hits = _hits(cases.search(session, visit.actor, asked))
    return visit.page(CaseSearch(query=asked, hits=hits, warning="" if hits else _odd(asked)))


@router.get(paths.case("{case_id}"))
def show_case(case_id: str, visit: SeesCase) -> Response:
    """A case with its exhibits and how long each took."""
    now = visit.ground.clock.now()
    with visit.ground.database.read() as session:
        case = cases.find(session, visit.actor, case_id)
        counts = links.live_counts(session, case.id, now)
        rows = cases.exhibits_of(session, case)
        names = _names(session, [case.opened_by, *(row.produced_by for row in rows)])
    acts.consult(visit.ground, visit.actor, {"case": case.id})
    return visit.page(
        CasePage(
            case_id=case.id,
            reference=case.reference,
            urn=case.urn,
            title=case.title,
            opened_at=case.opened_at,
            opened_by=names[case.opened_by],
            exhibits=tuple(_row(row, names[row.produced_by], counts.get(row.id, 0)) for row in rows),
            warning="" if case.urn else _odd(case.reference),
        )
    )


def _row(exhibit: Exhibit, producer: str, live_links: int) -> ExhibitRow:
    recording = exhibit.recording
    return ExhibitRow(
        exhibit_id=exhibit.id, reference=exhibit.reference, name=recording.name, producer=producer,
        clock=clock_of(recording), recorded_at=dossier.utc_start(recording), duration_ms=recording.duration_ms,
        shows=exhibit.shows, problem=recording.health_note, links=live_links,
    )  # fmt: skip


def _names(session: Session, people: list[str]) -> dict[str, str]:
    rows = session.execute(select(Person.id, Person.name).where(Person.id.in_(set(people))))
    return {row[0]: row[1] for row in rows}


def _hits(found: list[tuple[Case, int]]) -> tuple[CaseHit, ...]:
    return tuple(
        CaseHit(
            case_id=case.id, reference=case.reference, urn=case.urn, exhibits=number, opened_at=case.opened_at,
            title=case.title,
        )
        for case, number in found
    )  # fmt: skip


def _odd(text: str) -> str:
    try:
        return cases.warning_for(Urn.parse(text))
    except NotAnIdentifier as wrong:
        return f"{wrong}. {wrong.advice}"
