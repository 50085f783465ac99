"""kill -9 of the sequencer at random moments while entries arrive: each is in the log once, and the log verifies.

The seed is printed, so that a failure can be run again; ``DOCKLINE_KILLS`` sets how many kills.
"""

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from custody.ledger import prepare_log
from custody.sequencer import Sequencer
from evidence.ground import Ground
from tests.crash.sequencing import quick_ground
from tests.custody.test_ledger import fill
from tests.custody.test_sequencer import audit
from tests.custody.test_sequencer_crashes import in_the_log, recorded
from tests.servers import die_with_parent

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]
KILLS = int(os.environ.get("DOCKLINE_KILLS", "6"))


def test_a_sequencer_killed_at_any_moment_loses_no_entry_and_doubles_none(migrated: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("DOCKLINE_SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    print(f"seed {seed}")
    data, began = tmp_path / "data", time.time()
    data.mkdir(mode=0o700)
    shutil.copyfile(migrated, data / "dockline.sqlite3")
    ground = quick_ground(data, began)
    prepare_log(ground)
    done = threading.Event()
    writer = threading.Thread(target=_write, args=(ground, done))
    writer.start()
    try:
        for _ in range(KILLS):
            _sequence_and_die(data, began, chance.uniform(0.0, 0.8))
    finally:
        done.set()
        writer.join()
    while len(in_the_log(ground)) < len(recorded(ground)):
        Sequencer(ground).run_once()
    assert in_the_log(ground) == recorded(ground)
    report = audit(ground)
    assert report.holds, report.failed
    ground.database.close()


def _write(ground: Ground, done: threading.Event) -> None:
    while not done.wait(0.005):
        fill(ground, 10)


def _sequence_and_die(data: Path, began: float, after: float) -> None:
    command = [sys.executable, "-m", "tests.crash.sequencing", str(data), str(began)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, nothing that another thread could hold
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after)
    process.kill()
    process.communicate()
