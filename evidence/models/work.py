"""Jobs, which are the outbox as well, and leases."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from evidence.models.base import Base, JsonMap


class Job(Base):
    """Work to be done, written in the transaction of the rows it follows. The row is the truth, a message wakes."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # job_...
    kind: Mapped[str] = mapped_column(String(40))
    queue: Mapped[str] = mapped_column(String(20))  # quick | heavy | redaction
    subject: Mapped[str] = mapped_column(String(60))
    payload: Mapped[JsonMap] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(String(12))  # queued | running | done | parked
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    wake_at: Mapped[datetime]  # when the queue is to hear of it, for the first time or once more
    started_at: Mapped[datetime | None]
    beat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(1000), default="")
    __table_args__ = (
        UniqueConstraint("kind", "subject"),
        Index("ix_jobs_waiting", "state", "wake_at"),
    )


class Lease(Base):
    """The right to be the only one doing something, until a time. A holder that dies loses it by waiting."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(80))
    until: Mapped[datetime]
