"""Docks as administrators see them: one-time codes that let a dock enrol its key, and the end of a key that is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.digest import Digest
from evidence.errors import BadInput, NotFound
from evidence.ground import Ground
from evidence.models import Agency, Dock, DockToken, EnrolmentCode
from evidence.onetime import code_hash, new_code
from portal import acts
from portal.exhibits import NOT_HERE
from portal.people import home_agency
from portal.permissions import Actor

CODE_LASTS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EnrolmentCodeIssued:
    """A code in clear, shown once, and until when it works."""

    code: str
    expires_at: datetime


def issue_enrolment_code(ground: Ground, name: str, station: str = "") -> str:
    """A code from the command line, for a dock of the agency that runs this installation; good once, for a day."""
    with ground.database.write() as session:
        return issue(session, ground.clock, home_agency(session, ground), name, station, by=None).code


def issue(
    session: Session, clock: Clock, agency: Agency, name: str, station: str, *, by: Actor | None
) -> EnrolmentCodeIssued:
    """A code for one dock of an agency. Raises ``BadInput`` for a name that is empty or too long."""
    name, station = " ".join(name.split()), " ".join(station.split())
    if not 0 < len(name) <= 120:
        raise BadInput("Enter a name for the dock, in at most 120 characters")
    if len(station) > 120:
        raise BadInput("The station has at most 120 characters")
    code, now = new_code(), clock.now()
    session.add(
        EnrolmentCode(
            id=code_hash(code), agency_id=agency.id, dock_name=name, station=station, created_at=now,
            created_by=by.person if by else None, expires_at=now + CODE_LASTS,
        )
    )  # fmt: skip
    return EnrolmentCodeIssued(code, now + CODE_LASTS)


def of_agency(session: Session, agency_id: str) -> Sequence[Dock]:
    """All docks of an agency: those in use first, then by name."""
    return session.scalars(
        select(Dock).where(Dock.agency_id == agency_id).order_by(Dock.revoked_at.is_not(None), Dock.name, Dock.id)
    ).all()


def fingerprint(dock: Dock) -> str:
    """The first half of the SHA-256 of a dock's public key, in groups of four, to compare by eye."""
    text = Digest.of(bytes.fromhex(dock.public_key)).hex[:32]
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def revoke(session: Session, clock: Clock, actor: Actor, dock_id: str, by: Party) -> Dock:
    """Take a dock's key out of use, with its tokens and its entry. Again changes nothing. Raises ``NotFound``."""
    dock = session.get(Dock, dock_id)
    if dock is None or dock.agency_id != actor.agency:
        raise NotFound(NOT_HERE)
    if dock.revoked_at is None:
        now = clock.now()
        dock.revoked_at = now
        session.execute(
            update(DockToken).where(DockToken.dock_id == dock.id, DockToken.expires_at > now).values(expires_at=now)
        )
        acts.tell(session, clock, ActKind.DOCK_REVOKED, by, {"dock": dock.id})
    return dock
