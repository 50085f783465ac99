"""The court clock: docked, received, stored, viewable, reviewed, disclosed, watched; the product's number."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from evidence.clock import utc_text
from evidence.models import Exhibit, Recording
from portal.permissions import Action, Actor, Standing, decide
from portal.views.clock import CourtClock

STAGES = ("docked", "received", "stored", "viewable", "reviewed", "disclosed", "watched")


def clock_of(recording: Recording) -> CourtClock:
    """The clock of a recording as pages show it."""
    return CourtClock(
        docked=recording.docked_at, received=recording.received_at, stored=recording.stored_at,
        viewable=recording.viewable_at, disclosed=recording.disclosed_at, watched=recording.watched_at,
    )  # fmt: skip


def told(recording: Recording, exhibit: str | None) -> dict[str, Any]:
    """The clock of a recording as programs read it: times are RFC 3339 in UTC, durations seconds from docking."""
    times = {stage: getattr(recording, f"{stage}_at") for stage in STAGES}
    return {
        "id": recording.id, "name": recording.name, "kind": recording.kind, "digest": recording.digest,
        "size": recording.size, "reference": recording.reference or None, "exhibit": exhibit,
        "health": recording.health,
        "clock": {stage: None if at is None else utc_text(at) for stage, at in times.items()},
        "seconds_from_dock": {
            stage: round((at - recording.docked_at).total_seconds(), 3) for stage, at in times.items() if at is not None
        },
    }  # fmt: skip


def visible(session: Session, actor: Actor, *, limit: int) -> Sequence[tuple[Recording, str | None]]:
    """The newest recordings whose clock somebody may see, with their exhibit references."""
    in_case = and_(Exhibit.recording_id == Recording.id, Exhibit.withdrawn_at.is_(None))
    reference = select(Exhibit.reference).where(in_case).limit(1).correlate(Recording).scalar_subquery()
    rows = session.execute(
        select(Recording, reference)
        .where(Recording.agency_id == actor.agency, _reach(actor, exists().where(in_case)))
        .order_by(Recording.stored_at.desc(), Recording.id.desc())
        .limit(limit)
    )
    return [(recording, exhibit) for recording, exhibit in rows]


def _reach(actor: Actor, in_case: ColumnElement[bool]) -> ColumnElement[bool]:
    """What of the agency's recordings the table of permissions opens to a role, as a condition."""
    ways: list[ColumnElement[bool]] = [Recording.id.is_(None)]
    if decide(actor.role, Action.SEE_CLOCK, Standing.AGENCY).allowed:
        return Recording.id.is_not(None)
    if actor.collar and decide(actor.role, Action.SEE_CLOCK, Standing.OWN).allowed:
        ways.append(Recording.officer_collar.in_({actor.collar, actor.collar.lower()}))
    if decide(actor.role, Action.SEE_CLOCK, Standing.CASE).allowed:
        ways.append(in_case)
    return or_(*ways)
