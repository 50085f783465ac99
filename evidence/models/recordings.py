"""Uploads on their way in, the recordings they become, and what had to be set aside."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from evidence.models.base import Base, JsonMap


class Upload(Base):
    """One upload. The truth of its offset is the staged object; ``synced`` is only what was durable last."""

    __tablename__ = "uploads"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # upl_...
    dock_id: Mapped[str] = mapped_column(ForeignKey("docks.id"), index=True)
    docked_file_id: Mapped[str | None] = mapped_column(ForeignKey("docked_files.id"), index=True)
    recording_id: Mapped[str] = mapped_column(String(40))  # the name it will have when it is stored
    object_key: Mapped[str] = mapped_column(String(200))
    length: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(400))
    note: Mapped[JsonMap] = mapped_column(default=dict)  # tus Upload-Metadata, decoded
    state: Mapped[str] = mapped_column(
        String(16), index=True
    )  # receiving | complete | stored | quarantined | abandoned
    synced: Mapped[int] = mapped_column(BigInteger, default=0)
    marks: Mapped[JsonMap] = mapped_column(default=dict)  # byte offset -> digest of the prefix up to it
    manifest: Mapped[str] = mapped_column(default="")  # canonical JSON as the dock signed it
    signature: Mapped[str] = mapped_column(String(128), default="")  # Ed25519 over the manifest, hexadecimal
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class Recording(Base):
    """A file of evidence that is stored: a clip, or a sidecar that the camera wrote beside it.

    ``identity`` makes storing idempotent: the digest, and for an empty file also camera and name, since all empty files
    have one digest. The times are the court clock of the recording.
    """

    __tablename__ = "recordings"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # rec_...
    identity: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(12))  # clip | sidecar
    name: Mapped[str] = mapped_column(String(400))  # as on the camera
    digest: Mapped[str] = mapped_column(String(71), index=True)  # sha256:...
    crc32: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)
    object_key: Mapped[str] = mapped_column(String(200))
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"), index=True)
    dock_id: Mapped[str] = mapped_column(ForeignKey("docks.id"))
    docking_id: Mapped[str | None] = mapped_column(ForeignKey("dockings.id"), index=True)
    camera_serial: Mapped[str] = mapped_column(String(120), default="")
    officer_collar: Mapped[str] = mapped_column(String(40), default="", index=True)
    manifest: Mapped[str] = mapped_column(default="")
    signature: Mapped[str] = mapped_column(String(128), default="")
    camera_time: Mapped[datetime | None]  # start of the clip as the camera tells it, never corrected in place
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)  # camera minus UTC, stored beside
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    probe: Mapped[JsonMap | None]  # what was found inside, see transcode.probe
    health: Mapped[str] = mapped_column(
        String(16), default="unknown"
    )  # unknown | playable | empty | damaged | not-video
    health_note: Mapped[str] = mapped_column(String(500), default="")  # in words
    reference: Mapped[str] = mapped_column(String(80), default="", index=True)  # typed once, by the officer
    case_id: Mapped[str | None] = mapped_column(ForeignKey("cases.id"), index=True)
    docked_at: Mapped[datetime]
    received_at: Mapped[datetime]
    stored_at: Mapped[datetime]
    viewable_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    disclosed_at: Mapped[datetime | None]
    watched_at: Mapped[datetime | None]
    __table_args__ = (Index("ix_recordings_agency_docked", "agency_id", "docked_at"),)


class Quarantined(Base):
    """Bytes that could not be taken as evidence as they are: kept, named, and explained."""

    __tablename__ = "quarantine"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # qua_...
    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), unique=True)
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"), index=True)
    dock_id: Mapped[str] = mapped_column(ForeignKey("docks.id"))
    name: Mapped[str] = mapped_column(String(400))
    size: Mapped[int] = mapped_column(BigInteger)
    expected: Mapped[str] = mapped_column(String(71), default="")  # digest that the manifest promised
    found: Mapped[str] = mapped_column(String(71))  # digest of the bytes that came
    reason: Mapped[str] = mapped_column(String(40))  # a word, see ingest.quarantine
    words: Mapped[str] = mapped_column(String(500))  # the same for a person, with what to do
    object_key: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
