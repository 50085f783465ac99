"""The dock's program and the real door, both killed at random moments: every byte present, once, safe in the end."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from custody.sequencer import Sequencer
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Dock, DockedFile, Docking, LedgerEntry, Recording, Upload
from evidence.objectstore import read_all
from tests.ingest.docks import code_for

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"DCIM/0001.mp4": 40_000_001, "DCIM/0002.mp4": 9_000_000, "DCIM/0002.gpx": 700, "DCIM/0003.mp4": 0}


class RealDoor:
    """The docks' door as a process of its own, that can be killed and started again on the same port."""

    def __init__(self, ground: Ground) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._data = ground.settings.data
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environ = {**os.environ, "DOCKLINE_PORT": str(self.port)}
        command = [sys.executable, "-m", "dockline", "web", "--data", str(self._data), "--door", "ingest"]
        log = (self._data.parent / "door.log").open("ab")
        self._process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        log.close()

    def wait(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail("the door did not open: " + (self._data.parent / "door.log").read_text()[-2_000:])

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture
def door(live_ground: Ground) -> Iterator[RealDoor]:
    opened = RealDoor(live_ground)
    yield opened
    opened.kill()


@pytest.fixture
def publishing(live_ground: Ground) -> Iterator[None]:
    """The sequencer, at work beside the test."""
    code_for(live_ground)  # opens the log
    ended = threading.Event()

    def work() -> None:
        sequencer = Sequencer(live_ground)
        while not ended.wait(0.1):
            sequencer.run_once()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "BWC-7"
    for name, size in SIZES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(os.urandom(size))
    return folder


def docking(door: RealDoor, card: Path, state: Path, code: str, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "dockline", "dock", "--watch", str(card), "--server", door.url, "--enrol", code,
        "--state", str(state), "--officer", "4711", "--once", "--json", *more,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, dict]:
    out, err = process.communicate(timeout=240)
    assert out.strip(), err
    return process.returncode, json.loads(out)


def require_all_once(ground: Ground, card: Path) -> None:
    """Every byte is present, every file once, and the ledger says so once."""
    with ground.database.read() as session:
        rows = {row.name: row for row in session.scalars(select(Recording))}
        assert len(rows) == session.query(Recording).count() == len(SIZES)
        for name in SIZES:
            content = (card / name).read_bytes()
            assert rows[name].digest == str(Digest.of(content))
            assert read_all(ground.objects, rows[name].object_key) == content
            entries = session.query(LedgerEntry).filter_by(subject=f"recording:{rows[name].id}", kind="stored").count()
            assert entries == 1
        assert session.query(Docking).count() == 1
        assert {file.state for file in session.scalars(select(DockedFile))} == {"stored"}
        assert session.query(Upload).filter_by(state="stored").count() == len(SIZES)


def test_a_camera_is_brought_in_through_the_real_door(
    live_ground: Ground, door, publishing, card, tmp_path: Path
) -> None:
    door.start()
    door.wait()
    code, told = ended(docking(door, card, tmp_path / "state", code_for(live_ground), "--reference", "21AB1234525"))
    assert (code, told["safe"], told["reasons"]) == (0, True, [])
    assert {file["name"] for file in told["files"]} == set(SIZES)
    assert all(file["safe_to_wipe"] and file["recording"] and file["digest"] for file in told["files"])
    require_all_once(live_ground, card)
    with live_ground.database.read() as session:
        assert {row.reference for row in session.scalars(select(DockedFile))} == {"21AB1234525"}


@pytest.mark.crash
@pytest.mark.parametrize("seed", [1, 2])
def test_the_door_killed_at_random_moments_loses_and_doubles_nothing(
    live_ground, door, publishing, card, tmp_path, seed
) -> None:
    chance = random.Random(seed)
    door.start()
    process = docking(door, card, tmp_path / "state", code_for(live_ground))
    for _ in range(4):
        door.wait()
        time.sleep(chance.uniform(0, 0.7))
        door.kill()
        door.start()
    code, told = ended(process)
    assert (code, told["reasons"]) == (0, [])
    require_all_once(live_ground, card)


@pytest.mark.crash
def test_a_dock_killed_at_random_moments_goes_on_and_doubles_nothing(
    live_ground, door, publishing, card, tmp_path
) -> None:
    chance, code = random.Random(3), code_for(live_ground)
    door.start()
    door.wait()
    for _ in range(6):
        process = docking(door, card, tmp_path / "state", code)
        time.sleep(chance.uniform(0.5, 2.5))
        process.kill()
        process.communicate()
    status, told = ended(docking(door, card, tmp_path / "state", code))
    assert (status, told["reasons"]) == (0, [])
    require_all_once(live_ground, card)


@pytest.mark.crash
def test_a_dock_that_is_revoked_while_it_sends_stops_and_says_so(live_ground, door, publishing, card, tmp_path) -> None:
    door.start()
    door.wait()
    process = docking(door, card, tmp_path / "state", code_for(live_ground))
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with live_ground.database.write() as session:
            if (dock := session.scalar(select(Dock))) is not None:
                dock.revoked_at = live_ground.clock.now()
                break
        time.sleep(0.01)
    code, told = ended(process)
    assert (code, told["safe"]) == (1, False)
    assert "revoked" in " ".join(told["reasons"])
    assert len(told["files"]) == len(SIZES)


def test_two_docks_that_send_the_same_clip_at_once_both_get_a_receipt_for_the_one_original(
    live_ground, door, publishing, card, tmp_path
) -> None:
    door.start()
    door.wait()
    processes = [docking(door, card, tmp_path / f"state-{n}", code_for(live_ground)) for n in range(2)]
    told = [ended(process) for process in processes]
    assert [code for code, _ in told] == [0, 0]
    recordings = [{file["name"]: file["recording"] for file in one["files"]} for _, one in told]
    assert recordings[0] == recordings[1]
    with live_ground.database.read() as session:
        assert session.query(Recording).count() == len(SIZES)
        assert session.query(LedgerEntry).filter_by(kind="stored").count() == len(SIZES)
        assert session.query(LedgerEntry).filter_by(kind="received_again").count() == len(SIZES)


def test_a_full_server_is_told_in_words_and_the_dock_keeps_everything(
    live_ground, door, publishing, card, tmp_path
) -> None:
    settings = live_ground.settings.data / "dockline.toml"
    settings.write_text(f"free_space_floor = {2**60}\n")
    door.start()
    door.wait()
    state, code = tmp_path / "state", code_for(live_ground)
    process = docking(door, card, state, code)
    lines = iter(process.stderr.readline, "")
    assert any("waiting" in line and "bytes are to come" in line for line in lines)
    process.send_signal(signal.SIGTERM)
    status, told = ended(process)
    assert (status, told["safe"]) == (1, False)
    door.kill()
    settings.unlink()
    door.start()
    door.wait()
    assert ended(docking(door, card, state, code))[0] == 0
    require_all_once(live_ground, card)
