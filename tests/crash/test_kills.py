"""kill -9 of any process at any moment: every acknowledged byte is there afterwards, once, and the ledger verifies.

A demonstration is started, one of its processes is killed at a random moment, it is started again, and so on. What
the dock was told is safe is compared with the store at the end. The seed is printed, so that a failure can be run
again; ``DOCKLINE_KILLS`` sets how many kills.
"""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from evidence.database import Database
from evidence.models import Recording
from evidence.objectstore import read_all
from evidence.objectstore_files import FileStore

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]
KILLS = int(os.environ.get("DOCKLINE_KILLS", "4"))


def start(data: Path, port: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "dockline", "demo", "--exit", "--data", str(data), "--port", str(port)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def kill_one(running: "subprocess.Popen[str]", chance: random.Random) -> str:
    """Kill the demonstration itself or anything below it; the name of what was killed."""
    try:
        tree = [psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)]
        victim = chance.choice(tree)
        name = " ".join(victim.cmdline())[-60:]
        victim.kill()
    except psutil.NoSuchProcess:
        return "nobody: it had ended already"
    return name


def finish(running: "subprocess.Popen[str]") -> str:
    """Wait for the end, whatever it is; all that it printed."""
    try:
        return running.communicate(timeout=150)[0]
    except subprocess.TimeoutExpired:
        for process in [*psutil.Process(running.pid).children(recursive=True), psutil.Process(running.pid)]:
            process.kill()
        return running.communicate()[0]


def fsck(data: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "dockline", "fsck", "--json", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def stored(data: Path) -> dict[str, int]:
    """How often each master's bytes are there, by SHA-256, hashed from the store itself."""
    from sqlalchemy import select

    database, store = Database(f"sqlite:///{data / 'dockline.sqlite3'}"), FileStore(data / "store")
    counts: dict[str, int] = {}
    with database.read() as session:
        for recording in session.scalars(select(Recording)):
            found = hashlib.sha256(read_all(store, recording.object_key)).hexdigest()
            assert recording.digest == f"sha256:{found}"
            counts[found] = counts.get(found, 0) + 1
    database.close()
    return counts


def test_nothing_acknowledged_is_lost_or_doubled_by_killing_any_process_at_any_moment(
    tmp_path: Path, free_port: int
) -> None:
    seed = int(os.environ.get("DOCKLINE_SEED", time.time_ns() % 1_000_000))
    chance = random.Random(seed)
    print(f"seed {seed}")
    data = tmp_path / "demo"
    for number in range(KILLS):
        running = start(data, free_port)
        time.sleep(chance.uniform(0.2, 14.0))
        print(f"kill {number + 1}: {kill_one(running, chance)}")
        said = finish(running)
        print(said[-300:])
    last = start(data, free_port)
    said = last.communicate(timeout=200)[0]
    assert last.returncode == 0, said
    report = fsck(data)
    assert report["well"], report
    there = stored(data)
    camera = [path for path in (data / "camera").rglob("*") if path.is_file()]
    wanted = {hashlib.sha256(path.read_bytes()).hexdigest() for path in camera}
    assert wanted
    assert {digest: there.get(digest, 0) for digest in wanted} == dict.fromkeys(wanted, 1)
