"""Counting guesses from one place, over all processes: rows, because memory forgets and is not shared.

A place is kept as a keyed hash, so the table says nothing about who came from where. Tries on one account are counted
with the account; this count is for somebody who tries many accounts, links or set-up secrets from one address.
"""

import ipaddress
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from evidence.errors import Refused
from evidence.models import Attempts
from evidence.sealing import Sealer
from portal import rows

WINDOW = timedelta(minutes=15)
LIMIT = 50  # wrong guesses from one address within the window


class TooManyTries(Refused):
    """Too much was tried in a short time."""

    code = "too-many-tries"
    advice = "Wait 15 minutes and try again."


def place_of(sealer: Sealer, kind: str, address: str) -> str:
    """The key under which tries from an IP address are counted; empty for this machine's own, where a proxy may stand.

    An IPv6 subscriber has a /64, so that is what counts there.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback:
        return ""
    net = ip if ip.version == 4 else ipaddress.ip_network((ip, 64), strict=False).network_address
    return f"{kind}:{sealer.mark('place', str(net))}"


def check(session: Session, place: str, now: datetime) -> None:
    """Return only if this place may try (again); raises :class:`TooManyTries`."""
    row = session.get(Attempts, place) if place else None
    if row is not None and now - row.since < WINDOW and row.count >= LIMIT:
        raise TooManyTries("There were too many wrong tries from your address.")


def count(session: Session, place: str, now: datetime) -> None:
    """Count one wrong try."""
    if not place:
        return
    row = session.get(Attempts, place, with_for_update=True)
    if row is None:
        session.execute(delete(Attempts).where(Attempts.since < now - 4 * WINDOW))
        rows.add_once(session, Attempts(key=place, count=1, since=now))
    elif now - row.since >= WINDOW:
        row.count, row.since = 1, now
    else:
        row.count += 1
