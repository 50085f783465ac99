"""Sends one file's bytes: read once from the card, hashed in a thread of its own while the block before is on the line.

A block is read into one of a few buffers, hashed, and handed over to be sent from the same memory, so reading, hashing
and sending overlap and nothing is copied. After a cut connection the server is asked how much has arrived; what was
hashed before is not hashed again in the same run, and a new run hashes the prefix again from the card. One request
carries all that is missing (tus 1.0.0, PATCH). An answer that comes before the last byte, such as "no room", ends the
sending at once. Silence is the only time-out: of the socket, for each piece that is sent, not for the whole.
"""

import hashlib
import http.client
import mmap
import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from evidence.digest import Digest
from ingest.camera import CameraGone, FileChanged, Found
from ingest.line import CONNECT, MAX_ANSWER, TUS, Line, Unreachable, raise_for

BLOCK = 4 * 1024 * 1024  # bytes
BUFFERS = 4  # blocks in memory for each file that is being sent

Sent = Callable[[int], None]  # is told how many bytes of the file the server has been sent so far


class Stopped(Exception):
    """The dock's program is to end; everything is kept for the next run."""


class Reading:
    """A file on its way through the hash. Survives cut connections: bytes are hashed in order, and each only once."""

    def __init__(self, descriptor: int, file: Found) -> None:
        self.file = file
        self._descriptor = descriptor
        self._sha = hashlib.sha256()
        self._hashed = 0

    @property
    def digest(self) -> Digest:
        """The digest of the whole file; only once all of it was hashed."""
        if self._hashed != self.file.size:
            raise FileChanged(f"{self.file.name} was read to byte {self._hashed} of {self.file.size}")
        return Digest(self._sha.digest())

    @property
    def hashed(self) -> int:
        """Bytes that were hashed so far."""
        return self._hashed

    def read(self, buffer: memoryview, at: int) -> memoryview:
        """Read and hash a block at a place up to which all was hashed before; empty only at the file's end."""
        wanted = min(len(buffer), self.file.size - at)
        filled = 0
        while filled < wanted:
            count = self._pread(buffer[filled:wanted], at + filled)
            if count == 0:
                raise FileChanged(f"{self.file.name} became shorter while it was read")
            filled += count
        block = buffer[:filled]
        self._sha.update(block[max(0, self._hashed - at) :])
        self._hashed = max(self._hashed, at + filled)
        return block

    def _pread(self, into: memoryview, at: int) -> int:
        try:
            return os.preadv(self._descriptor, [into], at)
        except OSError as wrong:
            raise CameraGone(
                f"{self.file.name} cannot be read at byte {at}: {os.strerror(wrong.errno or 0)}"
            ) from wrong


def send(reading: Reading, line: Line, upload: str, offset: int, sent: Sent, stop: threading.Event) -> None:
    """Hash the whole file, and send it from an offset on.

    Raises what :mod:`ingest.line` raises, :class:`~ingest.camera.CameraGone`, :class:`~ingest.camera.FileChanged`, or
    :class:`Stopped`. What has been hashed by then stays hashed in ``reading``.
    """
    with _blocks(reading, min(offset, reading.hashed), stop) as blocks:
        if offset == reading.file.size:
            for _ in blocks:
                sent(offset)
            return
        _patch(line, upload, reading.file.size, offset, blocks, sent)


Blocks = Iterator[tuple[int, memoryview]]  # place in the file, bytes; valid until the next is asked for


@contextmanager
def _blocks(reading: Reading, begin: int, stop: threading.Event) -> Iterator[Blocks]:
    """All blocks from a place on, read and hashed ahead in a thread."""
    free: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
    full: queue.SimpleQueue[tuple[int, memoryview] | BaseException | None] = queue.SimpleQueue()
    for _ in range(BUFFERS):
        free.put(memoryview(mmap.mmap(-1, BLOCK)))
    thread = threading.Thread(
        target=_read_ahead, args=(reading, begin, free, full, stop), name="dock-read", daemon=True
    )
    thread.start()
    try:
        yield _taken(free, full)
    finally:
        free.put(None)
        thread.join()


def _read_ahead(
    reading: Reading,
    at: int,
    free: "queue.SimpleQueue[memoryview | None]",
    full: "queue.SimpleQueue[tuple[int, memoryview] | BaseException | None]",
    stop: threading.Event,
) -> None:
    try:
        while at < reading.file.size:
            buffer = free.get()
            if buffer is None:
                return
            if stop.is_set():
                raise Stopped
            block = reading.read(buffer, at)
            full.put((at, block))
            at += len(block)
        full.put(None)
    except BaseException as wrong:  # noqa: BLE001 - it is raised again in the thread that sends
        full.put(wrong)


def _taken(
    free: "queue.SimpleQueue[memoryview | None]",
    full: "queue.SimpleQueue[tuple[int, memoryview] | BaseException | None]",
) -> Blocks:
    while True:
        item = full.get()
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        at, block = item
        yield at, block
        free.put(memoryview(block.obj))


def _patch(line: Line, upload: str, size: int, offset: int, blocks: Blocks, sent: Sent) -> None:
    connection = _connection(line)
    try:
        # The prefix that the server has already is hashed again before a connection is opened, which would grow stale.
        first = next(((at, block) for at, block in blocks if at + len(block) > offset), None)
        if first is None:
            return
        token = line.token()
        _open_request(connection, line, upload, size, offset, token)
        _send_blocks(connection, first, blocks, offset, sent)
        answer = connection.getresponse()
        if answer.status == 401:
            line.token(spent=token)
        raise_for(answer.status, answer.read(MAX_ANSWER))
    except (OSError, http.client.HTTPException) as wrong:
        raise Unreachable(f"the connection to {line.server.host} was cut: {str(wrong)[:200]}") from wrong
    finally:
        connection.close()


def _connection(line: Line) -> http.client.HTTPConnection:
    host, port = line.server.host, line.server.port
    if line.tls is not None:
        return http.client.HTTPSConnection(host, port or 443, timeout=CONNECT, context=line.tls)
    return http.client.HTTPConnection(host, port or 80, timeout=CONNECT)


def _open_request(
    connection: http.client.HTTPConnection, line: Line, upload: str, size: int, offset: int, token: str
) -> None:
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sock.settimeout(line.idle)
    connection.putrequest("PATCH", f"{line.server.path.rstrip('/')}/files/{upload}", skip_accept_encoding=True)
    headers = {
        **TUS,
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(size - offset),
        "Upload-Offset": str(offset),
    }
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()


def _send_blocks(
    connection: http.client.HTTPConnection, first: tuple[int, memoryview], blocks: Blocks, offset: int, sent: Sent
) -> None:
    for at, block in _chained(first, blocks):
        view = block[max(0, offset - at) :]
        place = at + len(block) - len(view)
        while view:
            if _has_answered(connection.sock):
                return  # a refusal: the server does not want the rest
            try:
                count = connection.sock.send(view)
            except (BrokenPipeError, ConnectionResetError):
                return  # the answer that came before may still be readable
            view = view[count:]
            place += count
            sent(place)


def _chained(first: tuple[int, memoryview], blocks: Blocks) -> Blocks:
    yield first
    yield from blocks


def _has_answered(sock: socket.socket) -> bool:
    """Whether something can be read. Over TLS that may be a session ticket, so there only the end is waited for."""
    if hasattr(sock, "pending"):
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
