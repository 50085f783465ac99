"""One upload's bytes on their way from the socket into the store, hashed as they pass.

Life of a byte: it is copied once into a shared buffer; a full buffer is hashed in one thread and appended to the staged
object in another, while the next one fills; at the end of a request everything is made durable with one sync, and only
then does the dock hear how much arrived.

*Marks* make a crash harmless: the SHA-256 of everything before each multiple of 16 MiB, which costs nothing, being a
copy of the running hash. After a restart the staged bytes are hashed again from the beginning (a running hash cannot be
stored), compared at every mark, and cut back to the last one that agrees. So a page that a power cut left empty or
stale is sent again by the dock, not carried into evidence. A store that cannot give staged bytes back (S3) is believed
for its whole parts, whose checksums it has verified, and the digest is then taken from the finished object.
"""

import asyncio
import hashlib
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from evidence.digest import Digest
from evidence.errors import BadInput, NotReadableYet
from evidence.objectstore import PIECE, Incoming, ObjectStore, stream
from ingest import refusals
from ingest.buffers import BufferPool, Lane
from ingest.refusals import DockRefused

MARK = 16 * 1024 * 1024  # bytes between two marks
IN_FLIGHT = 6  # full buffers of one upload that may wait for their threads


@dataclass(frozen=True, slots=True)
class Sums:
    """What was found out about a whole file while it passed: its size in bytes, SHA-256 and CRC-32."""

    size: int
    digest: Digest
    crc32: int


class Running:
    """SHA-256, CRC-32 and marks of a file so far. Hashing and summing may run in two threads, each alone in its own."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._crc = 0
        self.hashed = 0
        self.marks: dict[int, Digest] = {}

    def hash(self, view: memoryview | bytes) -> None:
        """Hash the next bytes; leaves a mark at each multiple of 16 MiB that they contain."""
        view = memoryview(view)
        while view:
            step = min(len(view), MARK - self.hashed % MARK)
            self._sha.update(view[:step])
            self.hashed += step
            view = view[step:]
            if self.hashed % MARK == 0:
                self.mark()

    def sum(self, view: memoryview | bytes) -> None:
        """Take the next bytes into the CRC-32."""
        self._crc = zlib.crc32(view, self._crc)

    def mark(self) -> None:
        """Leave a mark here."""
        self.marks[self.hashed] = Digest(self._sha.copy().digest())

    def copy(self) -> "Running":
        """The same, to go on from independently."""
        other = Running()
        other._sha, other._crc = self._sha.copy(), self._crc
        other.hashed, other.marks = self.hashed, dict(self.marks)
        return other

    @property
    def sums(self) -> Sums:
        """What is known when all bytes have been hashed and summed."""
        return Sums(self.hashed, Digest(self._sha.digest()), self._crc)


def verify_staged(incoming: Incoming, marks: Mapping[int, Digest]) -> Running | None:
    """Hash staged bytes again and cut them back to the last mark that agrees; what is left is as it was received.

    ``None`` when the store cannot give staged bytes back.
    """
    good, running = Running(), Running()
    try:
        incoming.read(0, 1)  # whether the store gives staged bytes back at all
        for mark in sorted(mark for mark in marks if 0 < mark <= incoming.length):
            if not _read_up_to(incoming, running, mark) or running.sums.digest != marks[mark]:
                break
            running.mark()
            good = running.copy()
    except NotReadableYet:
        return None
    if good.hashed < incoming.length:
        incoming.truncate(good.hashed)
    return good


def _read_up_to(incoming: Incoming, running: Running, end: int) -> bool:
    while running.hashed < end:
        piece = incoming.read(running.hashed, min(PIECE, end - running.hashed))
        if not piece:
            return False
        running.hash(piece)
        running.sum(piece)
    return True


def sums_of_object(store: ObjectStore, key: str) -> Sums:
    """Read a stored object once and sum it up; raises ``NotFound``."""
    running = Running()
    for piece in stream(store, key):
        running.hash(piece)
        running.sum(piece)
    return running.sums


class Intake:
    """An upload that is open in this process. One request at a time feeds it; the caller sees to that."""

    def __init__(self, incoming: Incoming, size: int, running: Running | None, pool: BufferPool, lane: Lane) -> None:
        self.size = size
        self.incoming = incoming
        self._running = running
        self._pool = pool
        self._lane = lane
        self._buffer: memoryview | None = None
        self._filled = 0
        self._room = 0
        self._taken = incoming.length
        self._flights: deque[tuple[asyncio.Future[list[BaseException | None]], memoryview | None]] = deque()
        self.broken = False

    @property
    def length(self) -> int:
        """Bytes that were taken, in buffers or staged."""
        return self._taken

    @property
    def is_whole(self) -> bool:
        """Whether all announced bytes are here."""
        return self._taken == self.size

    @property
    def sums(self) -> Sums | None:
        """Size, digest and CRC-32, once whole and settled; ``None`` before, or where the store must tell them."""
        if self._running is None or self.broken or self._running.hashed != self.size:
            return None
        return self._running.sums

    @property
    def marks(self) -> dict[int, Digest]:
        """The marks so far, a copy."""
        return {} if self._running is None else self._running.marks.copy()

    async def feed(self, chunk: bytes) -> None:
        """Take a chunk as it came from the socket. Raises what the store raised for earlier ones, or for too many."""
        if self._taken + len(chunk) > self.size:
            raise DockRefused(refusals.TOO_MANY_BYTES, f"the upload has {self.size} bytes, and more came")
        view = memoryview(chunk)
        while view:
            buffer = self._buffer or await self._take_buffer()
            if buffer is None:
                self._send(view, None)
                self._taken += len(view)
                await self._land(0)
                return
            view = await self._fill(buffer, view)

    async def settle(self) -> int:
        """Write what is buffered, wait for all threads, and make it durable; returns the length that is."""
        self._flush()
        await self._land(0)
        if self._running is not None and self._running.hashed:
            self._running.mark()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._lane.writing, self.incoming.sync)
        except BaseException:
            self.broken = True  # after a failed sync nobody knows what is on the disk: verify it again from the marks
            raise

    async def give_up(self) -> None:
        """After an error: wait until no thread touches the buffers, and hand them back."""
        self.broken = True
        if self._buffer is not None:
            self._pool.give(self._buffer)
            self._buffer = None
        while self._flights:
            await self._land_one()

    def close(self) -> None:
        """Let go of the staged object; nothing may be in flight."""
        self.incoming.close()

    # Buffers

    async def _take_buffer(self) -> memoryview | None:
        buffer = self._pool.take()
        while buffer is None and self._flights:
            self._raise_first(await self._land_one())
            buffer = self._pool.take()
        if buffer is not None:
            # The first buffer may be shorter, so that all later ones begin at a multiple of their size.
            self._buffer, self._filled, self._room = buffer, 0, self._pool.size - self._taken % self._pool.size
        return buffer

    async def _fill(self, buffer: memoryview, view: memoryview) -> memoryview:
        step = min(len(view), self._room - self._filled)
        buffer[self._filled : self._filled + step] = view[:step]
        self._filled += step
        self._taken += step
        if self._filled == self._room:
            self._flush()
            await self._land(IN_FLIGHT)
        return view[step:]

    def _flush(self) -> None:
        buffer, filled = self._buffer, self._filled
        self._buffer, self._filled = None, 0
        if buffer is None:
            return
        if filled:
            self._send(buffer[:filled], buffer)
        else:
            self._pool.give(buffer)

    # Threads

    def _send(self, view: memoryview, buffer: memoryview | None) -> None:
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(self._lane.writing, self._write, view)]
        if self._running is not None:
            work.append(loop.run_in_executor(self._lane.hashing, self._running.hash, view))
        self._flights.append((asyncio.gather(*work, return_exceptions=True), buffer))

    def _write(self, view: memoryview) -> None:
        if self.broken:
            raise BadInput("a write before this one failed")
        try:
            self.incoming.append(view)
        except BaseException:
            self.broken = True  # what follows must not close the gap
            raise
        if self._running is not None:
            self._running.sum(view)

    async def _land(self, aloft: int) -> None:
        while len(self._flights) > aloft:
            self._raise_first(await self._land_one())

    async def _land_one(self) -> list[BaseException | None]:
        flight, buffer = self._flights[0]
        results = await asyncio.shield(flight)  # a cancelled request must not free a buffer that a thread reads
        self._flights.popleft()
        if buffer is not None:
            self._pool.give(buffer)
        return results

    def _raise_first(self, results: list[BaseException | None]) -> None:
        for result in results:
            if isinstance(result, BaseException):
                self.broken = True
                raise result
