"""Checking an installation: store, tables and ledger against each other. Heals nothing, reports every disagreement.

What is looked at, in this order:

1. the ledger's files against its signed checkpoint (:func:`custody.audit.verify_log`);
2. the ledger's rows against its files: every published entry says in the table what it says in the tree;
3. every master, hashed again, against its row and against its ``stored`` entry;
4. every rendition and plan, hashed again, against its row;
5. everything in quarantine is still there, unchanged;
6. objects that no row knows: they are not wrong, but somebody should know of them.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.audit import verify_log
from custody.entry import Act, ActKind
from custody.ledger import log_key, newest_checkpoint
from custody.logfiles import LogFiles
from custody.policy import Policy
from custody.tile import WIDTH, BundleId, TileError, read_bundle, tile_width
from evidence.digest import StreamDigest
from evidence.errors import DocklineError, NotFound
from evidence.ground import Ground
from evidence.models import LedgerEntry, Quarantined, Recording, RedactionPlan, Rendition, Upload
from evidence.objectstore import stream

_MIB = 1024 * 1024
Progress = Callable[[str, int], None]


class Severity(StrEnum):
    """How much a finding matters."""

    WRONG = "wrong"  # evidence or its proof disagrees
    NOTE = "note"  # nothing is lost, somebody should know


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement, named after the thing that disagrees."""

    severity: Severity
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class _Promise:
    """What a row promises about an object."""

    what: str
    key: str
    digest: str
    size: int | None


def check(ground: Ground, *, rate: int = 0, progress: Progress = lambda _what, _bytes: None) -> Iterator[Finding]:
    """Yield every disagreement; ``rate`` bounds reading in MiB a second, 0 for no bound."""
    yield from check_ledger(ground)
    yield from check_rows(ground)
    reader = _Reader(ground, rate, progress)
    known: set[str] = set()
    for promise in _promises(ground):
        known.add(promise.key)
        yield from reader.check(promise)
    yield from check_masters_are_in_the_ledger(ground)
    yield from _strays(ground, known)


def check_ledger(ground: Ground) -> Iterator[Finding]:
    """Steps of :func:`custody.audit.verify_log` that fail, against this installation's own key."""
    with ground.database.read() as session:
        newest = newest_checkpoint(session)
    if newest is None:
        yield Finding(Severity.NOTE, "ledger", "nothing was published yet")
        return
    files = LogFiles(ground.objects)
    note = newest.note.encode()
    report = verify_log(
        lambda path: note if path == "checkpoint" else files.read(path),
        Policy.parse(f"log {log_key(ground)}\nquorum none\n".encode()),
    )
    for step in report.failed:
        yield Finding(Severity.WRONG, f"ledger: {step.title}", step.meaning)


def check_rows(ground: Ground) -> Iterator[Finding]:
    """Published entries whose row and whose leaf differ."""
    with ground.database.read() as session:
        newest = newest_checkpoint(session)
    size = 0 if newest is None else newest.size
    files = LogFiles(ground.objects)
    for first in range(0, size, WIDTH):
        width = tile_width(0, first // WIDTH, size)
        try:
            leaves = read_bundle(BundleId(first // WIDTH, width), files.read)
        except TileError:
            continue  # named by check_ledger already
        with ground.database.read() as session:
            rows = _records(session, first, first + width)
        for place, leaf in enumerate(leaves, first):
            if rows.get(place) != leaf:
                words = "the row is missing" if place not in rows else "the row says something else than the tree"
                yield Finding(Severity.WRONG, f"ledger entry {place}", words)


def check_masters_are_in_the_ledger(ground: Ground) -> Iterator[Finding]:
    """Masters without a ``stored`` entry of the same digest, and stored entries without a master."""
    with ground.database.read() as session:
        masters = {row[0]: row[1] for row in session.execute(select(Recording.id, Recording.digest))}
        entries = session.scalars(select(LedgerEntry.act).where(LedgerEntry.kind == ActKind.STORED.value)).all()
    told = {act.on["recording"]: act.on["digest"] for act in map(Act.parse, entries)}
    for recording, digest in masters.items():
        if recording not in told:
            yield Finding(Severity.WRONG, recording, "the ledger has no entry that it was stored")
        elif told[recording] != digest:
            yield Finding(Severity.WRONG, recording, f"the ledger says {told[recording]}, its row {digest}")
    for recording in told.keys() - masters.keys():
        yield Finding(Severity.WRONG, recording, "the ledger says that it was stored, and there is no row of it")


class _Reader:
    def __init__(self, ground: Ground, rate: int, progress: Progress) -> None:
        self._objects = ground.objects
        self._rate = rate * _MIB
        self._progress = progress

    def check(self, promise: _Promise) -> Iterator[Finding]:
        """Hash an object again and compare."""
        running = StreamDigest()
        began = time.monotonic()
        try:
            for piece in stream(self._objects, promise.key):
                running.update(piece)
                self._progress(promise.what, len(piece))
                if self._rate:
                    time.sleep(max(0.0, running.size / self._rate - (time.monotonic() - began)))
        except NotFound:
            yield Finding(Severity.WRONG, promise.what, f"the store has no object {promise.key}")
            return
        except (DocklineError, OSError) as wrong:
            yield Finding(Severity.WRONG, promise.what, f"{promise.key} cannot be read: {wrong}")
            return
        if promise.size is not None and running.size != promise.size:
            yield Finding(Severity.WRONG, promise.what, f"{running.size} bytes are stored instead of {promise.size}")
        if str(running.digest) != promise.digest:
            yield Finding(Severity.WRONG, promise.what, f"the stored bytes are {running.digest}, not {promise.digest}")


def _promises(ground: Ground) -> Iterator[_Promise]:
    with ground.database.read() as session:
        for recording in session.scalars(select(Recording).order_by(Recording.stored_at)):
            yield _Promise(f"master {recording.id}", recording.object_key, recording.digest, recording.size)
        for made in session.scalars(select(Rendition).where(Rendition.state == "ready")):
            what = f"rendition {made.profile} of {made.recording_id}"
            yield _Promise(what, made.object_key, made.digest, made.size)
            for name, part in made.detail.get("parts", {}).items():
                yield _Promise(f"{what}: {name}", part["key"], part["digest"], part["size"])
        for plan in session.scalars(select(RedactionPlan).where(RedactionPlan.object_key != "")):
            yield _Promise(f"plan {plan.version} of {plan.recording_id}", plan.object_key, plan.digest, None)
        for apart in session.scalars(select(Quarantined)):
            yield _Promise(f"quarantined {apart.id}", apart.object_key, apart.found, apart.size)


def _strays(ground: Ground, known: set[str]) -> Iterator[Finding]:
    with ground.database.read() as session:
        arriving = set(session.scalars(select(Upload.object_key).where(Upload.state.in_(("receiving", "complete")))))
    for key in ground.objects.keys("received/"):
        if key not in known | arriving:
            yield Finding(Severity.NOTE, key, "no row knows this object; it is kept")


def _records(session: Session, first: int, end: int) -> dict[int, bytes]:
    rows = session.execute(
        select(LedgerEntry.place, LedgerEntry.record).where(LedgerEntry.place >= first, LedgerEntry.place < end)
    )
    return {place: record for place, record in rows if place is not None and record is not None}
