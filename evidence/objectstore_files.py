"""The object store on a local file system: the embedded default.

``objects/<key>`` holds finished objects, read-only; ``staging/<key>`` holds uploads on their way in; ``scratch`` holds
what is being put in one go. Durable means: the file's data reached the disk (fdatasync), and so did every directory
entry that leads to it. An object appears under its key by ``link``, which fails when the name is taken, so nothing can
be overwritten, not even by two processes at once.

A process that dies between the link and the removal of the staged name leaves one file with two names. Whoever opens
the upload next takes it for finished, and never for something that may still be written.
"""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evidence.directfile import DirectFile
from evidence.errors import AlreadyStored, BadInput, NotFound, OutOfSpace, StoreUnwell
from evidence.objectstore import PIECE, Incoming, ObjectStat, check_whole, checked_key, superseded

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_DAY = 24 * 3600.0  # seconds
_DIRECT_FROM = 64 * 1024 * 1024  # bytes announced; smaller clips are welcome in the page cache, they are read at once


class FileStore:
    """Write-once objects as read-only files below a folder. Safe for many processes of one machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._objects = root / "objects"
        self._staging = root / "staging"
        self._scratch = root / "scratch"
        self._durable = {root.parent}
        for folder in (self._objects, self._staging, self._scratch):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._settle_way_to(folder)
        self._clear_scratch()

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        final = self._path(key)
        if final.is_file():
            return self._same(key, final, data)
        return self._put(key, iter((data,)))

    def put_file_once(self, key: str, source: BinaryIO) -> ObjectStat:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        return self._put(key, iter(lambda: source.read(PIECE), b""))

    def incoming(self, key: str, *, size: int = 0) -> Incoming:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        staged = self._staging / checked_key(key)
        with full_disk_in_words():
            staged.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._settle_way_to(staged.parent)
            self._end_a_finish(staged, self._path(key))
        return FileIncoming(self, key, staged, size=size)

    def read(self, key: str, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        with self.open_file(key) as file, full_disk_in_words():
            return _read_exactly(file.fileno(), offset, length)

    def open_file(self, key: str) -> BinaryIO:
        """See :class:`~evidence.objectstore.ObjectStore`; always a file here. Raises :class:`NotFound`."""
        try:
            with full_disk_in_words():
                return self._path(key).open("rb", buffering=0)
        except _NO_FILE as wrong:
            raise NotFound(f"no object under {key}") from wrong

    def stat(self, key: str) -> ObjectStat | None:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        try:
            found = self._path(key).stat()
        except _NO_FILE:
            return None
        return ObjectStat(key, found.st_size) if stat.S_ISREG(found.st_mode) else None

    def keys(self, prefix: str) -> Iterator[str]:
        """See :class:`~evidence.objectstore.ObjectStore`. Walks only the folder that the prefix names."""
        folder = prefix.rpartition("/")[0]
        top = self._objects / checked_key(folder) if folder else self._objects
        found = (path.relative_to(self._objects).as_posix() for path in top.rglob("*") if path.is_file())
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def discard_partials(self, key: str) -> int:
        """See :class:`~evidence.objectstore.ObjectStore`."""
        found = superseded(self, key)
        with full_disk_in_words():
            for partial in found:
                self._path(partial).unlink(missing_ok=True)
        return len(found)

    def free(self) -> int | None:
        """See :class:`~evidence.objectstore.ObjectStore`: what an ordinary user may still write."""
        state = os.statvfs(self._objects)
        return state.f_bavail * state.f_frsize

    def publish(self, key: str, source: Path) -> ObjectStat:
        """Give a durable file its key as well; the object survives a power cut under it when this returns."""
        final = self._path(key)
        with full_disk_in_words():
            self._make_way_to(final.parent)
            source.chmod(0o400)
            try:
                os.link(source, final)
            except FileExistsError:
                if not final.is_file() or not _same_bytes(source, final):
                    raise AlreadyStored(f"{key} already holds other bytes") from None
            _settle_folder(final.parent)
            return ObjectStat(key, final.stat().st_size)

    def _put(self, key: str, pieces: Iterator[bytes]) -> ObjectStat:
        self._path(key)  # a key that cannot be is refused before anything is written
        scratch = self._scratch / secrets.token_hex(16)
        try:
            fd = _open_new(scratch)
            try:
                for piece in pieces:
                    _write_all(fd, piece)
                with full_disk_in_words():
                    os.fdatasync(fd)
            finally:
                os.close(fd)
            return self.publish(key, scratch)
        finally:
            scratch.unlink(missing_ok=True)

    def _same(self, key: str, final: Path, data: bytes) -> ObjectStat:
        with full_disk_in_words():
            if final.stat().st_size != len(data) or final.read_bytes() != data:
                raise AlreadyStored(f"{key} already holds other bytes")
            _settle_folder(final.parent)  # whoever linked it may have died before this
        return ObjectStat(key, len(data))

    def _end_a_finish(self, staged: Path, final: Path) -> None:
        """Take the staged name from a file that has its key already: written through it, the object would change."""
        if _is_one_file(staged, final):
            _settle_folder(final.parent)
            staged.unlink()

    def _make_way_to(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (FileExistsError, NotADirectoryError) as wrong:
            raise AlreadyStored(f"an object lies where the folder {folder.name} should be") from wrong
        self._settle_way_to(folder)

    def _settle_way_to(self, folder: Path) -> None:
        """Make the folder's own name durable, and those above it; once a process, whoever made them may have died."""
        if folder in self._durable:
            return
        self._settle_way_to(folder.parent)
        _settle_folder(folder.parent)
        self._durable.add(folder)

    def _clear_scratch(self) -> None:
        """Remove what a process left that died a day ago or longer; none of it was ever acknowledged."""
        for left in self._scratch.iterdir():
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - _DAY:
                    left.unlink()

    def _path(self, key: str) -> Path:
        return self._objects / checked_key(key)


class FileIncoming:
    """One upload's staged file; see :class:`~evidence.objectstore.Incoming`."""

    def __init__(self, store: FileStore, key: str, staged: Path, *, size: int) -> None:
        self._store = store
        self._key = key
        self._staged = staged
        self._size = size
        self._direct = DirectFile(staged) if size >= _DIRECT_FROM else None
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
        view = memoryview(data)
        with full_disk_in_words():
            fd = self._open()
            while view:
                written = self._direct.write(view, self._length) if self._direct else 0
                written = written or os.pwrite(fd, view, self._length)
                self._length += written
                view = view[written:]

    def sync(self) -> int:
        """See :class:`~evidence.objectstore.Incoming`."""
        if self._length or self._fd >= 0:
            with full_disk_in_words():
                os.fdatasync(self._open())
        return self._length

    def truncate(self, length: int) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        if not 0 <= length <= self._length:
            raise BadInput(f"cannot go back to {length} of {self._length} bytes")
        if length < self._length:
            with full_disk_in_words():
                os.ftruncate(self._open(), length)
            self._length = length

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`~evidence.objectstore.Incoming`."""
        if offset >= self._length:
            return b""
        with full_disk_in_words():
            return _read_exactly(self._open(), offset, min(length, self._length - offset))

    def finish(self) -> ObjectStat:
        """See :class:`~evidence.objectstore.Incoming`."""
        there = self._store.stat(self._key)
        if there is not None and self._length == 0:
            self.abandon()
            return there
        check_whole(self._key, self._length, self._size)
        with full_disk_in_words():
            os.fdatasync(self._open())
        self.close()
        stored = self._store.publish(self._key, self._staged)
        self._staged.unlink(missing_ok=True)
        self._length = 0
        return stored

    def abandon(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        self.close()
        self._staged.unlink(missing_ok=True)
        self._length = 0

    def close(self) -> None:
        """See :class:`~evidence.objectstore.Incoming`."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._direct:
            self._direct.close()

    def _open(self) -> int:
        if self._fd < 0:
            with suppress(FileNotFoundError):
                self._staged.chmod(0o600)  # a finish that died just before it gave the key had made it read-only
            self._fd = os.open(self._staged, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _settle_folder(self._staged.parent)
        return self._fd


@contextmanager
def full_disk_in_words() -> Iterator[None]:
    """Turn "no space left" into :class:`OutOfSpace`, and every other answer of a sick disk into :class:`StoreUnwell`.

    That no such file is there is an answer, not an illness, and goes on as it is. After a failed fdatasync the kernel
    has dropped the pages: the staged file must be closed and verified again.
    """
    try:
        yield
    except _NO_FILE:
        raise
    except OSError as wrong:
        if wrong.errno in _FULL:
            raise OutOfSpace("the disk of the object store is full") from wrong
        raise StoreUnwell(f"the disk of the object store reported an error: {wrong.strerror}") from wrong


def _open_new(path: Path) -> int:
    with full_disk_in_words():
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    with full_disk_in_words():
        while view:
            view = view[os.write(fd, view) :]


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


def _is_one_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except _NO_FILE:
        return False


def _same_bytes(one: Path, other: Path) -> bool:
    if one.samefile(other):
        return True
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as a, other.open("rb") as b:
        while True:
            piece = a.read(PIECE)
            if piece != b.read(PIECE):
                return False
            if not piece:
                return True


def _settle_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
