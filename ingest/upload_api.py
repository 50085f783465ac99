"""Resumable uploads under ``/files`` over tus 1.0.0 (tus.io/protocols/resumable-upload): create, HEAD, PATCH, OPTIONS.

This is a raw ASGI application: between the socket and the hash stands no framework, because in Python the cost of an
upload is the cost of each chunk. Creation needs ``Upload-Length`` and, in ``Upload-Metadata``, ``docked_file``: the id
under which the dock announced the file. ``Upload-Offset`` in an answer is what has arrived and is settled. All refusals
come from :mod:`ingest.refusals`.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import structlog

from evidence.errors import DocklineError
from ingest import refusals, upload
from ingest.dock import KnownDock, bearer, dock_of_token
from ingest.reception import Reception
from ingest.refusals import PROBLEM_TYPE, DockRefused, problem_of

PREFIX = "/files"
VERSION = "1.0.0"
MAX_LENGTH = 2**46  # 64 TiB: no camera's file, and no store's limit either
MAX_METADATA = 8_192  # bytes of the header

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[str, str]]

_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_ID = re.compile(rf"{PREFIX}/(upl_[0-9a-f]{{32}})")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body."""

    status: int
    headers: Headers
    body: bytes = b""


class UploadApp:
    """The ASGI application; it shares its reception with the docks' other door."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._methods: dict[str, Callable[[Scope, Receive], Awaitable[Answer]]] = {
            "POST": self._create,
            "HEAD": self._head,
            "PATCH": self._patch,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing that goes wrong leaves it unanswered."""
        try:
            answer = await self._answer(scope, receive)
        except DocklineError as wrong:
            answer = _problem(wrong, scope)
        except Exception as wrong:
            log.exception("upload request failed", method=scope["method"], path=scope["path"])
            answer = _problem(wrong, scope)
        await _respond(answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method = scope["method"]
        if method == "OPTIONS":
            return Answer(
                204, [("Tus-Version", VERSION), ("Tus-Extension", "creation"), ("Tus-Max-Size", str(MAX_LENGTH))]
            )
        if method not in self._methods:
            raise DockRefused(refusals.NO_SUCH_METHOD)
        if _header(scope, b"tus-resumable") != VERSION:
            raise DockRefused(refusals.TUS_VERSION)
        return await self._methods[method](scope, receive)

    async def _create(self, scope: Scope, _receive: Receive) -> Answer:
        if scope["path"].rstrip("/") != PREFIX:
            raise DockRefused(refusals.NO_SUCH_PLACE)
        dock = await self._dock(scope)
        length = _number(scope, b"upload-length", refusals.NO_LENGTH)
        if length > MAX_LENGTH:
            raise DockRefused(refusals.TOO_LONG)
        note = metadata(_header(scope, b"upload-metadata"))
        if "docked_file" not in note:
            raise DockRefused(refusals.NO_FILE)
        known = await self._reception.aside(
            upload.begin, self._reception.ground, dock, note["docked_file"], length, note
        )
        return Answer(201, [("Location", f"{PREFIX}/{known.id}"), ("Upload-Offset", "0")][: 1 if length else 2])

    async def _head(self, scope: Scope, _receive: Receive) -> Answer:
        upload_id = _upload_id(scope)
        offset, length = await self._reception.offset(await self._dock(scope), upload_id)
        headers = [("Upload-Offset", str(offset)), ("Upload-Length", str(length)), ("Cache-Control", "no-store")]
        return Answer(200, headers)

    async def _patch(self, scope: Scope, receive: Receive) -> Answer:
        upload_id = _upload_id(scope)
        if _header(scope, b"content-type") != "application/offset+octet-stream":
            raise DockRefused(refusals.WRONG_TYPE)
        offset = _number(scope, b"upload-offset", refusals.WRONG_OFFSET)
        dock = await self._dock(scope)
        length = await self._reception.feed(dock, upload_id, offset, _chunks(receive))
        return Answer(204, [("Upload-Offset", str(length))])

    async def _dock(self, scope: Scope) -> KnownDock:
        token = bearer(_header(scope, b"authorization"))
        return await self._reception.aside(dock_of_token, self._reception.ground, token)


def metadata(header: str) -> dict[str, str]:
    """Decode ``Upload-Metadata``: keys and base64 values, divided by commas. Raises ``DockRefused`` when malformed."""
    if len(header) > MAX_METADATA:
        raise DockRefused(refusals.TOO_LONG, f"Upload-Metadata has at most {MAX_METADATA} bytes")
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError) as wrong:
            raise DockRefused(refusals.MALFORMED, f"Upload-Metadata is malformed at {key[:40]!r}") from wrong
        if not key:
            raise DockRefused(refusals.MALFORMED, "Upload-Metadata has a value without a key")
    return found


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise DockRefused(refusals.CUT_SHORT)
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


def _header(scope: Scope, name: bytes) -> str:
    values = [value for key, value in scope["headers"] if key.lower() == name]
    if len(values) > 1:
        raise DockRefused(refusals.MALFORMED, f"the header {name.decode()} came more than once")
    return values[0].decode("latin-1").strip() if values else ""


def _number(scope: Scope, name: bytes, refusal: refusals.Refusal) -> int:
    text = _header(scope, name)
    if not _NUMBER.fullmatch(text):
        raise DockRefused(refusal if not text else refusals.MALFORMED, f"{name.decode()} is not a number of bytes")
    return int(text)


def _upload_id(scope: Scope) -> str:
    found = _ID.fullmatch(scope["path"])
    if found is None:
        raise DockRefused(refusals.UPLOAD_UNKNOWN)
    return found[1]


def _problem(error: BaseException, scope: Scope) -> Answer:
    status, body = problem_of(error)
    headers = [("Content-Type", PROBLEM_TYPE)]
    if status == 401:
        headers.append(("WWW-Authenticate", "Bearer"))
    if status == 412:
        headers.append(("Tus-Version", VERSION))
    return Answer(status, headers, b"" if scope["method"] == "HEAD" else body)


async def _respond(answer: Answer, send: Send) -> None:
    headers: Mapping[str, str] = {
        "Tus-Resumable": VERSION,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **dict(answer.headers),
    }
    if answer.status != 204:
        headers = {**headers, "Content-Length": str(len(answer.body))}
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
