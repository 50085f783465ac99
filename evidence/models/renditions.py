"""What the workshop makes of a recording: renditions to watch, and suggestions of what to redact."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from evidence.models.base import Base, JsonMap


class Rendition(Base):
    """Something made from a recording for watching; presentation, never the evidence itself."""

    __tablename__ = "renditions"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # ren_...
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id"), index=True)
    profile: Mapped[str] = mapped_column(String(40))  # see transcode.profiles
    state: Mapped[str] = mapped_column(String(12))  # making | ready | failed
    reason: Mapped[str] = mapped_column(String(500), default="")  # why it failed, in words
    object_key: Mapped[str] = mapped_column(String(200), default="")
    digest: Mapped[str] = mapped_column(String(71), default="")
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    crc32: Mapped[int] = mapped_column(BigInteger, default=0)
    input_digest: Mapped[str] = mapped_column(String(71), default="")
    tool: Mapped[str] = mapped_column(String(200), default="")  # name and version
    parameters: Mapped[JsonMap] = mapped_column(default=dict)
    detail: Mapped[JsonMap] = mapped_column(
        default=dict
    )  # what a player needs: byte ranges, keys of tables, sprite layout
    cpu_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    made_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("recording_id", "profile"),)


class RedactionPlan(Base):
    """A version of what is to be hidden: a suggestion until a person has reviewed it. The document is an object."""

    __tablename__ = "redaction_plans"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # pln_...
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id"), index=True)
    version: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))  # making | suggestion | reviewing | approved | failed
    reason: Mapped[str] = mapped_column(String(500), default="")
    object_key: Mapped[str] = mapped_column(String(200), default="")
    digest: Mapped[str] = mapped_column(String(71), default="")
    summary: Mapped[JsonMap] = mapped_column(default=dict)  # number of tracks, seconds covered, for lists
    tool: Mapped[str] = mapped_column(String(200), default="")
    made_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("recording_id", "version"),)
