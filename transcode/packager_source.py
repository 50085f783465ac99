"""Where the workshop gets a recording's bytes from: by ranges, never by a path.

A stored object may be a local file or lie in a remote store. Whoever decodes it sees only a size and ranges; where
there is a local file its open descriptor is handed over instead, which is faster and still gives away no path.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from evidence.errors import NotFound
from evidence.objectstore import PIECE, ObjectStore


class RangeSource(Protocol):
    """The bytes of one recording."""

    @property
    def size(self) -> int:
        """Its length in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset``; fewer only at the end."""
        ...

    def open_file(self) -> BinaryIO | None:
        """The local file, opened for reading, where there is one; ``None`` where the bytes are remote."""
        ...


class StoredObject:
    """An object of the store as a source. Raises :class:`NotFound` when it is not there."""

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key = store, key
        stat = store.stat(key)
        if stat is None:
            raise NotFound(f"no object under {key}")
        self._size = stat.size

    @property
    def size(self) -> int:
        """See :class:`RangeSource`."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`RangeSource`."""
        return self._store.read(self._key, offset, length)

    def open_file(self) -> BinaryIO | None:
        """See :class:`RangeSource`."""
        return self._store.open_file(self._key)


class LocalFile:
    """A file on this machine as a source."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        """See :class:`RangeSource`."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`RangeSource`."""
        with self._path.open("rb") as opened:
            opened.seek(offset)
            return opened.read(length)

    def open_file(self) -> BinaryIO | None:
        """See :class:`RangeSource`."""
        return self._path.open("rb")


class BytesSource:
    """Bytes in memory as a source without a file: a remote store's behaviour, for tests and small objects."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """See :class:`RangeSource`."""
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`RangeSource`."""
        return self._data[offset : offset + length]

    def open_file(self) -> BinaryIO | None:
        """See :class:`RangeSource`; never a file here."""
        return None


@contextmanager
def as_local_file(source: RangeSource, scratch: Path) -> Iterator[BinaryIO]:
    """The source as an open local file, for tools that seek: its own, or a nameless copy in the scratch folder."""
    opened = source.open_file()
    if opened is None:
        opened = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - closed below; it never has a name
        for offset in range(0, source.size, PIECE):
            opened.write(source.read(offset, PIECE))
        opened.flush()
        opened.seek(0)
    with opened:
        yield opened
