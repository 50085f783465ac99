"""The supervisor keeps parts running, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dockline.supervisor import Service, Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.02)


@pytest.fixture
def reports() -> list[str]:
    return []


def supervisor(tmp_path: Path, reports: list[str], *services: Service) -> Supervisor:
    return Supervisor(services, tmp_path / "logs", dict(os.environ), reports.append)


def test_a_part_that_dies_is_started_again_and_that_is_reported(tmp_path: Path, reports: list[str]) -> None:
    kept = supervisor(tmp_path, reports, Service("sleeper", SLEEPER))
    assert kept.start()
    first = kept._running[0].child.pid
    os.kill(first, signal.SIGKILL)
    stopping = threading.Timer(4, kept.ask_to_stop)
    stopping.start()
    kept.watch()
    assert kept._running[0].child.pid != first
    assert "sleeper ended (signal SIGKILL); starting it again" in reports
    kept.stop()
    assert kept._running[0].child.poll() is not None


def test_a_part_that_never_becomes_ready_fails_the_start_in_words(tmp_path: Path, reports: list[str]) -> None:
    kept = supervisor(tmp_path, reports, Service("sleeper", SLEEPER, ready=lambda: False))
    assert not kept.start(timeout=0.3)
    assert "did not become ready" in reports[0]
    kept.stop()


def test_a_part_that_ignores_sigterm_takes_its_children_with_it_when_it_is_killed(
    tmp_path: Path, reports: list[str]
) -> None:
    sleep = "import time; time.sleep(600)"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}]); {sleep}"
    kept = supervisor(tmp_path, reports, Service("parent", [sys.executable, "-c", script]))
    assert kept.start()
    parent = psutil.Process(kept._running[0].child.pid)
    eventually(lambda: bool(parent.children()))
    grandchild = parent.children()[0]
    kept.stop()
    eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_kill_9_of_the_supervisor_leaves_no_part_running(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        from dockline.supervisor import Service, Supervisor
        kept = Supervisor([Service("sleeper", {SLEEPER!r})], Path({str(tmp_path)!r}) / "logs", dict(os.environ), print)
        kept.start()
        print(kept._running[0].child.pid, flush=True)
        kept.watch()
        """)
    )
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        part = psutil.Process(int(running.stdout.readline()))
        running.kill()
        running.wait()
        eventually(lambda: not part.is_running() or part.status() == psutil.STATUS_ZOMBIE)
