"""What every benchmark shares: interleaved rounds, the median as a ratio, and a JSON file that says under which load.

A figure is never tested against a time. Two sides do the same work in one run, in turns, so that a noisy machine is
noisy for both; what is quoted is the ratio of their medians.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(slots=True)
class Row:
    """One line of ``make bench``: which mark, what was measured, and whether the mark was reached."""

    mark: str  # T1, U2, R4 ...
    what: str
    value: float
    unit: str
    wanted: str
    met: bool | None  # None: reported only
    note: str = ""


@dataclass(slots=True)
class Report:
    """The rows of one benchmark, printed and written to ``results/<name>.json``."""

    name: str
    rows: list[Row] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def add(
        self,
        mark: str,
        what: str,
        value: float,
        unit: str,
        *,
        wanted: str = "",
        met: bool | None = None,
        note: str = "",
    ) -> None:
        """Add a row and print it at once."""
        row = Row(mark, what, round(value, 4), unit, wanted, met, note)
        self.rows.append(row)
        verdict = {True: "met", False: "MISSED", None: ""}[met]
        print(f"{mark:4} {what:62} {value:>12.3f} {unit:10} {wanted:24} {verdict:7} {note}", flush=True)

    def write(self) -> Path:
        """Write the JSON file."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        body = {
            "benchmark": self.name,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "rows": [{name: getattr(row, name) for name in Row.__slots__} for row in self.rows],
            "raw": self.raw,
        }
        path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        return path


def machine() -> dict[str, Any]:
    """What the figures were taken on, and how busy it was."""
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1min": os.getloadavg()[0],
    }


def interleave(sides: Mapping[str, Callable[[], object]], rounds: int = 3) -> dict[str, list[float]]:
    """Run every side once a round, in turns; seconds of each run. Every other round goes backwards."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in order:
            began = time.perf_counter()
            sides[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def median(values: list[float]) -> float:
    """The middle value."""
    return statistics.median(values)
