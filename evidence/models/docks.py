"""Docks, how they are enrolled, and what they say is in the cameras that stand in them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evidence.models.base import Base


class Dock(Base):
    """A dock: an Ed25519 key (RFC 8032) that was enrolled with a one-time code."""

    __tablename__ = "docks"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # dok_...
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"))
    name: Mapped[str] = mapped_column(String(120))
    station: Mapped[str] = mapped_column(String(120), default="")
    public_key: Mapped[str] = mapped_column(String(64), unique=True)  # 32 bytes, hexadecimal
    enrolled_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]


class EnrolmentCode(Base):
    """A one-time code that lets one dock enrol its key. Kept as a hash."""

    __tablename__ = "enrolment_codes"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the code
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"))
    dock_name: Mapped[str] = mapped_column(String(120))
    station: Mapped[str] = mapped_column(String(120), default="")
    created_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    dock_id: Mapped[str | None] = mapped_column(ForeignKey("docks.id"))


class DockToken(Base):
    """A dock's short-lived bearer token, given for a signature over a fresh challenge. Kept as a hash."""

    __tablename__ = "dock_tokens"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the token or of the challenge
    dock_id: Mapped[str] = mapped_column(ForeignKey("docks.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))  # challenge | token
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]  # a challenge is good once
    dock: Mapped[Dock] = relationship(lazy="joined")


class Docking(Base):
    """One camera in one dock, from its arrival: who wore it, and how wrong its clock was."""

    __tablename__ = "dockings"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # dkg_...
    dock_id: Mapped[str] = mapped_column(ForeignKey("docks.id"), index=True)
    camera_serial: Mapped[str] = mapped_column(String(120), default="", index=True)
    officer_collar: Mapped[str] = mapped_column(String(40), default="", index=True)
    clock_offset_ms: Mapped[int | None] = mapped_column(BigInteger)  # camera minus UTC; None: not measured
    docked_at: Mapped[datetime]  # when the dock saw the camera, by the dock's clock
    announced_at: Mapped[datetime]  # when the server heard of it
    complete_at: Mapped[datetime | None]  # every listed file is safe
    dock: Mapped[Dock] = relationship(lazy="joined")


class DockedFile(Base):
    """A file that a dock says is on a camera, whether or not it has arrived: what "what is missing" is told from."""

    __tablename__ = "docked_files"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # dfi_...
    docking_id: Mapped[str] = mapped_column(ForeignKey("dockings.id"), index=True)
    name: Mapped[str] = mapped_column(String(400))  # path below the camera's folder, as found
    size: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(12))  # clip | sidecar
    modified_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))  # expected | uploading | stored | quarantined | refused
    note: Mapped[str] = mapped_column(String(500), default="")  # in words, when refused or quarantined
    recording_id: Mapped[str | None] = mapped_column(String(40), index=True)
    reference: Mapped[str] = mapped_column(String(80), default="")  # typed while it was on its way
    referenced_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    __table_args__ = (UniqueConstraint("docking_id", "name"),)
    docking: Mapped[Docking] = relationship(lazy="joined")
