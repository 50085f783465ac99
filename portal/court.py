"""Secure links from the recipient's side: hand in the link, type the security code, hold a session of that link alone.

Mail scanners fetch links, run scripts and press buttons; nothing here is spent by any of that. A fetched page changes
nothing, a handed-in link leads to a form, and only a right code counts as an opening. Who has a wrong link is told the
same whatever is wrong with it; why a link does not open is told only to one who has its secret.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.entry import ActKind
from evidence.errors import Refused
from evidence.ground import Ground
from evidence.models import Link, LinkCode, LinkSession, Person
from evidence.sealing import hash_secret
from portal import acts, attempts, cookies, links
from portal.errors import Gone
from portal.permissions import Actor, Role, Standing
from portal.views.court import Closed

PURPOSE = "open-link"
TIME_FOR_CODE = timedelta(minutes=30)  # between handing the link in and typing the code
IDLE = timedelta(hours=2)  # a hearing adjourns for lunch

_HANDED_IN = re.compile(r"(lnk_[0-9a-f]{32})\.([A-Za-z0-9_-]{20,100})\s*$")
_DIGITS = re.compile(r"[0-9]{6}")
_WHY = {links.EXPIRED: Closed.EXPIRED, links.REVOKED: Closed.REVOKED, links.USED_UP: Closed.USED_UP}


class LinkClosed(Gone):
    """A link does not open; ``why`` is :data:`Closed.UNKNOWN` for one who has not proven its secret."""

    def __init__(self, why: Closed, owner: str = "") -> None:
        super().__init__(_WORDS[why])
        self.why = why
        self.owner = owner


_WORDS = {
    Closed.UNKNOWN: "This link does not work.",
    Closed.EXPIRED: "This link has expired.",
    Closed.REVOKED: "This link was ended.",
    Closed.USED_UP: "This link has been opened as often as it may.",
    Closed.LOCKED: "There were too many wrong security codes.",
}


class WrongCode(Refused):
    """The security code is not right, was used, or is too old. Which of these is not told."""

    code = "wrong-code"
    advice = "Check it, or ask whoever shared the link to read out a new one."


@dataclass(frozen=True, slots=True)
class Opening:
    """A link whose secret was proven and whose code is still owed."""

    link_id: str
    recipient: str
    owner: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is open in a browser: its cookie's value, and until when."""

    link_id: str
    reference: str
    until: datetime


def hand_in(ground: Ground, typed: str, *, address: str) -> str:
    """Prove a link's secret; the sealed value of the pending cookie. Raises :class:`LinkClosed` or ``TooManyTries``."""
    place = attempts.place_of(ground.sealer, "open", address)
    now = ground.clock.now()
    found = _HANDED_IN.search(typed)
    with ground.database.read() as session:
        attempts.check(session, place, now)
        link = session.get(Link, found[1]) if found else None
        right = compare_digest(link.secret_hash if link else "", hash_secret(found[2]) if found else "-")
        if link is not None and right:
            require_open(session, link, now)
    if link is None or not right:
        with ground.database.write() as session:
            attempts.count(session, place, now)
        raise LinkClosed(Closed.UNKNOWN)
    return cookies.seal_pending(ground.sealer, PURPOSE, {"link": link.id}, now + TIME_FOR_CODE)


def opening(ground: Ground, pending: str) -> Opening:
    """The opening that a pending cookie stands for; raises :class:`LinkClosed`."""
    with ground.database.read() as session:
        link = _pending(session, ground, pending)
        require_open(session, link, ground.clock.now())
        return Opening(link.id, link.recipient, owner_of(session, link))


def enter_code(ground: Ground, pending: str, typed: str, *, address: str, agent: str) -> Opened:
    """Check the security code and open the link, with its entry. Raises :class:`WrongCode` or :class:`LinkClosed`."""
    place = attempts.place_of(ground.sealer, "code", address)
    digits = "".join(typed.split())
    if not _DIGITS.fullmatch(digits):  # a pressed button is no guess: it costs no try
        raise WrongCode("Enter the 6 digits of the security code.")
    with ground.database.write() as session:
        now = ground.clock.now()
        attempts.check(session, place, now)
        link = _pending(session, ground, pending, lock=True)
        require_open(session, link, now)
        code = session.scalar(
            select(LinkCode).where(LinkCode.link_id == link.id).order_by(LinkCode.created_at.desc(), LinkCode.id.desc())
        )
        if code is not None and _is_right(ground, code, digits, now):
            return _open(session, ground, link, code, agent)
        attempts.count(session, place, now)
        locked = code is not None and _failed(session, ground, link, code)
        owner = owner_of(session, link)
    if locked:
        raise LinkClosed(Closed.LOCKED, owner)
    raise WrongCode("The security code is not right, or it is too old.")


def find_session(session: Session, reference: str, link_id: str, now: datetime) -> LinkSession | None:
    """The living session of a link's cookie. Raises :class:`LinkClosed` where the link has ended since."""
    row = session.get(LinkSession, hash_secret(reference)) if reference else None
    if row is None or row.link_id != link_id:
        return None
    if links.state_of(row.link, now) in {links.REVOKED, links.EXPIRED}:  # used up ends openings, not this one
        raise LinkClosed(_WHY[links.state_of(row.link, now)], owner_of(session, row.link))
    over = row.ended_at is not None or row.expires_at <= now or row.seen_at + IDLE <= now
    return None if over else row


def actor_for(link: Link) -> Actor:
    """The recipient of a link as the one who asks."""
    return Actor(role=Role.COURT, name=link.recipient, agency_name=link.organisation)


def standing_for(link: Link) -> Standing:
    """What a link grants."""
    return Standing.GRANTED_COPY if link.may_download else Standing.GRANTED


def owner_of(session: Session, link: Link) -> str:
    """The name of the one who issued a link."""
    return session.get_one(Person, link.created_by).name


def require_open(session: Session, link: Link, now: datetime) -> None:
    """Return only if a link can be opened; raises :class:`LinkClosed`."""
    state = links.state_of(link, now)
    if state != links.LIVE:
        raise LinkClosed(_WHY[state], owner_of(session, link))


def _pending(session: Session, ground: Ground, pending: str, *, lock: bool = False) -> Link:
    values = cookies.open_pending(ground.sealer, PURPOSE, pending, ground.clock.now())
    link = session.get(Link, values["link"], with_for_update={"of": Link} if lock else None) if values else None
    if link is None:
        raise LinkClosed(Closed.UNKNOWN)
    return link


def _is_right(ground: Ground, code: LinkCode, digits: str, now: datetime) -> bool:
    if _is_spent(code) or code.expires_at <= now or code.tries >= links.CODE_TRIES:
        return False
    return compare_digest(code.mark, links.code_mark(ground.sealer, code.id, digits))


def _failed(session: Session, ground: Ground, link: Link, code: LinkCode) -> bool:
    """Count a wrong try; whether the code is closed by it. The closing is told to the ledger, once a code."""
    if not _is_spent(code) and code.tries < links.CODE_TRIES:
        code.tries += 1
        if code.tries == links.CODE_TRIES:
            on = acts.on_exhibit(link.exhibit, link=link.id)
            who = acts.recipient(session, link)
            acts.tell(session, ground.clock, ActKind.LINK_REFUSED, who, on, why="too many wrong security codes")
    return not _is_spent(code) and code.tries >= links.CODE_TRIES


def _is_spent(code: LinkCode) -> bool:
    return code.used_at is not None and code.channel != links.STANDING


def _open(session: Session, ground: Ground, link: Link, code: LinkCode, agent: str) -> Opened:
    now = ground.clock.now()
    until = min(now + timedelta(seconds=ground.settings.session_absolute), link.expires_at)
    reference = cookies.new_reference()
    code.used_at, code.tries = now, 0
    link.openings += 1
    link.opened_at = now
    session.add(
        LinkSession(
            id=hash_secret(reference), link_id=link.id, form_token=cookies.new_reference(), created_at=now, seen_at=now,
            expires_at=until, agent=agent[:200],
        )
    )  # fmt: skip
    on = acts.on_exhibit(link.exhibit, link=link.id)
    acts.tell(session, ground.clock, ActKind.LINK_OPENED, acts.recipient(session, link), on)
    return Opened(link.id, reference, until)
