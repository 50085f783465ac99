"""An officer's own footage: each docking of their camera, each file on it, and how far it has come.

*Stored* means that the original lies in the store; *safe* that its entry is published, so that it can be proven to
anybody and the camera may be wiped. What a camera holds and has not sent yet is told as missing. Footage that no known
officer is said to have made is listed apart, to be claimed by the one whose it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import NotFound
from evidence.models import Dock, DockedFile, Docking, Exhibit, LedgerEntry, Person, Recording, Upload
from portal import acts, paths
from portal.exhibits import NOT_HERE
from portal.permissions import Action, Actor, MayNot, Standing, demand
from portal.views.footage import Clip, ClipState, DockingFootage

PAGE = 30  # dockings


@dataclass(frozen=True, slots=True)
class _Known:
    """What the rows of some dockings' files are told from."""

    recordings: dict[str, Recording]
    exhibits: dict[str, Exhibit]
    received: dict[str, int]
    safe: set[str]


def own(session: Session, actor: Actor, *, limit: int = PAGE) -> list[DockingFootage]:
    """The newest dockings of the actor's camera; one more than the limit when there are more."""
    if not actor.collar:
        return []
    return _dockings(session, actor, Docking.officer_collar.in_({actor.collar, actor.collar.lower()}), limit)


def unclaimed(session: Session, actor: Actor, *, limit: int = PAGE) -> list[DockingFootage]:
    """The newest dockings of the actor's agency whose officer nobody knows."""
    known = select(Person.collar).where(Person.agency_id == actor.agency, Person.collar != "")
    return _dockings(session, actor, func.upper(func.trim(Docking.officer_collar)).not_in(known), limit)


def claim(session: Session, clock: Clock, actor: Actor, docking_id: str, by: Party) -> None:
    """The actor says that a docking is theirs; an entry for each recording. Again changes nothing.

    Raises ``NotFound`` for a docking that has a known officer, or is of another agency.
    """
    docking = session.get(Docking, docking_id, with_for_update={"of": Docking})
    if docking is None or docking.dock.agency_id != actor.agency:
        raise NotFound(NOT_HERE)
    if actor.collar and docking.officer_collar == actor.collar:
        return
    said = docking.officer_collar.strip().upper()
    known = select(Person.id).where(Person.agency_id == actor.agency, Person.collar == said)
    if said and session.scalar(known.limit(1)) is not None:
        raise NotFound(NOT_HERE)
    if not actor.collar:
        raise MayNot("Your account has no collar number, so footage cannot be matched to you.")
    demand(actor, Action.CLAIM_FOOTAGE, Standing.UNCLAIMED)
    officer = str(ledger.commit_value(session, f"person:{actor.person}", actor.collar))
    for recording in session.scalars(select(Recording).where(Recording.docking_id == docking.id)).all():
        acts.tell(session, clock, ActKind.CLAIMED, by, {"recording": recording.id, "officer": officer})
        recording.officer_collar = actor.collar
    docking.officer_collar = actor.collar


def _dockings(session: Session, actor: Actor, which: ColumnElement[bool], limit: int) -> list[DockingFootage]:
    dockings = session.scalars(
        select(Docking)
        .join(Dock, Dock.id == Docking.dock_id)
        .where(Dock.agency_id == actor.agency, which)
        .order_by(Docking.docked_at.desc(), Docking.id.desc())
        .limit(limit + 1)
    ).all()
    files = session.scalars(
        select(DockedFile)
        .where(DockedFile.docking_id.in_([docking.id for docking in dockings]))
        .order_by(DockedFile.modified_at, DockedFile.name)
    ).all()
    known = _known(session, files)
    return [_footage(docking, [file for file in files if file.docking_id == docking.id], known) for docking in dockings]


def _known(session: Session, files: Sequence[DockedFile]) -> _Known:
    ids = {file.recording_id for file in files if file.recording_id}
    exhibits = select(Exhibit).where(Exhibit.recording_id.in_(ids), Exhibit.withdrawn_at.is_(None))
    uploads = select(Upload.docked_file_id, Upload.synced).where(
        Upload.docked_file_id.in_([file.id for file in files if file.state == "uploading"]), Upload.state == "receiving"
    )
    return _Known(
        recordings={row.id: row for row in session.scalars(select(Recording).where(Recording.id.in_(ids)))},
        exhibits={row.recording_id: row for row in session.scalars(exhibits)},
        received={row[0]: row[1] for row in session.execute(uploads) if row[0]},
        safe=published(session, ids),
    )


def published(session: Session, recording_ids: Iterable[str]) -> set[str]:
    """Those of some recordings whose ``stored`` entry lies under a published checkpoint."""
    newest = ledger.newest_checkpoint(session)
    if newest is None:
        return set()
    subjects = {f"recording:{recording_id}" for recording_id in recording_ids}
    rows = session.scalars(
        select(LedgerEntry.subject).where(
            LedgerEntry.subject.in_(subjects), LedgerEntry.kind == ActKind.STORED.value, LedgerEntry.place < newest.size
        )
    )
    return {subject.removeprefix("recording:") for subject in rows}


def _footage(docking: Docking, files: list[DockedFile], known: _Known) -> DockingFootage:
    shown = [file for file in files if file.kind == "clip" or file.state in {"quarantined", "refused"}]
    return DockingFootage(
        docking_id=docking.id,
        dock=docking.dock.name,
        station=docking.dock.station,
        camera=docking.camera_serial,
        docked_at=docking.docked_at,
        clips=tuple(_clip(file, known) for file in shown),
    )


def _clip(file: DockedFile, known: _Known) -> Clip:
    recording = known.recordings.get(file.recording_id or "")
    if recording is None:
        return Clip(
            file_id=file.id, name=file.name, size=file.size, state=ClipState(file.state), recorded_at=file.modified_at,
            note=file.note, received=known.received.get(file.id, 0), reference=file.reference,
        )  # fmt: skip
    exhibit = known.exhibits.get(recording.id)
    return Clip(
        file_id=file.id, name=file.name, size=file.size, recorded_at=recording.camera_time or file.modified_at,
        state=ClipState.SAFE if recording.id in known.safe else ClipState.STORED, duration_ms=recording.duration_ms,
        received=recording.size, note=recording.health_note or file.note,
        href=paths.exhibit(exhibit.id) if exhibit else paths.recording(recording.id),
        viewable=recording.viewable_at is not None,
        reference=recording.reference, exhibit=exhibit.reference if exhibit else None,
    )  # fmt: skip
