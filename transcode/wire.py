"""How we speak with a confined child: framed messages over the one socket it has.

The parent asks (``C``, JSON) and hands over either the recording's descriptor or the promise to serve its bytes. The
child answers with JSON (``J``), bytes (``B``) or a reason in words (``E``). While it works it may tell how far it is
(``P``) and ask for ranges (``R``), which the parent answers with data (``D``). Every message is one byte of kind, four
of length, and the payload.
"""

import json
import os
import socket
import struct
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from evidence.sandbox import Confined, Limits, World, python_argv
from transcode.packager_source import RangeSource
from transcode.trouble import MediaFailed, NotPlayable

_HEAD = struct.Struct(">cI")
_RANGE = struct.Struct(">QI")
_MOST = 256 * 1024 * 1024
_BLOCK = 512 * 1024
_BLOCKS = 24


def send(channel: socket.socket, kind: bytes, payload: bytes) -> None:
    """Write one message."""
    channel.sendall(
        _HEAD.pack(kind, len(payload)) + payload if len(payload) < 65536 else _HEAD.pack(kind, len(payload))
    )
    if len(payload) >= 65536:
        channel.sendall(payload)


def receive(channel: socket.socket) -> tuple[bytes, bytes]:
    """Read one message. Raises ``ConnectionError`` when the other side is gone or talks nonsense."""
    kind, length = _HEAD.unpack(_exactly(channel, _HEAD.size))
    if length > _MOST:
        raise ConnectionError("a message is too long")
    return kind, _exactly(channel, length)


def _exactly(channel: socket.socket, length: int) -> bytes:
    buffer = bytearray(length)
    view, done = memoryview(buffer), 0
    while done < length:
        count = channel.recv_into(view[done:])
        if count == 0:
            raise ConnectionError("the other side is gone")
        done += count
    return bytes(buffer)


class MediaChild:
    """The parent's side: one confined child, at most one recording in its life, one question at a time."""

    def __init__(self, module: str, *, limits: Limits) -> None:
        self._limits = limits
        self._confined = Confined(python_argv(module), limits=limits, world=World.of_python())
        self._source: RangeSource | None = None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._confined.alive

    def open(self, source: RangeSource) -> None:
        """Give it its recording. Raises :class:`MediaFailed` when it is gone already."""
        self._source = source
        opened = source.open_file()
        try:
            if opened is None:
                send(self._confined.channel, b"C", json.dumps({"size": source.size}).encode())
                return
            with opened:
                send(self._confined.channel, b"C", json.dumps({"size": source.size, "descriptor": True}).encode())
                socket.send_fds(self._confined.channel, [b"F"], [opened.fileno()])
        except OSError as gone:
            raise self._failed("it did not start") from gone

    def ask(
        self, question: dict[str, Any], *, seconds: float, progress: Callable[[float], None] | None = None
    ) -> bytes:
        """The answer to a question; ``progress`` hears from 0 to 1 how far it is.

        Raises :class:`NotPlayable` with the child's reason, or :class:`MediaFailed`.
        """
        channel, deadline = self._confined.channel, time.monotonic() + seconds
        try:
            send(channel, b"C", json.dumps(question).encode())
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                channel.settimeout(left)
                kind, payload = receive(channel)
                if kind == b"R":
                    send(channel, b"D", self._read(*_RANGE.unpack(payload)))
                elif kind != b"P":
                    return self._answer(kind, payload)
                elif progress is not None:
                    progress(float(payload))
        except TimeoutError as late:
            raise self._failed(f"it took longer than {seconds:g} seconds and was stopped") from late
        except (OSError, ValueError, struct.error) as gone:
            raise self._failed("it ended by itself") from gone

    def kill(self) -> str:
        """End it; its last words."""
        return self._confined.kill()

    def _read(self, offset: int, length: int) -> bytes:
        if self._source is None or length > _MOST:
            return b""
        return self._source.read(offset, length)

    def _answer(self, kind: bytes, payload: bytes) -> bytes:
        if kind in (b"J", b"B"):
            return payload
        if kind == b"E":
            raise NotPlayable(payload.decode("utf-8", "replace")[:500])
        raise self._failed("it talked nonsense")

    def _failed(self, how: str) -> MediaFailed:
        words = self.kill().splitlines()
        return MediaFailed(f"The confined decoder stopped: {how}" + (f" ({words[-1][:200]})" if words else "") + ".")


class ChildFile:
    """The child's side of a recording: a file to read and seek, over a descriptor or over the socket with a cache."""

    def __init__(self, size: int, *, descriptor: int | None, channel: socket.socket) -> None:
        self.size, self.position = size, 0
        self.descriptor, self.channel = descriptor, channel
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    @classmethod
    def accept(cls, channel: socket.socket) -> "ChildFile":
        """Take what :meth:`MediaChild.open` sends."""
        _, payload = receive(channel)
        told = json.loads(payload)
        descriptor = socket.recv_fds(channel, 1, 1)[1][0] if told.get("descriptor") else None
        return cls(told["size"], descriptor=descriptor, channel=channel)

    def read(self, length: int = -1) -> bytes:
        """At most that many bytes from here on."""
        rest = max(0, self.size - self.position)
        data = self.range(self.position, rest if length < 0 else min(length, rest))
        self.position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as ``io`` does."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def tell(self) -> int:
        """Where we are."""
        return self.position

    def range(self, offset: int, length: int) -> bytes:
        """Bytes at an offset, without moving."""
        if self.descriptor is not None:
            return os.pread(self.descriptor, length, offset)
        if length > _BLOCK:
            return self._fetch(offset, length)
        out = bytearray()
        while len(out) < length:
            at = offset + len(out)
            block = self._block(at // _BLOCK)
            piece = block[at % _BLOCK : at % _BLOCK + length - len(out)]
            if not piece:
                break
            out += piece
        return bytes(out)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
        else:
            self._blocks[number] = self._fetch(number * _BLOCK, _BLOCK)
            if len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[number]

    def _fetch(self, offset: int, length: int) -> bytes:
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        send(self.channel, b"R", _RANGE.pack(offset, length))
        return receive(self.channel)[1]
