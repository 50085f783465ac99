"""Signed-in browsers: kept on the server, found by the hash of a cookie, ended at any moment.

A session begins when the password was right, is worth something only once the second factor was right too, and gets a
new reference then. It ends when it was idle too long, when its whole time is over, when it is ended, or with the
account. Playing counts as doing something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from evidence.models import Person, WebSession
from evidence.sealing import hash_secret
from evidence.settings import Settings
from portal import cookies

CODE_WAIT = timedelta(minutes=10)  # between the password and the code
TOUCH = timedelta(minutes=1)  # how exactly "last seen" is kept: a row is not written for every segment of a film


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lives: without being used, and in all."""

    idle: timedelta
    absolute: timedelta

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those of the settings."""
        return cls(timedelta(seconds=settings.session_idle), timedelta(seconds=settings.session_absolute))


def begin(session: Session, person: Person, now: datetime, limits: Limits, agent: str, *, second: bool) -> str:
    """Begin a session; returns the cookie's value. ``second`` says that the second factor was right as well."""
    reference = cookies.new_reference()
    session.add(
        WebSession(
            id=hash_secret(reference),
            person_id=person.id,
            form_token=cookies.new_reference(),
            second_factor_at=now if second else None,
            created_at=now,
            seen_at=now,
            expires_at=now + (limits.absolute if second else CODE_WAIT),
            agent=agent[:200],
        )
    )
    session.flush()
    return reference


def find(session: Session, reference: str, now: datetime, limits: Limits) -> WebSession | None:
    """The living session of a cookie's value; also one that still waits for its second factor."""
    row = session.get(WebSession, hash_secret(reference)) if reference else None
    return row if row is not None and is_alive(row, now, limits) else None


def is_alive(row: WebSession, now: datetime, limits: Limits) -> bool:
    """Whether a session still counts."""
    over = row.ended_at is not None or row.expires_at <= now or row.seen_at + limits.idle <= now
    return not over and row.person.active


def touch(session: Session, session_id: str, now: datetime) -> None:
    """It was used now."""
    session.execute(update(WebSession).where(WebSession.id == session_id).values(seen_at=now))


def end(session: Session, session_id: str, now: datetime) -> None:
    """End one session."""
    session.execute(_living(now).where(WebSession.id == session_id))


def end_all(session: Session, person_id: str, now: datetime) -> None:
    """End all sessions of a person."""
    session.execute(_living(now).where(WebSession.person_id == person_id))


def end_by_handle(session: Session, person_id: str, handle: str, now: datetime) -> bool:
    """End the session that a person's own list calls so; whether there was one."""
    found = [row for row in of_person(session, person_id) if handle_of(row) == handle]
    for row in found:
        row.ended_at = now
    return bool(found)


def of_person(session: Session, person_id: str) -> Sequence[WebSession]:
    """A person's sessions that were not ended, the last used first."""
    return session.scalars(
        select(WebSession)
        .where(
            WebSession.person_id == person_id, WebSession.ended_at.is_(None), WebSession.second_factor_at.is_not(None)
        )
        .order_by(WebSession.seen_at.desc())
    ).all()


def handle_of(row: WebSession) -> str:
    """A name for a session that can be shown; neither the cookie nor its hash follows from it."""
    return hash_secret(f"handle:{row.id}")[:16]


def _living(now: datetime) -> Update:
    return update(WebSession).where(WebSession.ended_at.is_(None)).values(ended_at=now)
