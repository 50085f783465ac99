"""Uploads as rows: how they begin, how far they are, and which state follows which.

::

    receiving ◄──► complete ──► stored
        │           │   └─────► quarantined
        └─► abandoned ◄─┘

*Receiving* until the last announced byte is durable; *complete* while the manifest is missing or the bytes are being
stored; then *stored* (under its own recording, or matched to one that was there), or *quarantined*. *Abandoned* is an
upload of a file that turned out to be still growing when it was announced: it begins anew under another id. The truth
of how much has arrived is the staged object; a row keeps only what is needed to trust it after a crash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from evidence.digest import Digest
from evidence.errors import OutOfSpace
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import DockedFile, Upload
from ingest import refusals
from ingest.dock import KnownDock
from ingest.intake import Sums
from ingest.refusals import DockRefused


class UploadState(StrEnum):
    """Where an upload stands."""

    RECEIVING = "receiving"
    COMPLETE = "complete"
    STORED = "stored"
    QUARANTINED = "quarantined"
    ABANDONED = "abandoned"


_OPEN = (UploadState.RECEIVING, UploadState.COMPLETE)
_FOLLOWS = {
    UploadState.RECEIVING: {UploadState.COMPLETE, UploadState.ABANDONED},
    UploadState.COMPLETE: {
        UploadState.RECEIVING,
        UploadState.STORED,
        UploadState.QUARANTINED,
        UploadState.ABANDONED,
    },
}
_UNSETTLED_FILES = ("expected", "uploading", "quarantined")  # what was set aside may be sent again from the camera


@dataclass(frozen=True, slots=True)
class KnownUpload:
    """An upload as it stood when it was looked up."""

    id: str
    dock_id: str
    object_key: str
    length: int
    state: UploadState
    marks: Mapping[int, Digest]
    sums: Sums | None  # of the whole, once all of it was durable

    @property
    def is_open(self) -> bool:
        """Whether it is not yet decided what becomes of it."""
        return self.state in _OPEN


_CRC = "crc32"  # stands among a row's marks when the whole was durable; the last mark is then the file's digest


def known(row: Upload) -> KnownUpload:
    """The frozen form of a row."""
    marks = {int(offset): Digest.parse(digest) for offset, digest in row.marks.items() if offset != _CRC}
    crc, whole = row.marks.get(_CRC), marks.get(row.length)
    sums = None if crc is None or whole is None else Sums(row.length, whole, int(crc))
    return KnownUpload(row.id, row.dock_id, row.object_key, row.length, UploadState(row.state), marks, sums)


def move(row: Upload, state: UploadState, at: datetime) -> None:
    """Let a row's next state follow; raises :class:`ValueError` for one that cannot, which is our own mistake."""
    if state not in _FOLLOWS.get(UploadState(row.state), ()):
        raise ValueError(f"an upload that is {row.state} cannot become {state}")
    row.state, row.touched_at = state, at
    if state not in _OPEN:
        row.finished_at = row.finished_at or at


def find(session: Session, dock: KnownDock, upload_id: str) -> Upload:
    """The row of one of a dock's own uploads; of any other dock's it is not told whether they exist."""
    row = session.get(Upload, upload_id)
    if row is None or row.dock_id != dock.id:
        raise DockRefused(refusals.UPLOAD_UNKNOWN)
    if row.state == UploadState.ABANDONED:
        raise DockRefused(refusals.UPLOAD_OVER)
    return row


def look_up(ground: Ground, dock: KnownDock, upload_id: str) -> KnownUpload:
    """The same in a transaction of its own."""
    with ground.database.read() as session:
        return known(find(session, dock, upload_id))


def begin(ground: Ground, dock: KnownDock, docked_file_id: str, length: int, note: Mapping[str, str]) -> KnownUpload:
    """Begin the upload of a docked file, or find the one that was begun: an answer may have been lost.

    Raises :class:`~ingest.refusals.DockRefused` when the dock announced no such file or another size, and
    :class:`~evidence.errors.OutOfSpace` when what is announced would not fit.
    """
    _require_space(ground, length)
    with ground.database.write() as session:
        file = session.get(DockedFile, docked_file_id)
        if file is None or file.docking.dock_id != dock.id:
            raise DockRefused(refusals.FILE_UNKNOWN)
        if length != file.size:
            raise DockRefused(refusals.LENGTH_DIFFERS, f"{length} bytes were to come, {file.size} were announced")
        there = session.scalar(
            select(Upload).where(Upload.docked_file_id == file.id, Upload.state.in_([state.value for state in _OPEN]))
        )
        if there is not None:
            return known(there)
        if file.state not in _UNSETTLED_FILES:
            raise DockRefused(refusals.NOT_EXPECTED, f"the file is {file.state} already")
        row = _new_row(file, dock, length, note, ground.clock.now())
        session.add(row)
        file.state = "uploading"
        return known(row)


def _new_row(file: DockedFile, dock: KnownDock, length: int, note: Mapping[str, str], now: datetime) -> Upload:
    recording_id = new_id("rec")
    row = Upload(
        id=new_id("upl"), dock_id=dock.id, docked_file_id=file.id, recording_id=recording_id,
        object_key=f"received/{recording_id}", length=length, name=file.name, note=dict(note),
        state=UploadState.RECEIVING.value, synced=0, marks={}, manifest="", signature="", created_at=now,
        touched_at=now,
    )  # fmt: skip
    if length == 0:
        move(row, UploadState.COMPLETE, now)
        row.finished_at = now
        row.marks = {"0": str(Digest.of(b"")), _CRC: 0}
    return row


def _require_space(ground: Ground, length: int) -> None:
    free = ground.objects.free()
    if free is None:
        return
    with ground.database.read() as session:
        owed = func.coalesce(func.sum(Upload.length - Upload.synced), 0)
        promised = session.scalar(select(owed).where(Upload.state == UploadState.RECEIVING.value)) or 0
    floor = ground.settings.free_space_floor
    if free - int(promised) - length < floor:
        raise OutOfSpace(
            f"{length} bytes are to come, {promised} are promised to other uploads, {max(0, free - floor)} are free"
        )


def keep_marks(ground: Ground, upload_id: str, marks: Mapping[int, Digest]) -> None:
    """Write down the marks while bytes arrive, so that a crash costs little."""
    with ground.database.write() as session:
        _keep(session.get_one(Upload, upload_id), marks, ground.clock.now())


def keep_progress(
    ground: Ground, upload_id: str, synced: int, marks: Mapping[int, Digest], sums: Sums | None
) -> UploadState:
    """Write down what a sync has made durable; the whole length makes the upload complete. Returns its state then.

    ``sums`` are those of the whole, taken from the bytes as they passed; nobody has to read them again.
    """
    with ground.database.write() as session:
        row = session.get_one(Upload, upload_id)
        now = ground.clock.now()
        if _keep(row, marks, now):
            row.synced = synced
            if synced == row.length:
                move(row, UploadState.COMPLETE, now)
                row.finished_at = now
                if sums is not None:
                    row.marks = {**row.marks, str(sums.size): str(sums.digest), _CRC: sums.crc32}
        return UploadState(row.state)


def _keep(row: Upload, marks: Mapping[int, Digest], now: datetime) -> bool:
    if row.state != UploadState.RECEIVING:
        return False
    if marks:  # none where the store vouches for what is staged
        row.marks = {str(offset): str(digest) for offset, digest in sorted(marks.items())}
    row.touched_at = now
    return True
