"""Bounds around an application: no request brings more headers or a longer body than it may, whatever it announces.

A body is read in full before the application sees the request, so that its length is known and a dock that sends slowly
holds no thread. The bounds are far above what a dock needs and far below what would hurt.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ingest import refusals
from ingest.refusals import PROBLEM_TYPE, DockRefused, problem_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

MAX_BODY = 4 * 1024 * 1024  # bytes: 5,000 files with long names
MAX_HEADERS = 16 * 1024  # bytes, names and values


class Bounded:
    """An ASGI application with bounds around it."""

    def __init__(self, app: Asgi, *, max_body: int = MAX_BODY, max_headers: int = MAX_HEADERS) -> None:
        self.app = app
        self._max_body = max_body
        self._max_headers = max_headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it for its size."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
        except DockRefused as wrong:
            await _refuse(send, wrong)
            return
        if body is not None:
            await self.app(scope, _replayed(body, receive), send)

    async def _read(self, scope: Message, receive: Receive) -> bytes | None:
        headers = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > self._max_headers:
            raise DockRefused(refusals.TOO_LONG, f"headers have at most {self._max_headers} bytes")
        announced = dict(headers).get(b"content-length", b"0")
        if announced.isdigit() and int(announced[:20]) > self._max_body:
            raise DockRefused(refusals.TOO_LONG, f"a body has at most {self._max_body} bytes")
        parts: list[bytes] = []
        left = self._max_body
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None  # the other side has gone
            parts.append(message.get("body", b""))
            left -= len(parts[-1])
            if left < 0:
                raise DockRefused(refusals.TOO_LONG, f"a body has at most {self._max_body} bytes")
            if not message.get("more_body", False):
                return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _refuse(send: Send, wrong: DockRefused) -> None:
    status, body = problem_of(wrong)
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),  # the rest of what is too long is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
