"""Cases and their exhibits."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evidence.models.base import Base
from evidence.models.recordings import Recording


class Case(Base):
    """A case. It can exist before its URN does: ``reference`` is what the officer typed, ``urn`` may come later."""

    __tablename__ = "cases"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # cas_...
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"), index=True)
    reference: Mapped[str] = mapped_column(String(80), index=True)
    urn: Mapped[str | None] = mapped_column(String(40), unique=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    opened_by: Mapped[str] = mapped_column(ForeignKey("people.id"))
    opened_at: Mapped[datetime]
    exhibits: Mapped[list["Exhibit"]] = relationship(back_populates="case", order_by="Exhibit.number")
    __table_args__ = (UniqueConstraint("agency_id", "reference"),)


class Exhibit(Base):
    """A recording in a case, under its producer's initials and a number: JAS/1."""

    __tablename__ = "exhibits"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # exh_...
    case_id: Mapped[str] = mapped_column(ForeignKey("cases.id"), index=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id"), index=True)
    reference: Mapped[str] = mapped_column(String(20))
    initials: Mapped[str] = mapped_column(String(5))
    number: Mapped[int]
    produced_by: Mapped[str] = mapped_column(ForeignKey("people.id"))
    shows: Mapped[str] = mapped_column(String(2000), default="")  # "what this shows", in the officer's words
    status: Mapped[str] = mapped_column(String(16), default="unassessed")  # key | unused | not-relevant | unassessed
    made_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]  # the reference was corrected: out of this case, its number is never reused
    case: Mapped[Case] = relationship(back_populates="exhibits", lazy="joined")
    recording: Mapped[Recording] = relationship(lazy="joined")
    __table_args__ = (UniqueConstraint("case_id", "reference"), UniqueConstraint("case_id", "recording_id"))
