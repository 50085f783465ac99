"""A process that only sequences, there to be killed: ``python -m tests.crash.sequencing DATA BEGAN``."""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from custody.sequencer import Sequencer
from evidence.ground import Ground, open_ground
from evidence.settings import Settings

PACE = 20  # so that the lease of a killed sequencer runs out in a quarter of a second


class QuickClock:
    """Runs faster than the machine's clock, and alike in every process."""

    def __init__(self, began: float) -> None:
        self._began = began

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._began, UTC) + timedelta(seconds=(time.time() - self._began) * PACE)


def quick_ground(data: Path, began: float) -> Ground:
    return open_ground(Settings(data=data), QuickClock(began))


def main(data: str, began: str) -> None:
    sequencer = Sequencer(quick_ground(Path(data), float(began)))
    print("ready", flush=True)
    while True:
        sequencer.run_once()
        time.sleep(0.002)


if __name__ == "__main__":
    main(*sys.argv[1:])
