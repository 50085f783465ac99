"""The object store on a local file system: the embedded default.

``objects/<key>`` holds finished objects, read-only; ``staging/<key>`` holds uploads on their way in. Durable means: the
file's data reached the disk (fdatasync), and so did the directory entry that names it. An object appears under its key
by ``link``, which fails when the name is taken, so nothing can be overwritten, not even by two processes at once.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evidence.errors import AlreadyStored, BadInput, NotFound, OutOfSpace, StoreUnwell
from evidence.objectstore import PIECE, Incoming, ObjectStat, checked_key

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FileStore:
    """Write-once objects as read-only files below a folder. Safe for many processes of one machine."""

    def __init__(self, root: Path) -> None:
        self._objects = root / "objects"
        self._staging = root / "staging"
        for folder in (self._objects, self._staging):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        final = self._path(key)
        if final.exists():
            return self._same(key, final, data)
        scratch = self._staging / f"put-{secrets.token_hex(8)}"
        try:
            with full_disk_in_words(), scratch.open("wb") as file:
                file.write(data)
                _settle(file.fileno())
            return self._publish(key, scratch)
        finally:
            scratch.unlink(missing_ok=True)

    def put_file_once(self, key: str, source: BinaryIO) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        scratch = self._staging / f"put-{secrets.token_hex(8)}"
        try:
            with full_disk_in_words(), scratch.open("wb") as file:
                while piece := source.read(PIECE):
                    file.write(piece)
                file.flush()
                _settle(file.fileno())
            return self._publish(key, scratch)
        finally:
            scratch.unlink(missing_ok=True)

    def incoming(self, key: str, *, size: int = 0) -> Incoming:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        staged = self._staging / checked_key(key)
        staged.parent.mkdir(parents=True, exist_ok=True)
        return FileIncoming(self, key, staged)

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        try:
            with self._path(key).open("rb", buffering=0) as file:
                return _read_exactly(file.fileno(), offset, length)
        except FileNotFoundError as wrong:
            raise NotFound(f"no object under {key}") from wrong

    def open_file(self, key: str) -> BinaryIO | None:
        """See :class:`~evidence.objectstore.ObjectStore`; always a file here. Raises :class:`NotFound`."""
        try:
            return self._path(key).open("rb", buffering=0)
        except FileNotFoundError as wrong:
            raise NotFound(f"no object under {key}") from wrong

    def stat(self, key: str) -> ObjectStat | None:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        try:
            return ObjectStat(key, self._path(key).stat().st_size)
        except FileNotFoundError:
            return None

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`~evidence.objectstore.ObjectStore`. Walks only the folder that the prefix names."""
        top = self._objects / prefix.rpartition("/")[0]
        found = (str(path.relative_to(self._objects)) for path in top.rglob("*") if path.is_file())
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def free(self) -> int | None:
        """See :class:`~evidence.objectstore.ObjectStore`: what an ordinary user may still write."""
        state = os.statvfs(self._objects)
        return state.f_bavail * state.f_frsize

    def publish_staged(self, key: str, staged: Path) -> ObjectStat:
        """Give a durable staged file its key. The staged name goes when the key's name is durable."""
        stat = self._publish(key, staged)
        staged.unlink(missing_ok=True)
        return stat

    def _publish(self, key: str, scratch: Path) -> ObjectStat:
        final = self._path(key)
        _make_durable_folders(final.parent, self._objects)
        scratch.chmod(0o400)
        try:
            os.link(scratch, final)
        except FileExistsError:
            if not _same_bytes(scratch, final):
                raise AlreadyStored(f"{key} already holds other bytes") from None
        _settle_folder(final.parent)  # from here on the object survives a power cut under its key
        return ObjectStat(key, final.stat().st_size)

    def _same(self, key: str, final: Path, data: bytes) -> ObjectStat:
        if final.stat().st_size != len(data) or final.read_bytes() != data:
            raise AlreadyStored(f"{key} already holds other bytes")
        _settle_folder(final.parent)  # whoever linked it may have died before this
        return ObjectStat(key, len(data))

    def _path(self, key: str) -> Path:
        return self._objects / checked_key(key)


class FileIncoming:
    """One upload's staged file; see :class:`~evidence.objectstore.Incoming`."""

    def __init__(self, store: FileStore, key: str, staged: Path) -> None:
        self._store = store
        self._key = key
        self._staged = staged
        self._fd = -1
        self._length = 0
        with suppress(FileNotFoundError):
            self._length = staged.stat().st_size

    @property
    def length(self) -> int:
        """See :class:`~evidence.objectstore.Incoming`."""
        return self._length

    def append(self, data: bytes | memoryview) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        fd = self._open()
        view = memoryview(data)
        with full_disk_in_words():
            while view:
                written = os.pwrite(fd, view, self._length)
                self._length += written
                view = view[written:]

    def sync(self) -> int:
        """See :class:`~evidence.objectstore.Incoming`."""
        with full_disk_in_words():
            _settle(self._open())
        return self._length

    def truncate(self, length: int) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        if not 0 <= length <= self._length:
            raise BadInput(f"cannot go back to {length} of {self._length} bytes")
        os.ftruncate(self._open(), length)
        self._length = length

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.Incoming`."""
        return _read_exactly(self._open(), offset, length)

    def finish(self) -> ObjectStat:
        """See :class:`~evidence.objectstore.Incoming`."""
        there = self._store.stat(self._key)
        if there is not None and not self._staged.exists():
            return there
        self.sync()
        self.close()
        return self._store.publish_staged(self._key, self._staged)

    def abandon(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        self.close()
        self._staged.unlink(missing_ok=True)

    def close(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        if self._fd < 0:
            fresh = not self._staged.exists()
            self._fd = os.open(self._staged, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if fresh:
                _settle_folder(self._staged.parent)
        return self._fd


@contextmanager
def full_disk_in_words() -> Iterator[None]:
    """Turn the system's "no space left" into :class:`OutOfSpace`, and its I/O error into :class:`StoreUnwell`.

    After a failed fdatasync the kernel has dropped the pages: the staged file must be closed and verified again.
    """
    try:
        yield
    except OSError as wrong:
        if wrong.errno in _FULL:
            raise OutOfSpace("the disk of the object store is full") from wrong
        if wrong.errno == errno.EIO:
            raise StoreUnwell("the disk of the object store reported an error") from wrong
        raise


def _read_exactly(fd: int, offset: int, length: int) -> bytes:
    pieces: list[bytes] = []
    while length > 0:
        piece = os.pread(fd, length, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _same_bytes(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while True:
            piece = a.read(PIECE)
            if piece != b.read(PIECE):
                return False
            if not piece:
                return True


def _make_durable_folders(folder: Path, top: Path) -> None:
    missing = []
    while folder != top and not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True, mode=0o700)
        _settle_folder(new.parent)


def _settle(fd: int) -> None:
    os.fdatasync(fd)


def _settle_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
