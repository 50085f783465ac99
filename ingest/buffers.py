"""The memory that uploads share: one bounded pool of buffers, and the threads that empty them.

However many docks send at once, their bytes wait in the same 48 MiB; an upload that finds the pool empty writes each
chunk as it came and takes the next one only then, so the pool bounds memory and nobody starves. A buffer is a mapping
of its own and therefore begins at a page, which lets the store write it past the page cache.

Each upload works on one *lane*: a thread that hashes and a thread that writes. Both read the same full buffer at the
same time, without the interpreter's lock, while the next buffer fills. Lanes are shared by uploads in turn; within one
upload the order is kept, because a lane's thread takes its work first come, first served.
"""

import itertools
import mmap
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

BUFFER = 2 * 1024 * 1024  # bytes; divides the distance of two marks, so that marks fall on a buffer's end
COUNT = 24
LANES = 4


class BufferPool:
    """At most ``count`` buffers, made when they are first wanted and kept for the next upload. Threads share it."""

    def __init__(self, count: int = COUNT, size: int = BUFFER) -> None:
        self.size = size
        self._unmade = count
        self._free: deque[memoryview] = deque()

    def take(self) -> memoryview | None:
        """A buffer whose content is undefined, or ``None`` at once when all are in use."""
        try:
            return self._free.pop()
        except IndexError:
            if self._unmade <= 0:
                return None
            self._unmade -= 1
            return memoryview(mmap.mmap(-1, self.size))

    def give(self, buffer: memoryview) -> None:
        """Hand a buffer back, when no thread reads it any more."""
        self._free.append(buffer)


@dataclass(frozen=True, slots=True)
class Lane:
    """Two threads for one upload's work: it is done in the order in which it was asked for."""

    hashing: ThreadPoolExecutor
    writing: ThreadPoolExecutor


class Lanes:
    """A few lanes, given to uploads in turn."""

    def __init__(self, count: int = LANES) -> None:
        self._lanes = [
            Lane(ThreadPoolExecutor(1, f"upload-hash-{number}"), ThreadPoolExecutor(1, f"upload-write-{number}"))
            for number in range(count)
        ]
        self._turn = itertools.cycle(self._lanes)

    def next(self) -> Lane:
        """The lane of the next upload."""
        return next(self._turn)

    def close(self) -> None:
        """Finish what was asked for and end the threads."""
        for lane in self._lanes:
            lane.hashing.shutdown()
            lane.writing.shutdown()
