"""The portal's cookies: names, attributes, and the short-lived sealed ones between one form and the next.

By https every name begins with ``__Host-``, so that no other host can set it (RFC 6265bis, section 4.1.3.2). On the
loopback address of an embedded installation there is no https; there the names are plain. All are HttpOnly and
SameSite=Lax. The values are random references or sealed; nothing in a cookie says anything to whoever reads it.
"""

import json
import re
import secrets
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from evidence.clock import parse_utc, utc_text
from evidence.errors import BadInput, Misconfigured
from evidence.sealing import Sealer

SESSION = "session"  # a signed-in browser
VISIT = "visit"  # a browser that is not signed in: binds its forms
PENDING = "pending"  # sealed: between two forms of setting up or of opening a link
_LINK = "link-"  # one a link: several links may be open in one browser
_ID = re.compile(r"lnk_[0-9a-f]{32}")
_VALUE = re.compile(r"[A-Za-z0-9+/=_-]{1,2000}")


def link_cookie(link_id: str) -> str:
    """The name of the cookie of a link's session."""
    return _LINK + link_id


def open_links(request: Request, *, secure: bool) -> list[str]:
    """The links that this browser holds sessions of, by identifier; whether they still live is another question."""
    prefix = _full(_LINK, secure)
    names = (name.removeprefix(prefix) for name in request.cookies if name.startswith(prefix))
    return [name for name in names if _ID.fullmatch(name)]


def read(request: Request, name: str, *, secure: bool) -> str:
    """A cookie's value; empty when there is none, or when it has a shape that this portal never sets."""
    value = request.cookies.get(_full(name, secure), "")
    return value if _VALUE.fullmatch(value) else ""


def put(response: Response, name: str, value: str, *, secure: bool, age: timedelta | None = None) -> None:
    """Set a cookie for a time, or until the browser is closed."""
    response.set_cookie(
        _full(name, secure), value, max_age=None if age is None else int(age.total_seconds()),
        path="/", secure=secure, httponly=True, samesite="lax",
    )  # fmt: skip


def drop(response: Response, name: str, *, secure: bool) -> None:
    """Take a cookie back."""
    response.delete_cookie(_full(name, secure), path="/", secure=secure, httponly=True, samesite="lax")


def new_reference() -> str:
    """A random reference of 256 bits, for a cookie's value."""
    return secrets.token_urlsafe(32)


def seal_pending(sealer: Sealer, purpose: str, values: dict[str, str], until: datetime) -> str:
    """A value for :data:`PENDING`: good for one purpose, until a time."""
    return sealer.seal(f"pending:{purpose}", json.dumps({**values, "until": utc_text(until)}))


def open_pending(sealer: Sealer, purpose: str, value: str, now: datetime) -> dict[str, str] | None:
    """What was sealed for that purpose, or ``None`` when it is over, of another purpose, or not ours."""
    try:
        values: dict[str, str] = json.loads(sealer.open(f"pending:{purpose}", value)) if value else {}
        return values if values and parse_utc(values["until"]) > now else None
    except (Misconfigured, BadInput, ValueError):
        return None


def _full(name: str, secure: bool) -> str:
    return f"{'__Host-' if secure else ''}dockline-{name}"
