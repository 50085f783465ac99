"""What a dock remembers, durably: its key, where it is enrolled, and how far each file of each docking has come.

The folder is private to one account and locked by the one program that uses it. Each step of a file is written down
before the next one is taken, so that a dock that loses power at any moment goes on where it was: it sends nothing twice
that has a receipt, and never calls safe what has none. ::

    dock.pem          the dock's Ed25519 key
    identity.json     server, dock, agency, and the ledger's public key as it was pinned at enrolment
    journal           dockings and files, see ingest.journal
    receipts/         the receipts that were verified, each one file that `dockline verify` reads
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from custody.keys import FileSigner
from custody.proof import SUFFIX
from evidence.errors import Conflict, Misconfigured, OutOfSpace
from ingest.camera import Found
from ingest.journal import Journal, sync_folder, write_durably

_COMPACT_ABOVE = 1024 * 1024  # bytes of journal


class FileState(StrEnum):
    """How far a file has come, as the dock knows it."""

    FOUND = "found"  # to be sent, or being sent
    SEALED = "sealed"  # read to its end, manifest signed
    STORED = "stored"  # the server says it is stored; not proven yet
    SAFE = "safe"  # a receipt was verified
    QUARANTINED = "quarantined"  # the server has set it aside
    REFUSED = "refused"  # the server does not take it as it is


class StateInUse(Conflict):
    """Another program works with this dock's state."""

    code = "state-in-use"
    advice = "Let the other dock program finish, or give this one a state folder of its own with --state."


class StateUnreadable(Misconfigured):
    """The dock's state cannot be used."""

    code = "state-unreadable"
    advice = "Restore the state folder, or enrol the dock again into a new one; no footage is lost by it."


class StateUnwritable(OutOfSpace):
    """The dock cannot write down what it has done, so it does no more."""

    code = "state-unwritable"
    advice = "Free some space on the dock's own disk, or replace it; no footage is lost by it."


@dataclass(frozen=True, slots=True)
class Identity:
    """Where the dock is enrolled. ``log_vkey`` is the one key whose checkpoints this dock believes."""

    server: str
    dock: str
    agency: str
    log_vkey: str


@dataclass(frozen=True, slots=True)
class DockingRecord:
    """A docking as the dock opened it. ``id`` is the server's, empty until it has answered."""

    camera: str
    officer: str
    reference: str
    docked_at: str
    clock_offset_ms: int | None = None
    id: str = ""

    @property
    def key(self) -> str:
        """What tells one docking of this dock from another."""
        return f"{self.docked_at} {self.camera}"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """How far a file of a docking has come. ``path`` is as Python decodes the file system's names."""

    docking: str
    path: str
    name: str
    kind: str
    size: int
    mtime_ns: int
    trace: str
    state: FileState = FileState.FOUND
    file_id: str = ""
    upload: str = ""
    digest: str = ""
    manifest: str = ""
    signature: str = ""
    recording: str = ""
    words: str = ""

    @property
    def is_safe(self) -> bool:
        """Whether a verified receipt stands behind it."""
        return self.state is FileState.SAFE

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be done for it in its docking."""
        return self.state in {FileState.SAFE, FileState.QUARANTINED, FileState.REFUSED}

    def is_of(self, file: Found) -> bool:
        """Whether it was written for a file as it is now, going by path, size and time."""
        return (self.path, self.size, self.mtime_ns) == (os.fsdecode(file.path), file.size, file.mtime_ns)

    @classmethod
    def new(cls, docking: DockingRecord, file: Found) -> "FileRecord":
        """The record of a file that was just found."""
        return cls(
            docking.key, os.fsdecode(file.path), file.name, file.kind, file.size, file.mtime_ns, file.trace
        )  # fmt: skip


class DockState:
    """The state folder, open. Threads share it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder
        self._lock = threading.RLock()
        self._in_use = _claim(folder / "lock")
        self.signer = FileSigner.load_or_create(folder / "dock.pem")
        self.identity = _read_identity(folder / "identity.json")
        self._journal = Journal(folder / "journal")
        self._dockings: dict[str, DockingRecord] = {}
        self._files: dict[tuple[str, str], FileRecord] = {}
        for entry in self._journal.entries:
            self._take(entry)
        if self._journal.size > _COMPACT_ABOVE:
            self._journal.rewrite(self._entries())

    def close(self) -> None:
        """Let go of the folder."""
        self._journal.close()
        os.close(self._in_use)

    def enrolled(self, identity: Identity) -> None:
        """Remember where the dock is enrolled, and the ledger's key."""
        write_durably(self.folder / "identity.json", json.dumps(asdict(identity), indent=1).encode())
        self.identity = identity

    def save_docking(self, docking: DockingRecord) -> DockingRecord:
        """Remember a docking, or what has become known of it."""
        self._append({"docking": asdict(docking)})
        return docking

    def save(self, file: FileRecord, **changes: Any) -> FileRecord:
        """Remember a file with some changes; durable when this returns."""
        changed = replace(file, **changes)
        self._append({"file": asdict(changed)})
        return changed

    def keep_receipt(self, recording: str, receipt: bytes) -> None:
        """Keep a verified receipt as a file."""
        folder = self.folder / "receipts"
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self.folder)
        write_durably(folder / f"{recording}{SUFFIX}", receipt)

    def record(self, docking: str, path: str) -> FileRecord:
        """What was written down last of a file."""
        with self._lock:
            return self._files[docking, path]

    def files_of(self, docking: str) -> list[FileRecord]:
        """All files of a docking."""
        with self._lock:
            return [file for file in self._files.values() if file.docking == docking]

    def newest_docking(self, camera: str) -> DockingRecord | None:
        """The last docking of a camera."""
        with self._lock:
            found = [docking for docking in self._dockings.values() if docking.camera == camera]
        return found[-1] if found else None

    def safe_record(self, camera: str, file: Found) -> FileRecord | None:
        """The record of a file of this camera that is safe, going by path, size and time; the newest one."""
        path = os.fsdecode(file.path)
        with self._lock:
            for docking in reversed(self._dockings.values()):
                record = self._files.get((docking.key, path)) if docking.camera == camera else None
                if record is not None and record.is_safe and record.is_of(file):
                    return record
        return None

    def _append(self, entry: dict[str, Any]) -> None:
        with self._lock:
            try:
                self._journal.append(entry)
            except OSError as wrong:
                raise StateUnwritable(f"{self.folder}: {os.strerror(wrong.errno or 0)}") from wrong
            self._take(entry)

    def _take(self, entry: dict[str, Any]) -> None:
        if "docking" in entry:
            docking = DockingRecord(**_known(DockingRecord, entry["docking"]))
            self._dockings[docking.key] = docking
        if "file" in entry:
            told = _known(FileRecord, entry["file"])
            file = FileRecord(**{**told, "state": FileState(told["state"])})
            self._files[file.docking, file.path] = file

    def _entries(self) -> Iterable[dict[str, Any]]:
        for docking in self._dockings.values():
            yield {"docking": asdict(docking)}
        for file in self._files.values():
            yield {"file": asdict(file)}


def _known(kind: type, value: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(kind)}
    return {name: member for name, member in value.items() if name in names}


def _claim(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as wrong:
        os.close(handle)
        raise StateInUse(f"another dock program uses {path.parent}") from wrong
    return handle


def _read_identity(path: Path) -> Identity | None:
    if not path.exists():
        return None
    try:
        return Identity(**_known(Identity, json.loads(path.read_bytes())))
    except (ValueError, TypeError) as wrong:
        raise StateUnreadable(f"{path} does not say where this dock is enrolled") from wrong
