"""Whether a viewing may go on: asked before every segment, so it is one small query and nothing else.

What never changes about a viewing is remembered; what can end it (its session, the account, the link) is asked of the
database each time. The question is put to the driver as prepared text: forty viewers ask it all the time, and through
the object mapper it cost thirty times as much.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from sqlalchemy import BindParameter, ClauseElement, bindparam, or_, select
from sqlalchemy.orm import Session

from evidence.clock import utc_text
from evidence.database import Database
from evidence.errors import NotFound
from evidence.ground import Ground
from evidence.models import Link, LinkSession, Person, Recording, Viewing, WebSession
from portal import links, sessions
from portal.court import IDLE, LinkClosed
from portal.errors import NotSignedIn
from portal.exhibits import NOT_HERE
from portal.playback import Showing
from portal.views.court import Closed

_REMEMBERED = 4096  # viewings


class Showings:
    """Remembers what never changes about the viewings of one process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Showing] = OrderedDict()
        self._lock = Lock()

    def find(self, ground: Ground, viewing_id: str) -> Showing:
        """The viewing of an identifier; raises ``NotFound``."""
        with self._lock:
            there = self._kept.get(viewing_id)
            if there is not None:
                self._kept.move_to_end(viewing_id)
                return there
        with ground.database.read() as session:
            found = _showing(session, viewing_id)
        with self._lock:
            self._kept[viewing_id] = found
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return found


def _showing(session: Session, viewing_id: str) -> Showing:
    row = session.execute(
        select(Viewing, Recording.object_key)
        .join(Recording, Recording.id == Viewing.recording_id)
        .where(Viewing.id == viewing_id)
    ).one_or_none()
    if row is None:
        raise NotFound(NOT_HERE)
    viewing, key = row
    return Showing(
        id=viewing.id, recording=viewing.recording_id, object_key=key, rendition=viewing.rendition,
        session_id=viewing.session_id, link=viewing.link_id, began_at=viewing.began_at,
    )  # fmt: skip


_NOW: BindParameter[Any] = bindparam("now")
_IDLE: BindParameter[Any] = bindparam("idle")
_DUE: BindParameter[Any] = bindparam("due")
_BY_LINK = (
    select(
        Link.revoked_at.is_not(None),
        Link.expires_at <= _NOW,
        or_(LinkSession.ended_at.is_not(None), LinkSession.expires_at <= _NOW, LinkSession.seen_at <= _IDLE),
        LinkSession.seen_at <= _DUE,
        Person.name,
    )
    .join(Link, Link.id == LinkSession.link_id)
    .join(Person, Person.id == Link.created_by)
    .where(LinkSession.id == bindparam("session"))
)
_BY_ACCOUNT = (
    select(
        or_(WebSession.ended_at.is_not(None), WebSession.expires_at <= _NOW, WebSession.seen_at <= _IDLE),
        Person.active.is_(False),
        WebSession.seen_at <= _DUE,
    )
    .join(Person, Person.id == WebSession.person_id)
    .where(WebSession.id == bindparam("session"))
)


class Liveness:
    """Asks whether viewings may go on. One a process; threads share it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._idle = sessions.Limits.of(ground.settings).idle
        self._by_link = _Prepared(ground.database, _BY_LINK)
        self._by_account = _Prepared(ground.database, _BY_ACCOUNT)

    def require(self, showing: Showing) -> bool:
        """Return only if a viewing may go on at this moment; whether its session should be touched.

        Raises :class:`~portal.court.LinkClosed` or :class:`NotSignedIn`.
        """
        now = self._ground.clock.now()
        if showing.link is None:
            over, closed, due = self._by_account.ask(showing.session_id, now, self._idle)
            if over or closed:
                raise NotSignedIn("Your session has ended.")
            return bool(due)
        revoked, expired, over, due, owner = self._by_link.ask(showing.session_id, now, IDLE)
        if revoked or expired:
            raise LinkClosed(Closed.REVOKED if revoked else Closed.EXPIRED, owner)
        if over:
            raise NotSignedIn("This viewing has ended.", advice="Open the link again with a new security code.")
        return bool(due)

    def touch(self, showing: Showing) -> None:
        """Its session was used now: playing is doing something."""
        now = self._ground.clock.now()
        with self._ground.database.write() as session:
            if showing.link is not None:
                links.touch_session(session, showing.session_id, now)
            else:
                sessions.touch(session, showing.session_id, now)


class _Prepared:
    """A query as the text that its database wants, and the order in which it wants the values."""

    def __init__(self, database: Database, query: ClauseElement) -> None:
        compiled: Any = query.compile(database.engine)
        self._database, self._text = database, str(compiled)
        self._order: list[str] | None = compiled.positiontup

    def ask(self, session: str, now: datetime, idle: timedelta) -> Any:
        """The one row; raises ``NotFound`` when there is none."""
        kept = utc_text if self._database.is_sqlite else _same
        values: dict[str, Any] = {
            "session": session, "now": kept(now), "idle": kept(now - idle), "due": kept(now - sessions.TOUCH),
        }  # fmt: skip
        connection = self._database.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(self._text, values if self._order is None else [values[name] for name in self._order])
            row = cursor.fetchone()
            cursor.close()
        finally:
            connection.close()
        if row is None:
            raise NotFound(NOT_HERE)
        return row


def _same(at: datetime) -> Any:
    return at
