"""The object store as a port: write-once objects under keys, read by ranges.

Every file that is evidence, and everything made from it, lies in here. A key is written once and for ever: putting the
same bytes again is fine (every job may run twice), putting other bytes raises :class:`AlreadyStored`.

A large upload arrives through an :class:`Incoming`: bytes are appended to a staging place, made durable, and finished
under their key without being copied. Its key is chosen when it begins, because a real S3 server cannot rename.

Nothing is ever removed, with one exception that is as narrow as it can be: partial tiles of the ledger, which are made
from entries that the full tile beside them holds as well (:meth:`ObjectStore.discard_partials`).

Implementations: :mod:`evidence.objectstore_files` (the embedded default), :mod:`evidence.objectstore_s3`, and
:class:`MemoryStore` below, the shipped fake. All three pass ``tests/contract``.
"""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from evidence.errors import AlreadyStored, BadInput, NotFound, Refused

_STEP = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}"  # a file's name may have 255 bytes
_KEY = re.compile(rf"{_STEP}(/{_STEP})*")
_FULL_TILE = re.compile(r"log/tile/(entries|[0-9]{1,2})/(x[0-9]{3}/)*[0-9]{3}")  # C2SP tlog-tiles
_WIDTH = re.compile(r"[1-9][0-9]{0,2}")
PIECE = 4 * 1024 * 1024  # bytes per step when a range is streamed


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a store knows of an object: its key and its size in bytes."""

    key: str
    size: int


class Incoming(Protocol):
    """The bytes of one upload on their way in. One writer at a time; the caller holds the upload's lock."""

    @property
    def length(self) -> int:
        """Bytes appended so far, whether durable or not."""
        ...

    def append(self, data: bytes | memoryview) -> None:
        """Take the next bytes. Raises :class:`~evidence.errors.OutOfSpace`; then nothing that was durable is lost."""
        ...

    def sync(self) -> int:
        """Make what can be made durable durable; the length that would survive a power cut at this moment.

        That is :attr:`length` on a disk. On S3 it is the whole parts, and all of it once the announced size is reached.
        """
        ...

    def truncate(self, length: int) -> None:
        """Go back to a shorter length; for bytes that failed verification after a crash.

        A store that writes in parts may go back further, to the end of one: :attr:`length` tells where to go on.
        """
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were appended before, for hashing again after a restart. Fewer only at the end.

        Raises :class:`~evidence.errors.NotReadableYet` where a store cannot give staged bytes back (S3): then
        :meth:`finish` comes first, and the finished object is hashed.
        """
        ...

    def finish(self) -> ObjectStat:
        """Put the whole under its key, durable and write-once. May run twice. The staging place is gone afterwards.

        Raises :class:`~evidence.errors.BadInput` when fewer or more bytes are here than were announced, and
        :class:`AlreadyStored` when the key holds other bytes; then what was staged stays.
        """
        ...

    def abandon(self) -> None:
        """Give the staged bytes up: only for a duplicate that is proven stored, or an upload its sender ended."""
        ...

    def close(self) -> None:
        """Let go of descriptors and buffers; what is staged stays and can be opened again."""
        ...


class ObjectStore(Protocol):
    """Write-once objects under keys."""

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        """Store bytes durably; the same again is fine. Raises :class:`AlreadyStored` or ``OutOfSpace``."""
        ...

    def put_file_once(self, key: str, source: BinaryIO) -> ObjectStat:
        """Store a file from its present position to its end, streaming. Raises as :meth:`put_once` does."""
        ...

    def incoming(self, key: str, *, size: int = 0) -> Incoming:
        """Begin an upload under a key, or open again what was staged for it before.

        ``size`` is what the sender announced, in bytes; a store that writes in parts chooses their length by it.
        """
        ...

    def free(self) -> int | None:
        """Bytes that still fit, or ``None`` where the store cannot say."""
        ...

    def read(self, key: str, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset``; fewer only at the end. Raises :class:`NotFound`."""
        ...

    def open_file(self, key: str) -> BinaryIO | None:
        """The object as a local file opened for reading, where the store has one; ``None`` where it is remote."""
        ...

    def stat(self, key: str) -> ObjectStat | None:
        """Size of an object, or ``None`` when there is none under the key."""
        ...

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with a prefix, sorted."""
        ...

    def discard_partials(self, key: str) -> int:
        """Remove the partial tiles ``<key>.p/<width>`` that the full tile under ``key`` supersedes; how many.

        The one way in which anything leaves a store. Raises :class:`~evidence.errors.Refused` for every key that is not
        that of a full tile or entry bundle of the ledger, and :class:`NotFound` while the full one is not there.
        """
        ...


def superseded(store: ObjectStore, key: str) -> list[str]:
    """The keys of partial tiles that the full tile under ``key`` supersedes; the check behind ``discard_partials``."""
    if not _FULL_TILE.fullmatch(key):
        raise Refused(f"{key[:80]} is not a tile of the ledger", advice="Nothing else may be removed from the store.")
    if store.stat(key) is None:
        raise NotFound(f"no object under {key}; its partial forms are all there is")
    prefix = f"{key}.p/"
    return [found for found in store.keys(prefix) if _WIDTH.fullmatch(found.removeprefix(prefix))]


def checked_key(key: str) -> str:
    """Return a key that is safe as a relative path; raises :class:`BadInput` for any other."""
    if len(key) > 512 or not _KEY.fullmatch(key):
        raise BadInput(f"not a key of the object store: {key[:80]!r}")
    return key


def check_whole(key: str, length: int, size: int) -> None:
    """Raise :class:`BadInput` unless all bytes that were announced are here; 0 announces nothing."""
    if size and length != size:
        raise BadInput(f"{key} has {length} of {size} bytes", advice="Send the rest, from the length that is here.")


def read_all(store: ObjectStore, key: str) -> bytes:
    """A whole small object (a tile, a plan, a poster). Raises :class:`NotFound`."""
    stat = store.stat(key)
    if stat is None:
        raise NotFound(f"no object under {key}")
    return store.read(key, 0, stat.size)


def stream(store: ObjectStore, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
    """A range of an object in pieces of at most 4 MiB; to its end when no length is given. Raises :class:`NotFound`."""
    stat = store.stat(key)
    if stat is None:
        raise NotFound(f"no object under {key}")
    end = stat.size if length is None else min(stat.size, offset + length)
    while offset < end:
        piece = store.read(key, offset, min(PIECE, end - offset))
        if not piece:
            raise NotFound(f"{key} ended at {offset} of {end} bytes")
        yield piece
        offset += len(piece)


class MemoryStore:
    """The fake that ships: everything in memory, the same promises except survival."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._staged: dict[str, bytearray] = {}
        self._lock = threading.Lock()

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        """See :class:`ObjectStore`."""
        checked_key(key)
        with self._lock:
            there = self._objects.setdefault(key, bytes(data))
        if there != data:
            raise AlreadyStored(f"{key} already holds other bytes")
        return ObjectStat(key, len(data))

    def put_file_once(self, key: str, source: BinaryIO) -> ObjectStat:
        """See :class:`ObjectStore`."""
        return self.put_once(key, source.read())

    def incoming(self, key: str, *, size: int = 0) -> Incoming:
        """See :class:`ObjectStore`."""
        return _MemoryIncoming(self, checked_key(key), size)

    def free(self) -> int | None:
        """See :class:`ObjectStore`; memory does not say."""
        return None

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`ObjectStore`."""
        if checked_key(key) not in self._objects:
            raise NotFound(f"no object under {key}")
        return self._objects[key][offset : offset + length]

    def open_file(self, key: str) -> BinaryIO | None:
        """See :class:`ObjectStore`; never a file here."""
        return None

    def stat(self, key: str) -> ObjectStat | None:
        """See :class:`ObjectStore`."""
        data = self._objects.get(checked_key(key))
        return None if data is None else ObjectStat(key, len(data))

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`ObjectStore`."""
        return iter(sorted(key for key in self._objects if key.startswith(prefix)))

    def discard_partials(self, key: str) -> int:
        """See :class:`ObjectStore`."""
        found = superseded(self, key)
        with self._lock:
            for partial in found:
                self._objects.pop(partial, None)
        return len(found)

    def staged(self, key: str) -> bytearray:
        """The staging place of a key, made when it is not there."""
        return self._staged.setdefault(key, bytearray())

    def unstage(self, key: str) -> None:
        """Forget a staging place."""
        self._staged.pop(key, None)


class _MemoryIncoming:
    def __init__(self, store: MemoryStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self._size = size

    @property
    def length(self) -> int:
        return len(self._store.staged(self._key))

    def append(self, data: bytes | memoryview) -> None:
        self._store.staged(self._key).extend(data)

    def sync(self) -> int:
        return self.length

    def truncate(self, length: int) -> None:
        if not 0 <= length <= self.length:
            raise BadInput(f"cannot go back to {length} of {self.length} bytes")
        del self._store.staged(self._key)[length:]

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self._store.staged(self._key)[offset : offset + length])

    def finish(self) -> ObjectStat:
        there = self._store.stat(self._key)
        if there is not None and self.length == 0:
            return there
        check_whole(self._key, self.length, self._size)
        stat = self._store.put_once(self._key, bytes(self._store.staged(self._key)))
        self._store.unstage(self._key)
        return stat

    def abandon(self) -> None:
        self._store.unstage(self._key)

    def close(self) -> None:
        return None
