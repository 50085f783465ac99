"""A docking: one camera in one dock, and the list of what the dock found on it, before any of it has arrived.

The list is what "what is missing" is told from, so it is taken whole and nothing on it is refused for what a camera
says of itself: a clip of no length, a clip from the future, a clock that stood at 1970, an officer nobody knows. Such
things are accepted and noted. Only names that lead out of the camera's folder, or show something other than they are,
are refused, and the dock's own program never sends those.

Announcing is idempotent by dock, camera and the time of docking: after a lost answer the dock says the same again, and
when more files appear it says them as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import Act, ActKind
from evidence.clock import utc_text
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Dock, DockedFile, Docking, Upload
from ingest import refusals
from ingest.dock import KnownDock
from ingest.names import NameRefused, checked_name
from ingest.refusals import DockRefused
from ingest.upload import UploadState, move

PLAUSIBLE_FROM = datetime(2005, 1, 1, tzinfo=UTC)  # before the first body-worn cameras
PLAUSIBLE_AHEAD = timedelta(days=1)  # zones differ by hours, not by days
CLOCK_NOTED = timedelta(seconds=60)  # a dock's clock that is further off is noted in the ledger
UNKNOWN_CAMERA = "unknown"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as the dock lists it: label, bytes, clip or sidecar, and the time that its directory entry bears."""

    name: str
    size: int
    kind: str
    modified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a dock says when a camera stands in it. ``clock_offset_ms`` is camera minus UTC, when it was measured."""

    camera: str
    officer: str
    reference: str
    docked_at: datetime
    clock_offset_ms: int | None
    files: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """How things stand with a listed file."""

    id: str
    state: str
    recording: str | None


@dataclass(frozen=True, slots=True)
class Announced:
    """The docking's identifier, and each file by its name."""

    docking: str
    files: Mapping[str, Expected]


def announce(ground: Ground, dock: KnownDock, said: Announcement) -> Announced:
    """Write down what a dock found; in the ledger as ``docked``, once. Raises ``DockRefused`` for a name that travels.

    A file that has not arrived yet takes the size and time that were said last; what had arrived of an earlier state of
    it is given up. A reference is only ever added, because a person may have corrected it meanwhile.
    """
    _require_names(said.files)
    with ground.database.write() as session:
        session.get_one(Dock, dock.id, with_for_update=True)  # one announcement of a dock at a time
        docking = _known(session, dock, said) or _open(ground, session, dock, said)
        there = {row.name: row for row in session.scalars(select(DockedFile).filter_by(docking_id=docking.id))}
        for file in said.files:
            row = there.get(file.name)
            if row is None:
                row = there[file.name] = DockedFile(
                    id=new_id("dfi"), docking_id=docking.id, name=file.name, state="expected", size=0, kind=file.kind
                )
                session.add(row)
            _take(session, row, file, said.reference, ground.clock.now())
        return Announced(docking.id, {file.name: _expected(there[file.name]) for file in said.files})


def oddity(file: Listed, now: datetime) -> str:
    """What is worth noting about a listed file, in words; empty when nothing is."""
    if file.modified_at is not None and file.modified_at < PLAUSIBLE_FROM:
        return f"The camera's clock said {file.modified_at:%d %B %Y}, so its times are not to be relied on."
    if file.modified_at is not None and file.modified_at > now + PLAUSIBLE_AHEAD:
        return f"The camera's clock was ahead: the file is dated {file.modified_at:%d %B %Y}."
    return "The file is empty on the camera." if file.size == 0 else ""


def _take(session: Session, row: DockedFile, file: Listed, reference: str, now: datetime) -> None:
    if not row.reference:
        row.reference = reference
    if row.state not in {"expected", "uploading"}:
        return
    if row.state == "uploading" and (row.size, row.modified_at) != (file.size, file.modified_at):
        _give_up_uploads(session, row, now)
    row.size, row.kind, row.modified_at = file.size, file.kind, file.modified_at
    row.note = oddity(file, now)


def _give_up_uploads(session: Session, row: DockedFile, now: datetime) -> None:
    """The camera was still writing: what was sent of the file is no prefix of what it has become."""
    for upload in session.scalars(select(Upload).filter_by(docked_file_id=row.id).with_for_update()):
        if upload.state == UploadState.COMPLETE and not upload.manifest:
            move(upload, UploadState.RECEIVING, now)
        if upload.state == UploadState.RECEIVING:
            move(upload, UploadState.ABANDONED, now)
            row.state = "expected"


def _known(session: Session, dock: KnownDock, said: Announcement) -> Docking | None:
    found: Docking | None = session.scalar(
        select(Docking).filter_by(dock_id=dock.id, camera_serial=said.camera, docked_at=said.docked_at)
    )
    return found


def _open(ground: Ground, session: Session, dock: KnownDock, said: Announcement) -> Docking:
    now = ground.clock.now()
    docking = Docking(
        id=new_id("dkg"), dock_id=dock.id, camera_serial=said.camera, officer_collar=said.officer,
        clock_offset_ms=said.clock_offset_ms, docked_at=said.docked_at, announced_at=now,
    )  # fmt: skip
    session.add(docking)
    session.flush()
    using = {"docking": docking.id, "docked_at": utc_text(said.docked_at), "files": str(len(said.files))}
    if said.officer:
        using["officer"] = str(ledger.commit_value(session, f"collar:{said.officer}", said.officer))
    if said.clock_offset_ms is not None:
        using["clock_offset_ms"] = str(said.clock_offset_ms)
    if abs(said.docked_at - now) > CLOCK_NOTED:
        using["note"] = f"the dock's clock and the server's differ by {abs(said.docked_at - now).total_seconds():.0f} s"
    act = Act(
        what=ActKind.DOCKED,
        at=utc_text(now),
        who=dock.party,
        on={"dock": dock.id, "camera": said.camera or UNKNOWN_CAMERA},
        using=using,
    )
    ledger.record(session, act, ground.clock)
    return docking


def _require_names(files: tuple[Listed, ...]) -> None:
    seen: set[str] = set()
    for file in files:
        try:
            checked_name(file.name)
        except NameRefused as wrong:
            raise DockRefused(refusals.NAME_TRAVELS, str(wrong)) from wrong
        if file.name in seen:
            raise DockRefused(refusals.MALFORMED, f"a file is listed twice: {file.name[:80]!r}")
        seen.add(file.name)


def _expected(row: DockedFile) -> Expected:
    return Expected(row.id, row.state, row.recording_id)
