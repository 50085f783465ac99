"""The clock as a port: every time that is kept is UTC, and every part that asks for it is handed a clock.

The text form is RFC 3339 in UTC with microseconds and ``Z``, always 27 characters, so that it sorts as text.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from evidence.errors import BadInput


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved: for tests and for models of a day."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        """The time it was set to."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move on by a duration, which may be negative: clocks jump."""
        self._at += by


def utc_text(at: datetime) -> str:
    """RFC 3339 text in UTC with microseconds, for instance ``2026-11-22T22:10:00.000000Z``.

    Raises :class:`BadInput` for a naive time: a time without a zone is not evidence of anything.
    """
    if at.tzinfo is None:
        raise BadInput("a time without a zone cannot be recorded")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_utc(text: str) -> datetime:
    """Read an RFC 3339 time with a zone; raises :class:`BadInput` for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise BadInput(f"not a time: {text[:40]!r}") from wrong
    if at.tzinfo is None:
        raise BadInput(f"a time without a zone: {text[:40]!r}")
    return at.astimezone(UTC)
