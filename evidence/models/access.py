"""Secure links, the sessions they open, and viewings: who watches what, by what right."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evidence.models.base import Base
from evidence.models.cases import Exhibit


class Link(Base):
    """A secure link to an exhibit for a named recipient without an account. Its secret is kept as a hash only."""

    __tablename__ = "links"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # lnk_...
    exhibit_id: Mapped[str] = mapped_column(ForeignKey("exhibits.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    recipient: Mapped[str] = mapped_column(String(200))
    organisation: Mapped[str] = mapped_column(String(200), default="")
    purpose: Mapped[str] = mapped_column(String(500))
    may_download: Mapped[bool] = mapped_column(default=False)
    max_openings: Mapped[int | None]
    openings: Mapped[int] = mapped_column(default=0)  # after a right code only
    created_by: Mapped[str] = mapped_column(ForeignKey("people.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]  # last time
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    exhibit: Mapped[Exhibit] = relationship(lazy="joined")


class LinkCode(Base):
    """A security code for a link: six digits, kept as a keyed hash, good for a short time and few tries."""

    __tablename__ = "link_codes"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # cod_...
    link_id: Mapped[str] = mapped_column(ForeignKey("links.id"), index=True)
    mark: Mapped[str] = mapped_column(String(64))  # evidence.sealing.Sealer.mark
    channel: Mapped[str] = mapped_column(String(12))  # read-out | email | sms
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class LinkSession(Base):
    """A browser that opened a link with a right code. The cookie's value is kept as its SHA-256 only."""

    __tablename__ = "link_sessions"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    link_id: Mapped[str] = mapped_column(ForeignKey("links.id"), index=True)
    form_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str] = mapped_column(String(200), default="")
    link: Mapped[Link] = relationship(lazy="joined")


class Viewing(Base):
    """One viewing of one rendition. Its ledger entry is durable before the first byte leaves."""

    __tablename__ = "viewings"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # vie_...
    exhibit_id: Mapped[str | None] = mapped_column(ForeignKey("exhibits.id"), index=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.id"), index=True)
    rendition: Mapped[str] = mapped_column(String(40))  # original, or a profile
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))
    session_id: Mapped[str] = mapped_column(String(64), index=True)  # web or link session that may go on with it
    link_id: Mapped[str | None] = mapped_column(ForeignKey("links.id"), index=True)
    entry_id: Mapped[int] = mapped_column()
    began_at: Mapped[datetime]
