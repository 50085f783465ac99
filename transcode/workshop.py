"""What the workshop's jobs share: a scratch folder, write-once storing of what was made, and its entry in the ledger.

Order as everywhere: the objects first, then one transaction with the row and the entry. What is made lies under a key
that carries its digest, so that a job that runs twice, or a newer tool, never meets a key that holds other bytes.
"""

import resource
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody import canonical
from custody.entry import Act, ActKind
from custody.ledger import machine, record
from evidence.clock import utc_text
from evidence.digest import Digest, StreamDigest
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Recording, Rendition
from evidence.objectstore import PIECE
from transcode.packager_source import StoredObject
from transcode.profiles import Profile


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that was made and stored."""

    name: str
    key: str
    digest: Digest
    size: int
    crc32: int

    def part(self) -> dict[str, str | int]:
        """How it stands in a rendition's detail."""
        return {"key": self.key, "digest": str(self.digest), "size": self.size}


@dataclass(frozen=True, slots=True)
class Made:
    """A finished rendition: its main file, the files beside it, the tools, and what else the ledger should say."""

    main: Stored
    parts: tuple[Stored, ...]
    tools: Mapping[str, str]
    remarks: Mapping[str, str]


@contextmanager
def scratch(ground: Ground) -> Iterator[Path]:
    """An empty folder that is gone afterwards, on the disk of the installation."""
    place = ground.settings.data / "scratch"
    place.mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def source_of(ground: Ground, recording: Recording) -> StoredObject:
    """The stored original. Raises :class:`~evidence.errors.NotFound` when the store has lost it."""
    return StoredObject(ground.objects, recording.object_key)


def store(ground: Ground, recording_id: str, profile: str, made: Path | bytes, name: str) -> Stored:
    """Store a file that was made, durable when this returns."""
    running = StreamDigest()
    if isinstance(made, bytes):
        running.update(made)
        key = _key(recording_id, profile, running.digest, name)
        ground.objects.put_once(key, made)
        return Stored(name, key, running.digest, running.size, running.crc32)
    with made.open("rb") as file:
        while piece := file.read(PIECE):
            running.update(piece)
        file.seek(0)
        key = _key(recording_id, profile, running.digest, name)
        ground.objects.put_file_once(key, file)
    return Stored(name, key, running.digest, running.size, running.crc32)


def is_ready(session: Session, recording_id: str, profile: Profile) -> bool:
    """Whether a rendition is there already: the job ran before."""
    row = _row(session, recording_id, profile)
    return row is not None and row.state == "ready"


def begin(ground: Ground, recording: Recording, profile: Profile) -> None:
    """Say that a rendition is being made."""
    with ground.database.write() as session:
        _upsert(session, recording, profile).state = "making"


def finish(session: Session, ground: Ground, recording: Recording, profile: Profile, made: Made) -> None:
    """The rendition's row and its entry, in the caller's transaction."""
    row = _upsert(session, recording, profile)
    told = profile.record(made.tools)
    row.state, row.reason = "ready", made.remarks.get("inexact", "")
    row.object_key, row.digest = made.main.key, str(made.main.digest)
    row.size, row.crc32 = made.main.size, made.main.crc32
    row.input_digest, row.made_at = recording.digest, ground.clock.now()
    row.tool, row.parameters = in_words(made.tools), dict(profile.parameters)
    row.detail = {"parts": {part.name: part.part() for part in made.parts}, "remarks": dict(made.remarks)}
    row.cpu_ms = cpu_ms()
    using = {
        "profile": profile.name,
        "tool": in_words(made.tools),
        "parameters": canonical.encode({"parameters": told["parameters"]}).decode(),  # type: ignore[dict-item]
        "input": recording.digest,
        "output": str(made.main.digest),
        "beside": "; ".join(f"{part.name} {part.digest}" for part in made.parts),
        **made.remarks,
    }
    tell(session, ground, ActKind.RENDITION_MADE, recording, using)


def fail(session: Session, ground: Ground, recording: Recording, profile: Profile, reason: str) -> None:
    """The rendition's failure, in words; never a failure of the recording."""
    row = _upsert(session, recording, profile)
    if row.state == "failed" and row.reason == reason[:500]:
        return
    row.state, row.reason, row.input_digest = "failed", reason[:500], recording.digest
    using = {"profile": profile.name, "input": recording.digest, "reason": reason[:500]}
    tell(session, ground, ActKind.RENDITION_FAILED, recording, using)


def tell(session: Session, ground: Ground, what: ActKind, recording: Recording, using: Mapping[str, str]) -> None:
    """Record an act of the workshop on a recording."""
    act = Act(
        what=what,
        at=utc_text(ground.clock.now()),
        who=machine(ground, "workshop", "worker"),
        on={"recording": recording.id, "digest": recording.digest},
        using={key: value for key, value in using.items() if value},
    )
    record(session, act, ground.clock)


def in_words(tools: Mapping[str, str]) -> str:
    """Tools and versions in a line."""
    return ", ".join(f"{name} {version}" for name, version in sorted(tools.items()))[:200]


def cpu_ms() -> int:
    """Processor milliseconds of all children of this process that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(1000 * (spent.ru_utime + spent.ru_stime))


def _key(recording_id: str, profile: str, digest: Digest, name: str) -> str:
    return f"renditions/{recording_id}/{profile}/{digest.hex[:16]}/{name}"


def _row(session: Session, recording_id: str, profile: Profile) -> Rendition | None:
    return session.scalar(
        select(Rendition).where(Rendition.recording_id == recording_id, Rendition.profile == profile.name)
    )


def _upsert(session: Session, recording: Recording, profile: Profile) -> Rendition:
    row = _row(session, recording.id, profile)
    if row is None:
        row = Rendition(id=new_id("ren"), recording_id=recording.id, profile=profile.name, state="making")
        session.add(row)
    return row
