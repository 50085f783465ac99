"""What stands before every route: headers on each answer, a check of where a request comes from, and the last catch.

A method that changes something is taken only from this portal's own pages: by ``Sec-Fetch-Site`` (W3C Fetch Metadata),
which every current browser sends and no page can forge, or where that is missing by ``Origin``. A request with neither
is refused. The token of the form is the second lock, see :mod:`portal.dependencies`.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from portal import problems
from portal.errors import CrossSite
from portal.headers import SECURITY_HEADERS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HSTS = "max-age=31536000; includeSubDomains"


class Guard:
    """ASGI middleware around all of the portal: call it as the application it wraps."""

    def __init__(self, app: App, address: str) -> None:
        self._app = app
        self._address = address
        self._https = address.startswith("https://")

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = secrets.token_hex(8)
        answer = _Answer(send, self._https)
        try:
            check_origin(scope["method"], Headers(scope=scope), self._address)
            await self._app(scope, receive, answer)
        except Exception as wrong:  # the request's edge: everything becomes an answer
            if answer.begun:
                raise
            await problems.answer(Request(scope, receive), wrong)(scope, receive, answer)


class _Answer:
    def __init__(self, send: Send, https: bool) -> None:
        self._send = send
        self._https = https
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
            if self._https:
                headers.setdefault("Strict-Transport-Security", _HSTS)
        await self._send(message)


def check_origin(method: str, headers: Headers, address: str) -> None:
    """Return only if a request may change something, as far as its origin goes; raises :class:`CrossSite`."""
    if method in SAFE_METHODS:
        return
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site == "same-origin":
            return
        raise CrossSite("This was asked from a page of another site.")
    origin = headers.get("origin")
    if origin is None or origin not in {
        address,
        f"http://{headers.get('host', '')}",
        f"https://{headers.get('host', '')}",
    }:
        raise CrossSite("This was asked from a page of another site, or from a program that does not say where it is.")
