"""Cases: opened or joined by the reference that an officer types, and found again by people who type it otherwise.

A reference is compared as :class:`~evidence.identifiers.Urn` has it: without blanks, dashes, slashes, in upper case.
When it has the national shape it is the case's URN; when it has not, the case exists all the same and the page warns.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, joinedload, lazyload

from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import NotAnIdentifier, NotFound
from evidence.identifiers import Urn, new_id
from evidence.models import Case, Exhibit, Recording
from portal import acts, rows
from portal.exhibits import NOT_HERE
from portal.permissions import Action, Actor, Standing, demand

SHORTEST = 3  # characters that a search needs


def warning_for(urn: Urn) -> str:
    """What to say about a reference that has not the national shape of a URN; empty when it has."""
    if urn.is_standard:
        return ""
    return f"{urn} is not shaped like a URN (such as 21AB1234525). That is allowed; check that it is what you meant."


def open_or_join(session: Session, clock: Clock, actor: Actor, urn: Urn, by: Party) -> Case:
    """The case of a reference in the actor's agency; opened, with its entry, when it is not there yet."""
    there = _of_reference(session, actor, urn)
    if there is not None:
        return there
    taken = session.scalar(select(Case.id).where(Case.urn == urn.text))  # by another agency: ours is a case of its own
    case = Case(
        id=new_id("cas"), agency_id=actor.agency, reference=urn.text, title="", opened_by=actor.person,
        urn=urn.text if urn.is_standard and taken is None else None, opened_at=clock.now(),
    )  # fmt: skip
    if not rows.add_once(session, case):  # somebody typed it a moment before
        return open_or_join(session, clock, actor, urn, by)
    acts.tell(session, clock, ActKind.CASE_OPENED, by, {"case": case.id, "reference": case.reference})
    return case


def _of_reference(session: Session, actor: Actor, urn: Urn) -> Case | None:
    """The case, locked: whoever numbers exhibits in it takes their turn before any row points to it."""
    named = or_(Case.reference == urn.text, Case.urn == urn.text)
    return session.scalar(select(Case).where(Case.agency_id == actor.agency, named).with_for_update())


def find(session: Session, actor: Actor, case_id: str) -> Case:
    """The case for somebody who wants to see it; raises ``NotFound`` or ``MayNot``."""
    case = session.get(Case, case_id)
    if case is None or case.agency_id != actor.agency:
        raise NotFound(NOT_HERE)
    demand(actor, Action.SEE_CASE, Standing.CASE)
    return case


def search(session: Session, actor: Actor, typed: str, *, limit: int = 50) -> list[tuple[Case, int]]:
    """Cases of the actor's agency whose URN or reference begins with what was typed, else those that contain it.

    Each comes with its number of exhibits, the newest first. Nothing is found for fewer than three characters.
    """
    try:
        wanted = Urn.parse(typed).text
    except NotAnIdentifier:
        return []
    if len(wanted) < SHORTEST:
        return []
    for pattern in (f"{wanted}%", f"%{wanted}%"):  # letters and digits only: nothing to escape
        found = _listed(session, actor, or_(Case.urn.like(pattern), Case.reference.like(pattern)), limit)
        if found:
            return found
    return []


def newest(session: Session, actor: Actor, *, limit: int = 20) -> list[tuple[Case, int]]:
    """The newest cases of the actor's agency."""
    return _listed(session, actor, Case.agency_id == actor.agency, limit)


def exhibits_of(session: Session, case: Case) -> Sequence[Exhibit]:
    """The exhibits of a case by their references; of their recordings only what a list shows is read."""
    shown = joinedload(Exhibit.recording).load_only(
        Recording.name, Recording.duration_ms, Recording.health_note, Recording.camera_time, Recording.clock_offset_ms,
        Recording.docked_at, Recording.received_at, Recording.stored_at, Recording.viewable_at, Recording.disclosed_at,
        Recording.watched_at, raiseload=True,
    )  # fmt: skip
    return session.scalars(
        select(Exhibit)
        .options(shown, lazyload(Exhibit.case))
        .where(Exhibit.case_id == case.id, Exhibit.withdrawn_at.is_(None))
        .order_by(Exhibit.initials, Exhibit.number)
    ).all()


def _listed(session: Session, actor: Actor, which: ColumnElement[bool], limit: int) -> list[tuple[Case, int]]:
    live = (Exhibit.case_id == Case.id) & Exhibit.withdrawn_at.is_(None)
    number = select(func.count()).where(live).correlate(Case).scalar_subquery()
    rows = session.execute(
        select(Case, number)
        .where(Case.agency_id == actor.agency, which)
        .order_by(Case.opened_at.desc(), Case.id.desc())
        .limit(limit)
    )
    return [(case, count) for case, count in rows]
