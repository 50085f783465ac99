"""From bytes that have arrived to evidence that is stored: compare, finish the object, write it down, once.

Order: object, then transaction, then queue. The object is finished under its write-once key; then one transaction
writes the recording, its entries *received* and *stored*, the docked file's and the upload's state, and the jobs that
follow. A kill between any two steps leaves something that :func:`complete` takes up where it is, however often it is
called. Files are told apart by their digest, so a clip that comes twice, even through two docks at once, is stored
once; an empty file has no digest of its own and is told apart by camera and name as well.
"""

import hashlib
import threading
import zlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import Act, ActKind
from evidence.clock import parse_utc, utc_text
from evidence.ground import Ground
from evidence.models import Dock, DockedFile, Docking, LedgerEntry, Recording, Upload
from evidence.outbox import enqueue
from ingest.intake import Sums, sums_of_object, verify_staged
from ingest.manifest import Manifest, ManifestForged, verify
from ingest.quarantine import DIGEST_DIFFERS, FORGED, Reason, set_aside
from ingest.upload import UploadState, known, move

_UPLOADS = tuple(threading.Lock() for _ in range(64))
_FILES = tuple(threading.Lock() for _ in range(64))
_EMPTY_WORDS = "The file is empty: the camera began it and wrote nothing. It is kept as it is."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an upload. ``entry`` is the row id of the entry that says ``stored``: ask its receipt by it."""

    state: str  # receiving | stored | duplicate | quarantined
    recording: str | None = None
    entry: int | None = None
    words: str = ""

    def value(self) -> dict[str, Any]:
        """The body of an answer."""
        return {"state": self.state, "recording": self.recording, "entry": self.entry, "words": self.words}


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that is known of one upload when its bytes and its manifest are both here."""

    upload: Upload
    dock: Dock
    docking: Docking
    manifest: Manifest
    sums: Sums

    @property
    def identity(self) -> str:
        digest = self.sums.digest
        if self.sums.size:
            return digest.hex
        return hashlib.sha256(f"{digest}\0{self.manifest.camera}\0{self.manifest.name}".encode()).hexdigest()


def complete(ground: Ground, upload_id: str) -> Outcome:
    """Take an upload as far as it can go now. Idempotent, from any thread; blocks while the store works."""
    with _one_at_a_time(_UPLOADS, upload_id):
        with ground.database.read() as session:
            row = session.get_one(Upload, upload_id)
        if row.state != UploadState.COMPLETE or not row.manifest:
            return outcome(ground, upload_id)
        sums = known(row).sums or _sums_again(ground, row)
        if sums is None:
            return _back_to_receiving(ground, upload_id)
        with _one_at_a_time(_FILES, sums.digest.hex):  # whichever uploads it comes by
            return _take(ground, row, sums)


def outcome(ground: Ground, upload_id: str) -> Outcome:
    """What has become of an upload so far."""
    with ground.database.read() as session:
        upload = session.get_one(Upload, upload_id)
        if upload.state == UploadState.QUARANTINED:
            file = _file_of(session, upload)
            return Outcome("quarantined", words="" if file is None else file.note)
        if upload.state != UploadState.STORED:
            return Outcome("receiving")
        recording = session.get_one(Recording, upload.recording_id)
        own = recording.object_key == upload.object_key
        return Outcome("stored" if own else "duplicate", recording.id, stored_entry(session, recording.id))


def stored_entry(session: Session, recording_id: str) -> int | None:
    """The row id of the entry that says a recording is stored."""
    return session.scalar(
        select(func.min(LedgerEntry.id)).where(
            LedgerEntry.subject == f"recording:{recording_id}", LedgerEntry.kind == ActKind.STORED.value
        )
    )


def _one_at_a_time(locks: tuple[threading.Lock, ...], name: str) -> threading.Lock:
    return locks[zlib.crc32(name.encode()) % len(locks)]


def _sums_again(ground: Ground, upload: Upload) -> Sums | None:
    """Sum up what is stored or staged, where no sums were kept; ``None`` when not all of it survived."""
    if ground.objects.stat(upload.object_key) is not None:
        return sums_of_object(ground.objects, upload.object_key)
    incoming = ground.objects.incoming(upload.object_key, size=upload.length)
    try:
        if incoming.length < upload.length:
            return None
        running = verify_staged(incoming, known(upload).marks)
        if running is None:  # only the finished object can be read
            incoming.finish()
            return sums_of_object(ground.objects, upload.object_key)
        return running.sums if running.hashed == upload.length else None
    finally:
        incoming.close()


def _back_to_receiving(ground: Ground, upload_id: str) -> Outcome:
    with ground.database.write() as session:
        upload = session.get_one(Upload, upload_id)
        if upload.state == UploadState.COMPLETE:
            move(upload, UploadState.RECEIVING, ground.clock.now())
            upload.finished_at = None
    return Outcome("receiving", words="Part of the file has to be sent again.")


def _take(ground: Ground, row: Upload, sums: Sums) -> Outcome:
    case, wrong = _judge(ground, row, sums)
    there = None if wrong else _stored_already(ground, case)
    incoming = ground.objects.incoming(row.object_key, size=row.length)
    if there is None:
        incoming.finish()  # from here on the bytes are an object, whatever becomes of it
    with_entry = _write_down(ground, case, wrong)
    if there is not None:
        incoming.abandon()  # the same bytes are proven stored under another key
    return with_entry


def _judge(ground: Ground, row: Upload, sums: Sums) -> tuple[_Case, Reason | None]:
    manifest = Manifest.parse(row.manifest)
    with ground.database.read() as session:
        dock = session.get_one(Dock, row.dock_id)
        docking = session.get_one(Docking, manifest.docking)
    case = _Case(row, dock, docking, manifest, sums)
    try:
        verify(dock.public_key, row.manifest, row.signature)
    except ManifestForged:
        return case, FORGED
    return case, None if manifest.digest == sums.digest else DIGEST_DIFFERS


def _stored_already(ground: Ground, case: _Case) -> Recording | None:
    with ground.database.read() as session:
        there = session.scalar(select(Recording).where(Recording.identity == case.identity))
    if there is None or there.object_key == case.upload.object_key:
        return None
    stat = ground.objects.stat(there.object_key)
    return there if stat is not None and stat.size == case.sums.size else None


def _write_down(ground: Ground, case: _Case, wrong: Reason | None) -> Outcome:
    try:
        return _in_one_transaction(ground, case, wrong)
    except IntegrityError:  # another process stored the same file between our look and our commit
        return _in_one_transaction(ground, case, wrong)


def _in_one_transaction(ground: Ground, case: _Case, wrong: Reason | None) -> Outcome:
    with ground.database.write() as session:
        upload = session.get_one(Upload, case.upload.id)
        if upload.state == UploadState.COMPLETE:
            if wrong is not None:
                set_aside(session, ground, upload, case.sums, wrong, case.manifest.digest)
            else:
                _store(session, ground, upload, case)
    return outcome(ground, case.upload.id)


def _store(session: Session, ground: Ground, upload: Upload, case: _Case) -> None:
    file = _file_of(session, upload)
    there = session.scalar(select(Recording).where(Recording.identity == case.identity))
    if there is None:
        recording = _new_recording(ground, upload, case)
        session.add(recording)
        session.flush()
        _tell(session, ground, ActKind.RECEIVED, recording, case)
        _tell(session, ground, ActKind.STORED, recording, case)
        if recording.kind == "clip":
            enqueue(session, "probe", recording.id, queue="quick", clock=ground.clock)
    else:
        recording = there
        upload.recording_id = there.id
        _tell(session, ground, ActKind.RECEIVED_AGAIN, recording, case)
    move(upload, UploadState.STORED, ground.clock.now())
    if file is not None:
        file.state, file.note, file.recording_id = "stored", "", recording.id
        _join(session, ground, file, recording)
        _close_docking(session, ground, case.docking.id)


def _join(session: Session, ground: Ground, file: DockedFile, recording: Recording) -> None:
    """The reference was typed while the file was on its way."""
    if file.reference and recording.kind == "clip" and not recording.reference:
        enqueue(session, "join-case", recording.id, queue="quick", clock=ground.clock)


def _new_recording(ground: Ground, upload: Upload, case: _Case) -> Recording:
    manifest, sums, now = case.manifest, case.sums, ground.clock.now()
    is_empty = sums.size == 0
    return Recording(
        id=upload.recording_id, identity=case.identity, kind=manifest.kind, name=manifest.name,
        digest=str(sums.digest), crc32=sums.crc32, size=sums.size, object_key=upload.object_key,
        agency_id=case.dock.agency_id, dock_id=case.dock.id, docking_id=case.docking.id,
        camera_serial=manifest.camera, officer_collar=manifest.officer, manifest=upload.manifest,
        signature=upload.signature, clock_offset_ms=manifest.clock_offset_ms,
        camera_time=None if manifest.camera_time is None else parse_utc(manifest.camera_time),
        health="empty" if is_empty else "unknown", health_note=_EMPTY_WORDS if is_empty else "",
        docked_at=case.docking.docked_at, received_at=upload.finished_at or now, stored_at=now,
    )  # fmt: skip


def _tell(session: Session, ground: Ground, what: ActKind, recording: Recording, case: _Case) -> None:
    manifest = case.manifest
    using = {
        "dock": case.dock.id,
        "upload": case.upload.id,
        "manifest": hashlib.sha256(case.upload.manifest.encode()).hexdigest(),
        "signature": case.upload.signature,
        "size": str(case.sums.size),
        "crc32": f"{case.sums.crc32:08x}",
    }
    if manifest.camera:
        using["camera"] = manifest.camera
    if manifest.officer:
        using["officer"] = str(ledger.commit_value(session, f"collar:{manifest.officer}", manifest.officer))
    act = Act(
        what=what,
        at=utc_text(ground.clock.now()),
        who=ledger.machine(ground, "ingest", "receive"),
        on={"recording": recording.id, "digest": recording.digest},
        using=using,
    )
    ledger.record(session, act, ground.clock)


def _close_docking(session: Session, ground: Ground, docking_id: str) -> None:
    """Once every file of a docking is stored, say when."""
    session.flush()
    docking = session.get_one(Docking, docking_id)
    missing = session.scalar(
        select(func.count())
        .select_from(DockedFile)
        .where(DockedFile.docking_id == docking_id, DockedFile.state != "stored")
    )
    if missing == 0 and docking.complete_at is None:
        docking.complete_at = ground.clock.now()


def _file_of(session: Session, upload: Upload) -> DockedFile | None:
    return None if upload.docked_file_id is None else session.get(DockedFile, upload.docked_file_id)
