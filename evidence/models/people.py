"""Agencies, the people who work for them, and their sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from evidence.models.base import Base


class Agency(Base):
    """A police force, the prosecution service, a court, a defence firm, an oversight body."""

    __tablename__ = "agencies"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # ag_...
    name: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(20))  # police | prosecution | court | defence | oversight | other
    created_at: Mapped[datetime]


class Person(Base):
    """Somebody with an account. Secrets are hashed (password) or sealed (second factor), never in clear."""

    __tablename__ = "people"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)  # per_...
    agency_id: Mapped[str] = mapped_column(ForeignKey("agencies.id"))
    role: Mapped[str] = mapped_column(String(20))  # administrator | officer | redactor | prosecutor | auditor
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str] = mapped_column(String(320), unique=True)  # lower case
    collar: Mapped[str] = mapped_column(
        String(40), default="", index=True
    )  # shoulder number, as cameras know the officer
    initials: Mapped[str] = mapped_column(String(5))
    password_hash: Mapped[str] = mapped_column(String(300), default="")
    totp_sealed: Mapped[str] = mapped_column(String(300), default="")
    totp_last_step: Mapped[int] = mapped_column(default=0)  # RFC 6238: a code is good once
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    agency: Mapped[Agency] = relationship(lazy="joined")


class WebSession(Base):
    """A signed-in browser. The cookie's value is kept as its SHA-256 only."""

    __tablename__ = "web_sessions"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie, hexadecimal
    person_id: Mapped[str] = mapped_column(ForeignKey("people.id"), index=True)
    form_token: Mapped[str] = mapped_column(String(64))
    second_factor_at: Mapped[datetime | None]  # None: password right, code still owed
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str] = mapped_column(String(200), default="")
    person: Mapped[Person] = relationship(lazy="joined")


class SetupLink(Base):
    """A one-time link to set up an account: the first administrator's, or somebody's who was invited."""

    __tablename__ = "setup_links"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the secret
    person_id: Mapped[str | None] = mapped_column(ForeignKey("people.id"))  # None: makes the first administrator
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Attempts(Base):
    """How often what may be guessed was tried from one place, over all processes. The place is kept as a keyed hash."""

    __tablename__ = "attempts"
    key: Mapped[str] = mapped_column(String(100), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime]  # begin of the window that is counted
