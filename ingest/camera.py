"""A camera's files in a mounted folder: found, waited for, and opened, without ever leaving the folder.

A camera is somebody else's computer. Folders are walked and files opened through descriptors, one name at a time, and
no symbolic link is followed, so nothing that a card holds can lead elsewhere, not even while it changes. Names are
bytes and need not be text. What is not brought in is not passed over in silence: it is listed with the reason.

A file is *settled* when its size and time have stayed the same between two looks. That a recorder pauses longer than
that is caught after reading: a file that has changed meanwhile is never signed for.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import BadInput, NotFound
from ingest.names import label_of

CLIPS = frozenset({
    "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "ts", "mts", "m2ts", "m2t", "mpg", "mpeg", "vob", "3gp", "3g2",
    "wmv", "asf", "flv", "f4v", "ogv", "mxf", "dav", "h264", "h265", "264", "265", "hevc", "insv",
})  # fmt: skip
SIDECARS = frozenset({
    "gpx", "nmea", "kml", "kmz", "json", "csv", "xml", "vtt", "srt", "ass", "sub", "txt", "log", "md5", "sha1",
    "sha256", "key", "sig", "cer", "crt", "pem", "jpg", "jpeg", "png", "bmp", "thm", "wav", "mp3", "m4a", "aac",
    "ogg", "opus", "amr", "gps", "bin", "dat", "idx",
})  # fmt: skip
SIDECAR_NAMES = (b"bookmark_", b"RejectedContent_")  # Axis writes these without an ending
SYSTEM_FOLDERS = frozenset({
    b".Trashes", b".Spotlight-V100", b".fseventsd", b".TemporaryItems", b"System Volume Information", b"$RECYCLE.BIN",
})  # fmt: skip
MAX_DEPTH = 16
MAX_FILES = 100_000
QUIET = 0.3  # seconds that a file must have stayed the same

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not make us wait for its writer


class CameraGone(NotFound):
    """A file is not there any more, or not the one that was found."""

    code = "camera-gone"
    advice = "Leave the camera in the dock until everything is said to be safe; put it back in."


class FileChanged(BadInput):
    """A file changed while it was read."""

    code = "file-changed"
    advice = "Wait until the camera has finished writing; the dock takes the file up again by itself."


@dataclass(frozen=True, slots=True)
class Found:
    """A file on the camera: its path as bytes, its label, bytes, nanoseconds of its last change, clip or sidecar.

    ``trace`` is inode and change time, which no program can set: while both are the same, so are the bytes.
    """

    path: bytes
    name: str
    size: int
    mtime_ns: int
    kind: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What is on the camera and not brought in, and why, in words."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a folder holds at one moment. ``is_there`` is false when there is no such folder."""

    files: tuple[Found, ...] = ()
    left: tuple[Left, ...] = ()
    is_there: bool = True


def look(folder: Path) -> Look:
    """List a folder and all below it, in the order of names. Never raises for what a card holds."""
    files: list[Found] = []
    left: list[Left] = []
    try:
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return Look(is_there=False)
    try:
        for item in _walk(top, b"", 0):
            (files if isinstance(item, Found) else left).append(item)  # type: ignore[arg-type]
            if len(files) + len(left) >= MAX_FILES:
                left.append(Left("...", f"more than {MAX_FILES} files"))
                break
    finally:
        os.close(top)
    return Look(tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(left, key=lambda one: one.name)))


class Settling:
    """Tells settled files from those that are still being written, from one look to the next."""

    def __init__(self, quiet: float = QUIET) -> None:
        self._quiet = quiet
        self._since: dict[bytes, tuple[int, int, float]] = {}

    def settled(self, seen: Look, at: float) -> tuple[Found, ...]:
        """The files of a look that have stayed the same for long enough. ``at`` is monotonic, in seconds."""
        since: dict[bytes, tuple[int, int, float]] = {}
        for file in seen.files:
            size, mtime_ns, first = self._since.get(file.path, (-1, -1, at))
            same = (size, mtime_ns) == (file.size, file.mtime_ns)
            since[file.path] = (file.size, file.mtime_ns, first if same else at)
        self._since = since
        return tuple(file for file in seen.files if at - since[file.path][2] >= self._quiet)


@contextmanager
def opened(folder: Path, file: Found) -> Iterator[int]:
    """A descriptor of a file that was found. Raises :class:`CameraGone`, also when a link stands in its place."""
    try:
        descriptor = _open_below(folder, file.path)
    except OSError as wrong:
        raise CameraGone(f"{file.name} cannot be opened: {os.strerror(wrong.errno or 0)}") from wrong
    try:
        require_same(descriptor, file)
        yield descriptor
    finally:
        os.close(descriptor)


def require_same(descriptor: int, file: Found) -> None:
    """Return only while the open file is as it was found; raises :class:`FileChanged` or :class:`CameraGone`."""
    try:
        now = os.fstat(descriptor)
    except OSError as wrong:
        raise CameraGone(f"{file.name} is gone") from wrong
    if not stat.S_ISREG(now.st_mode) or (now.st_size, now.st_mtime_ns) != (file.size, file.mtime_ns):
        raise FileChanged(f"{file.name} has changed since it was found")


def _walk(folder: int, prefix: bytes, depth: int) -> Iterator[Found | Left]:
    try:
        names = sorted(os.fsencode(name) for name in os.listdir(folder))
    except OSError as wrong:
        yield Left(label_of(prefix or b"."), f"cannot be listed: {os.strerror(wrong.errno or 0)}")
        return
    for name in names:
        path = prefix + name
        try:
            there = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as wrong:
            if not isinstance(wrong, FileNotFoundError):
                yield Left(label_of(path), f"cannot be looked at: {os.strerror(wrong.errno or 0)}")
            continue
        if stat.S_ISDIR(there.st_mode):
            yield from _enter(folder, name, path, depth)
        elif not name.startswith(b"._"):  # what a Mac leaves beside every file
            yield _judge(path, there)


def _enter(folder: int, name: bytes, path: bytes, depth: int) -> Iterator[Found | Left]:
    if name in SYSTEM_FOLDERS:
        return
    if depth + 1 >= MAX_DEPTH:
        yield Left(label_of(path), f"lies more than {MAX_DEPTH} folders deep")
        return
    try:
        inner = os.open(name, _FOLDER, dir_fd=folder)
    except OSError as wrong:
        yield Left(label_of(path), f"cannot be opened: {os.strerror(wrong.errno or 0)}")
        return
    try:
        yield from _walk(inner, path + b"/", depth + 1)
    finally:
        os.close(inner)


def _judge(path: bytes, there: os.stat_result) -> Found | Left:
    name = label_of(path)
    if stat.S_ISLNK(there.st_mode):
        return Left(name, "is a symbolic link, and those are not followed")
    if not stat.S_ISREG(there.st_mode):
        return Left(name, "is not a file but a device, a pipe or a socket")
    kind = _kind(path.rpartition(b"/")[2])
    if not kind:
        return Left(name, "is of a kind that is not known here")
    return Found(path, name, there.st_size, there.st_mtime_ns, kind, f"{there.st_ino}/{there.st_ctime_ns}")


def _kind(name: bytes) -> str:
    ending = name.rpartition(b".")[2].lower().decode("ascii", "replace") if b"." in name else ""
    if ending in CLIPS:
        return "clip"
    return "sidecar" if ending in SIDECARS or name.startswith(SIDECAR_NAMES) else ""


def _open_below(folder: Path, path: bytes) -> int:
    *folders, name = path.split(b"/")
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        return os.open(name, _FILE, dir_fd=here)
    finally:
        with suppress(OSError):
            os.close(here)
