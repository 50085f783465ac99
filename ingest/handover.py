"""Handing in a manifest, asking what became of an upload, and which entry its receipt is for.

A manifest is accepted when the dock that sends it has signed it and it is about the very upload it comes with. A digest
that differs from the bytes is not decided here but when both are complete, in :mod:`ingest.receive`, because then the
bytes must be kept and set aside.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from evidence.errors import NotFound
from evidence.ground import Ground
from evidence.models import DockedFile, Docking, Recording, Upload
from ingest import receive, refusals
from ingest.dock import KnownDock
from ingest.manifest import Manifest, ManifestForged, verify
from ingest.receive import Outcome
from ingest.refusals import DockRefused
from ingest.upload import UploadState, find


def hand_in(ground: Ground, dock: KnownDock, upload_id: str, text: str, signature: str) -> Outcome:
    """Keep a manifest with its upload and take the upload as far as it goes. The same again is fine.

    Raises ``DockRefused`` for another dock's upload, a signature that is not this dock's, or a manifest about something
    else; :class:`~ingest.manifest.NotAManifest` for what is none. Nothing is lost by it: the bytes stay where they are.
    """
    manifest = Manifest.parse(text)
    try:
        verify(dock.public_key, text, signature)
    except ManifestForged as wrong:
        raise DockRefused(refusals.MANIFEST_SIGNATURE, str(wrong)) from wrong
    with ground.database.write() as session:
        upload = find(session, dock, upload_id)
        _require_about(session, dock, upload, manifest)
        if upload.state in {UploadState.RECEIVING, UploadState.COMPLETE}:
            upload.manifest, upload.signature = text, signature
        elif upload.manifest != text:
            raise DockRefused(refusals.MANIFEST_DIFFERS, f"the upload is {upload.state} under another manifest")
    return receive.complete(ground, upload_id)


def state_of(ground: Ground, dock: KnownDock, upload_id: str) -> Outcome:
    """What has become of one of the dock's own uploads; takes up again what a crash interrupted."""
    with ground.database.read() as session:
        find(session, dock, upload_id)
    return receive.complete(ground, upload_id)


def entry_for(ground: Ground, dock: KnownDock, recording_id: str) -> int:
    """The row id of the entry that says a recording is stored, for a dock that has sent it.

    A dock may ask for what it sent itself, also when another dock's copy of the same file was the first to arrive.
    Raises :class:`~evidence.errors.NotFound` for all else, in the same words whether or not it exists.
    """
    with ground.database.read() as session:
        entry = receive.stored_entry(session, recording_id) if _has_sent(session, dock, recording_id) else None
    if entry is None:
        raise NotFound("this dock has sent no such recording")
    return entry


def _require_about(session: Session, dock: KnownDock, upload: Upload, manifest: Manifest) -> None:
    file = session.get(DockedFile, upload.docked_file_id) if upload.docked_file_id else None
    if file is None:
        raise DockRefused(refusals.MANIFEST_DIFFERS, "the upload belongs to no announced file")
    differs = {
        "dock": manifest.dock != dock.id,
        "docking": manifest.docking != file.docking_id,
        "name": manifest.name != file.name,
        "size": manifest.size != upload.length,
        "camera": manifest.camera != file.docking.camera_serial,
        "kind": manifest.kind != file.kind,
    }
    if any(differs.values()):
        words = ", ".join(word for word, is_other in differs.items() if is_other)
        raise DockRefused(refusals.MANIFEST_DIFFERS, f"not what was announced: {words}")


def _has_sent(session: Session, dock: KnownDock, recording_id: str) -> bool:
    row = session.get(Recording, recording_id)
    if row is None:
        return False
    listed = (
        select(DockedFile.id)
        .join(Docking, Docking.id == DockedFile.docking_id)
        .where(DockedFile.recording_id == recording_id, Docking.dock_id == dock.id)
    )
    return row.dock_id == dock.id or session.scalar(listed.limit(1)) is not None
