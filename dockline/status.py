"""``dockline status``: the court clock of every recording, from the database, server or not."""

from datetime import datetime
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dockline.console import Console
from dockline.installation import open_installation
from evidence.clock import utc_text
from evidence.models import DockedFile, Job, LedgerEntry, LedgerTree, Quarantined, Recording

STAGES = ("docked", "received", "stored", "viewable", "reviewed", "disclosed", "watched")


def clock_of(recording: Recording) -> dict[str, str | None]:
    """The times of a recording's stages, RFC 3339 in UTC; ``None`` for what has not happened."""
    return {stage: _text(getattr(recording, f"{stage}_at")) for stage in STAGES}


def seconds_of(recording: Recording) -> dict[str, float]:
    """Seconds from docking to each stage that has been reached."""
    times = {stage: getattr(recording, f"{stage}_at") for stage in STAGES}
    return {
        stage: round((at - recording.docked_at).total_seconds(), 3) for stage, at in times.items() if at is not None
    }


def snapshot(session: Session, limit: int) -> dict[str, Any]:
    """Everything that ``status --json`` prints."""
    recordings = session.scalars(select(Recording).order_by(Recording.stored_at.desc()).limit(limit)).all()
    return {
        "recordings": [
            {
                "id": recording.id,
                "name": recording.name,
                "kind": recording.kind,
                "digest": recording.digest,
                "size": recording.size,
                "reference": recording.reference,
                "health": recording.health,
                "clock": clock_of(recording),
                "seconds_from_dock": seconds_of(recording),
            }
            for recording in recordings
        ],
        "missing": _counts(session, DockedFile.state),
        "quarantined": session.scalar(select(func.count()).select_from(Quarantined)),
        "jobs": _counts(session, Job.state),
        "ledger": _ledger(session),
    }


def show(data: Path, limit: int, console: Console) -> int:
    """Print the status of an installation."""
    ground = open_installation(data)
    with ground.database.read() as session:
        found = snapshot(session, limit)
    ground.database.close()
    if console.as_json:
        console.result(found)
        return 0
    console.rich.print(_table(found["recordings"]))
    ledger = found["ledger"]
    console.say(f"Ledger: {ledger['published']} entries published, {ledger['waiting']} on their way.")
    console.say(f"Files on docks by state: {_words(found['missing'])}. Jobs: {_words(found['jobs'])}.")
    if found["quarantined"]:
        console.say(f"{found['quarantined']} files are in quarantine: see the portal, Quarantine.")
    return 0


def _table(recordings: list[dict[str, Any]]) -> Table:
    table = Table(title="Time to court, in seconds from docking")
    table.add_column("Recording")
    table.add_column("Docked (UTC)")
    for stage in STAGES[1:]:
        table.add_column(stage, justify="right")
    for recording in recordings:
        seconds = recording["seconds_from_dock"]
        cells = [f"{seconds[stage]:.1f}" if stage in seconds else "-" for stage in STAGES[1:]]
        table.add_row(recording["name"], recording["clock"]["docked"][:19], *cells)
    return table


def _ledger(session: Session) -> dict[str, int]:
    waiting = session.scalar(select(func.count()).where(LedgerEntry.place.is_(None))) or 0
    published = session.scalar(select(func.max(LedgerTree.published))) or 0
    return {"published": published, "waiting": waiting}


def _counts(session: Session, column: Any) -> dict[str, int]:
    return {row[0]: row[1] for row in session.execute(select(column, func.count()).group_by(column))}


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none"


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
