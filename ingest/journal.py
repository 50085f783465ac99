"""A journal: records appended to a file, each durable when :meth:`Journal.append` returns, read back after any death.

One line a record: the CRC-32 of the JSON in 8 hexadecimal digits, a space, the JSON, a newline. A power cut can leave
the last line torn; reading stops there and the next record takes its place. Damage anywhere else is no power cut: the
file is then kept beside as ``<name>.damaged`` for whoever looks into it, and what stands before the damage is used.
"""

import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

Entry: TypeAlias = dict[str, Any]


class Journal:
    """One open journal. One process at a time; the caller sees to that, and to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        data = path.read_bytes() if path.exists() else b""
        self.entries, good = _read(data)
        if b"\n" in data[good:-1]:
            write_durably(path.with_name(f"{path.name}.damaged"), data)
        fresh = not path.exists()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if good < len(data):
            os.ftruncate(self._file, good)
        self.size = good
        if fresh:
            sync_folder(path.parent)

    def append(self, entry: Entry) -> None:
        """Add a record; it survives whatever happens once this has returned. When it raises, nothing was added."""
        line = _line(entry)
        left = memoryview(line)
        try:
            while left:
                left = left[os.write(self._file, left) :]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)  # half a line must not stand before the next one
            raise
        self.size += len(line)

    def rewrite(self, entries: Iterable[Entry]) -> None:
        """Replace all records by fewer that say the same: the old file or the new one is there, never half of one."""
        data = b"".join(_line(entry) for entry in entries)
        write_durably(self._path, data)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self.size = len(data)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def write_durably(path: Path, data: bytes) -> None:
    """Put a file under its name, whole or not at all, private to this account, durable when this returns."""
    draft = path.with_name(f".{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(entry: Entry) -> bytes:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()  # ASCII: paths need not be UTF-8
    return b"%08x %b\n" % (zlib.crc32(text), text)


def _read(data: bytes) -> tuple[list[Entry], int]:
    entries: list[Entry] = []
    good = 0
    for line in _whole_lines(data):
        text = line[9:-1]
        if line[:9] != b"%08x " % zlib.crc32(text):
            break
        entries.append(json.loads(text))
        good += len(line)
    return entries, good


def _whole_lines(data: bytes) -> Iterator[bytes]:
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        yield data[at : end + 1]
        at = end + 1
