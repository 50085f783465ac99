"""A dock that sends in tests: the raw application is called as a server would call it, message by message."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from custody.keys import FileSigner
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from ingest import handover
from ingest.buffers import BufferPool
from ingest.dock import KnownDock
from ingest.docking import Announcement, Listed, announce
from ingest.manifest import Manifest, sign
from ingest.receive import Outcome
from ingest.reception import Reception
from ingest.upload_api import UploadApp
from tests.ingest.docks import enrolled, token_for

AT = datetime(2026, 11, 22, 22, 9, tzinfo=UTC)
CUT = {"type": "http.disconnect"}


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Server:
    """The upload application of one process, on an event loop of its own."""

    def __init__(self, ground: Ground, pool: BufferPool | None = None) -> None:
        self.ground = ground
        self.runner = asyncio.Runner()
        self.reception = self.runner.run(self._make(pool))
        self.app = UploadApp(self.reception)

    async def _make(self, pool: BufferPool | None) -> Reception:
        return Reception(self.ground, pool=pool)

    async def ask(self, method: str, path: str, headers: dict[str, str], messages: Iterable[Any]) -> Reply:
        """One request. A message may be bytes, :data:`CUT`, or a coroutine function that is awaited for the message."""
        parts = iter(messages)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            part = next(parts, None)
            if part is None:
                return {"type": "http.request", "body": b"", "more_body": False}
            if callable(part):
                part = await part()
            return part if isinstance(part, dict) else {"type": "http.request", "body": part, "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": path, "headers": raw}
        await self.app(scope, receive, send)
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], names, sent[1]["body"])

    def close(self) -> None:
        self.reception.close()
        self.runner.close()


@dataclass
class Sender:
    """One dock with one camera and the calls it makes."""

    server: Server
    files: dict[str, bytes]
    camera: str = "BWC-00412"
    signer: FileSigner = field(default_factory=FileSigner.generate)
    kind: str = "clip"

    def __post_init__(self) -> None:
        ground = self.server.ground
        _, self.dock = enrolled(ground, self.signer)
        self.token = token_for(ground, self.signer, self.dock.id)
        listed = tuple(Listed(name, len(data), self.kind, AT) for name, data in self.files.items())
        self.said = announce(ground, self.dock, Announcement(self.camera, "4711", "", AT, None, listed))

    @property
    def headers(self) -> dict[str, str]:
        return {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.token}"}

    async def creating(self, name: str, length: int | None = None) -> Reply:
        note = f"docked_file {base64.b64encode(self.said.files[name].id.encode()).decode()}"
        size = len(self.files[name]) if length is None else length
        headers = {**self.headers, "Upload-Length": str(size), "Upload-Metadata": note}
        return await self.server.ask("POST", "/files", headers, [])

    def create(self, name: str, length: int | None = None) -> Reply:
        return self.server.runner.run(self.creating(name, length))

    def begin(self, name: str) -> str:
        reply = self.create(name)
        assert reply.status == 201, reply.body
        return reply.headers["location"]

    async def patching(self, path: str, offset: int, messages: Iterable[Any], **more: str) -> Reply:
        headers = {**self.headers, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return await self.server.ask("PATCH", path, {**headers, **more}, messages)

    def patch(self, path: str, offset: int, *messages: Any, **more: str) -> Reply:
        return self.server.runner.run(self.patching(path, offset, messages, **more))

    async def heading(self, path: str) -> Reply:
        return await self.server.ask("HEAD", path, self.headers, [])

    def head(self, path: str) -> Reply:
        return self.server.runner.run(self.heading(path))

    def manifest(self, name: str, data: bytes | None = None) -> str:
        content = self.files[name] if data is None else data
        return Manifest(
            dock=self.dock.id, docking=self.said.docking, camera=self.camera, officer="4711", name=name,
            size=len(self.files[name]), digest=Digest.of(content), kind=self.kind, taken_at=utc_text(AT),
        ).canonical()  # fmt: skip

    def hand_in(self, path: str, text: str) -> Outcome:
        return handover.hand_in(
            self.server.ground, self.dock, path.removeprefix("/files/"), text, sign(self.signer, text)
        )

    def send(self, name: str) -> Outcome:
        """The whole way of one file."""
        path = self.begin(name)
        if data := self.files[name]:
            assert self.patch(path, 0, data).status == 204
        return self.hand_in(path, self.manifest(name))

    @property
    def known(self) -> KnownDock:
        return self.dock


def bytes_of(seed: str, size: int) -> bytes:
    """Bytes that repeat nowhere, the same each time."""
    return hashlib.shake_256(seed.encode()).digest(size)
