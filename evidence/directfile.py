"""Writing past the page cache (``O_DIRECT``, open(2)), for uploads too large to be wanted in memory afterwards.

A gigabyte that is written once and read back in small ranges only pushes everything else out of the page cache, and
the copy into it costs as much as hashing does: on a machine whose memory was not touched before, direct writes made
receiving twice as fast. The kernel takes only whole blocks from an aligned address at an aligned offset; whatever does
not fit, and every file system that knows nothing of it (tmpfs), is left to the ordinary descriptor.
"""

import errno
import os
from pathlib import Path

BLOCK = 4096  # bytes; a multiple of the logical block size of every disk in use
_NOT_HERE = {errno.EINVAL, errno.EOPNOTSUPP}


class DirectFile:
    """A second descriptor to a file that exists, for its aligned writes. One writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self._refused = False

    def write(self, view: memoryview, offset: int) -> int:
        """Write what can be written directly; returns how many bytes that was, 0 when it cannot be done this way."""
        whole = len(view) // BLOCK * BLOCK
        if not whole or offset % BLOCK or not self._opened():
            return 0
        try:
            return os.pwrite(self._fd, view[:whole], offset)
        except OSError as wrong:
            if wrong.errno not in _NOT_HERE:
                raise
            return 0  # this buffer does not begin at a block in memory; the next may

    def _opened(self) -> bool:
        if self._fd < 0 and not self._refused:
            try:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_DIRECT | os.O_CLOEXEC)
            except OSError as wrong:
                if wrong.errno not in _NOT_HERE:
                    raise
                self._refused = True
        return self._fd >= 0

    def close(self) -> None:
        """Let go of the descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
