"""Exhibits and the recordings they are made of: found for somebody, made, and withdrawn from a wrong case.

What somebody may not know of is not there for them: a guessed identifier and a foreign one get the same answer. Numbers
run per case and producer's initials, JAS/1, JAS/2, and are never used twice, not even after a withdrawal.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import NotFound
from evidence.identifiers import ExhibitRef, new_id
from evidence.models import Case, Exhibit, Person, Recording
from portal import acts
from portal.permissions import Action, Actor, Standing, demand, standing_to

NOT_HERE = "There is nothing at this address, or it is not yours to see."


@dataclass(frozen=True, slots=True)
class Item:
    """A recording as somebody may see it: with its exhibit, when it is in a case, and how they stand to it."""

    recording: Recording
    exhibit: Exhibit | None
    standing: Standing

    @property
    def on(self) -> dict[str, str]:
        """What an act on it is about."""
        return {"recording": self.recording.id} if self.exhibit is None else acts.on_exhibit(self.exhibit)


def find_exhibit(session: Session, actor: Actor, action: Action, exhibit_id: str) -> Item:
    """The exhibit for somebody who wants to do something to it; raises ``NotFound`` or ``MayNot``."""
    exhibit = session.get(Exhibit, exhibit_id)
    if exhibit is None or exhibit.withdrawn_at is not None:
        raise NotFound(NOT_HERE)
    item = Item(exhibit.recording, exhibit, standing_of(session, actor, exhibit.recording, in_case=True))
    return _allowed(item, actor, action)


def find_recording(session: Session, actor: Actor, action: Action, recording_id: str) -> Item:
    """The recording, by itself or through the newest case it is in; raises ``NotFound`` or ``MayNot``."""
    recording = session.get(Recording, recording_id)
    if recording is None:
        raise NotFound(NOT_HERE)
    exhibit = exhibit_of(session, recording.id)
    item = Item(recording, exhibit, standing_of(session, actor, recording, in_case=exhibit is not None))
    return _allowed(item, actor, action)


def _allowed(item: Item, actor: Actor, action: Action) -> Item:
    if item.standing is Standing.NONE:
        raise NotFound(NOT_HERE)
    demand(actor, action, item.standing)
    return item


def standing_of(session: Session, actor: Actor, recording: Recording, *, in_case: bool) -> Standing:
    """How somebody with an account stands to a recording."""
    collar = recording.officer_collar.strip().upper()
    close = standing_to(actor, agency=recording.agency_id, filmed_by=collar, in_case=in_case)
    if close is not Standing.AGENCY:
        return close
    known = wearer(session, recording) is not None
    return standing_to(actor, agency=recording.agency_id, filmed_by=collar, in_case=in_case, known=known)


def wearer(session: Session, recording: Recording) -> Person | None:
    """The person who has the collar number that the camera gave."""
    collar = recording.officer_collar.strip().upper()
    if not collar:
        return None
    of_agency = (Person.agency_id == recording.agency_id) & (Person.collar == collar)
    return session.scalar(select(Person).where(of_agency).order_by(Person.active.desc(), Person.created_at).limit(1))


def exhibit_of(session: Session, recording_id: str) -> Exhibit | None:
    """The exhibit that a recording is now, if it is one."""
    return session.scalar(
        select(Exhibit)
        .where(Exhibit.recording_id == recording_id, Exhibit.withdrawn_at.is_(None))
        .order_by(Exhibit.made_at.desc())
        .limit(1)
    )


def make(session: Session, clock: Clock, case: Case, recording: Recording, producer: Person, by: Party) -> Exhibit:
    """The recording as an exhibit of a case, with its entry. Making it again returns the one that is there."""
    there = session.scalar(select(Exhibit).where(Exhibit.case_id == case.id, Exhibit.recording_id == recording.id))
    if there is not None and there.withdrawn_at is None:
        return there
    exhibit = there or _numbered(session, clock, case, recording, producer)
    exhibit.withdrawn_at = None
    acts.tell(
        session,
        clock,
        ActKind.EXHIBITED,
        by,
        acts.on_exhibit(exhibit, reference=case.reference, digest=recording.digest),
    )
    return exhibit


def _numbered(session: Session, clock: Clock, case: Case, recording: Recording, producer: Person) -> Exhibit:
    session.get(Case, case.id, with_for_update=True)  # one number at a time; SQLite has one writer anyway
    highest = select(func.max(Exhibit.number)).where(Exhibit.case_id == case.id, Exhibit.initials == producer.initials)
    number = (session.scalar(highest) or 0) + 1
    exhibit = Exhibit(
        id=new_id("exh"), case_id=case.id, case=case, recording_id=recording.id, recording=recording,
        reference=str(ExhibitRef(producer.initials, number)), initials=producer.initials, number=number,
        produced_by=producer.id, shows="", status="unassessed", made_at=clock.now(),
    )  # fmt: skip
    session.add(exhibit)
    session.flush()
    return exhibit


def withdraw(session: Session, clock: Clock, exhibit: Exhibit) -> None:
    """Take an exhibit out of a case that it never belonged to. The entry is written by the one who corrects."""
    exhibit.withdrawn_at = clock.now()
    session.flush()
