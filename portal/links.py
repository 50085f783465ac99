"""Secure links from the owner's side: to whom, for what, until when; codes to read out; each opening; the end of it.

The address is ``/open#<link>.<secret>``: what stands after ``#`` never reaches a server's log, and of the secret only a
hash is kept, so the address can be shown once and never again. A link alone opens nothing. Its owner reads a security
code out, six digits, kept as a keyed hash, good once, for ten minutes and five tries.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from custody.entry import ActKind, Party
from evidence.clock import Clock, utc_text
from evidence.errors import BadInput, Conflict, NotFound
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Exhibit, Link, LinkCode, LinkSession, Person, Viewing
from evidence.sealing import Sealer, hash_secret
from portal import acts, cookies, paths, rows
from portal.exhibits import NOT_HERE, find_exhibit
from portal.people import actor_of
from portal.permissions import Action, Actor, Standing, demand

CODE_LASTS = timedelta(minutes=10)
CODE_TRIES = 5
LONGEST = timedelta(days=366)
READ_OUT = "read-out"
STANDING = "standing"  # stays good until it ends: for demonstrations and drills, never made by a page

LIVE, EXPIRED, REVOKED, USED_UP = "live", "expired", "revoked", "used up"


class LinkOver(Conflict):
    """A link that was ended, has expired or is used up cannot be given a code."""

    code = "link-over"
    advice = "Make a new link."


@dataclass(frozen=True, slots=True)
class Terms:
    """What a link grants, to whom and for how long. Raises ``BadInput`` naming the first thing that is missing."""

    recipient: str
    purpose: str
    expires_at: datetime
    organisation: str = ""
    may_download: bool = False
    max_openings: int | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.recipient) <= 200:
            raise BadInput("Enter the name of the recipient")
        if not 0 < len(self.purpose) <= 500:
            raise BadInput("Enter the purpose, in at most 500 characters")
        if len(self.organisation) > 200:
            raise BadInput("The organisation has at most 200 characters")
        if self.max_openings is not None and not 0 < self.max_openings <= 1000:
            raise BadInput("The number of openings is between 1 and 1,000")


@dataclass(frozen=True, slots=True)
class Issued:
    """A link that was made; ``address`` holds the secret and is never to be had again."""

    link_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Code:
    """A security code in clear, to be read out and forgotten."""

    digits: str
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """A link together with a code for it."""

    link_id: str
    address: str
    code: Code


def issue(
    session: Session, ground: Ground, actor: Actor, exhibit: Exhibit, terms: Terms, *, once: str = ""
) -> Issued | None:
    """Make a link, with the entry of the disclosure. ``None`` when the form of that number was handled before."""
    now = ground.clock.now()
    if not now < terms.expires_at <= now + LONGEST:
        raise BadInput("The link must end in the future, within a year")
    link_id = f"lnk_{hash_secret(f'{actor.person} {exhibit.id} {once}')[:32]}" if once else new_id("lnk")
    if session.get(Link, link_id) is not None:
        return None
    secret = cookies.new_reference()
    link = Link(
        id=link_id, exhibit_id=exhibit.id, exhibit=exhibit, secret_hash=hash_secret(secret), recipient=terms.recipient,
        organisation=terms.organisation, purpose=terms.purpose, may_download=terms.may_download, openings=0,
        max_openings=terms.max_openings, created_by=actor.person, created_at=now, expires_at=terms.expires_at,
    )  # fmt: skip
    if not rows.add_once(session, link):
        return None
    exhibit.recording.disclosed_at = exhibit.recording.disclosed_at or now
    using = {
        "expires": utc_text(terms.expires_at), "allows": "download" if terms.may_download else "view",
        "openings": str(terms.max_openings or ""),
    }  # fmt: skip
    acts.tell(
        session, ground.clock, ActKind.DISCLOSED, acts.staff(session, actor), acts.on_exhibit(exhibit, link=link.id),
        using=using, why=terms.purpose, recipient=acts.recipient(session, link),
    )  # fmt: skip
    return Issued(link.id, f"{ground.settings.address}{paths.OPEN}#{link.id}.{secret}")


def issue_code(
    session: Session,
    sealer: Sealer,
    clock: Clock,
    link: Link,
    *,
    lasts: timedelta = CODE_LASTS,
    channel: str = READ_OUT,
) -> Code:
    """A fresh code; codes before it end. Raises :class:`LinkOver` for a link that does not open any more."""
    now = clock.now()
    if state_of(link, now) != LIVE:
        raise LinkOver(f"This link is {state_of(link, now)}.")
    session.execute(
        update(LinkCode).where(LinkCode.link_id == link.id, LinkCode.expires_at > now).values(expires_at=now)
    )
    digits = f"{secrets.randbelow(1_000_000):06}"
    code_id = new_id("cod")
    session.add(
        LinkCode(
            id=code_id, link_id=link.id, mark=code_mark(sealer, code_id, digits), channel=channel, tries=0,
            created_at=now, expires_at=now + lasts,
        )
    )  # fmt: skip
    session.flush()
    return Code(digits, now + lasts)


def code_mark(sealer: Sealer, code_id: str, digits: str) -> str:
    """How a code is kept: nothing follows from it without the key, and not from one code to another."""
    return sealer.mark(f"code:{code_id}", digits)


def share(
    ground: Ground,
    *,
    exhibit_id: str,
    by: str,
    terms: Terms,
    code_lasts: timedelta = CODE_LASTS,
    standing: bool = False,
) -> Shared:
    """A link and a code for it at once, by a person's identifier: for programs that stand in for the owner's clicks.

    Raises ``NotFound`` or ``MayNot`` when that person may not disclose the exhibit.
    """
    with ground.database.write() as session:
        actor = actor_of(session.get_one(Person, by))
        item = find_exhibit(session, actor, Action.DISCLOSE, exhibit_id)
        if item.exhibit is None:
            raise NotFound(NOT_HERE)
        issued = issue(session, ground, actor, item.exhibit, terms)
        if issued is None:
            raise NotFound(NOT_HERE)
        link = session.get_one(Link, issued.link_id)
        channel = STANDING if standing else READ_OUT
        code = issue_code(session, ground.sealer, ground.clock, link, lasts=code_lasts, channel=channel)
    return Shared(issued.link_id, issued.address, code)


def find(session: Session, actor: Actor, action: Action, link_id: str) -> Link:
    """The link for somebody who wants to do something to it; raises ``NotFound`` or ``MayNot``."""
    link = session.get(Link, link_id)
    if link is None:
        raise NotFound(NOT_HERE)
    if link.created_by == actor.person:
        demand(actor, action, Standing.OWN)
        return link
    standing = find_exhibit(session, actor, Action.SEE_LINKS, link.exhibit_id).standing
    demand(actor, action, Standing.CASE if standing is Standing.OWN else standing)
    return link


def state_of(link: Link, now: datetime) -> str:
    """Whether a link can be opened (``live``), or why not."""
    if link.revoked_at is not None:
        return REVOKED
    if link.expires_at <= now:
        return EXPIRED
    if link.max_openings is not None and link.openings >= link.max_openings:
        return USED_UP
    return LIVE


def revoke(session: Session, clock: Clock, link: Link, by: Party, person_id: str, why: str = "") -> None:
    """End a link and the sessions it opened; bites at the next segment. Again changes nothing."""
    if link.revoked_at is not None:
        return
    now = clock.now()
    link.revoked_at, link.revoked_by = now, person_id or None
    session.execute(
        update(LinkSession).where(LinkSession.link_id == link.id, LinkSession.ended_at.is_(None)).values(ended_at=now)
    )
    acts.tell(session, clock, ActKind.LINK_REVOKED, by, acts.on_exhibit(link.exhibit, link=link.id), why=why)


def revoke_all(session: Session, clock: Clock, exhibit: Exhibit, by: Party, why: str) -> None:
    """End all links to an exhibit that are not ended yet."""
    live = select(Link).where(Link.exhibit_id == exhibit.id, Link.revoked_at.is_(None))
    for link in session.scalars(live).all():
        revoke(session, clock, link, by, "", why)


def touch_session(session: Session, session_id: str, now: datetime) -> None:
    """A session of a link was used now."""
    session.execute(update(LinkSession).where(LinkSession.id == session_id).values(seen_at=now))


def end_session(session: Session, session_id: str, now: datetime) -> None:
    """The recipient has finished."""
    still = (LinkSession.id == session_id) & LinkSession.ended_at.is_(None)
    session.execute(update(LinkSession).where(still).values(ended_at=now))


def of_exhibit(session: Session, exhibit_id: str) -> Sequence[Link]:
    """The links to an exhibit, the newest first."""
    return session.scalars(
        select(Link).where(Link.exhibit_id == exhibit_id).order_by(Link.created_at.desc(), Link.id)
    ).all()


def live_counts(session: Session, case_id: str, now: datetime) -> dict[str, int]:
    """How many links to each exhibit of a case can still be used."""
    rows = session.execute(
        select(Link.exhibit_id, func.count())
        .join(Exhibit, Exhibit.id == Link.exhibit_id)
        .where(Exhibit.case_id == case_id, Link.revoked_at.is_(None), Link.expires_at > now)
        .group_by(Link.exhibit_id)
    )
    return {row[0]: row[1] for row in rows}


def history(session: Session, link: Link, *, limit: int = 200) -> list[tuple[datetime, str]]:
    """Each opening and each viewing by a link, in words, the newest first."""
    opened = session.scalars(select(LinkSession).where(LinkSession.link_id == link.id).limit(limit)).all()
    played = session.scalars(select(Viewing).where(Viewing.link_id == link.id, Viewing.entry_id > 0).limit(limit)).all()
    lines = [(row.created_at, f"Opened with a security code ({browser(row.agent)})") for row in opened]
    lines += [(row.began_at, _watched(row.rendition)) for row in played]
    return sorted(lines, reverse=True)[:limit]


def _watched(rendition: str) -> str:
    return {"original": "Watched the original", "download": "Downloaded the original"}.get(
        rendition, "Watched the playback copy"
    )


def browser(agent: str) -> str:
    """A browser's own description of itself, cut down to its name."""
    for name, shown in (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")):
        if name in agent:
            return shown
    return "unknown browser"
