"""The docks' door behind the real web server, in a process of its own that a test may kill."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from evidence.ground import open_ground
from evidence.settings import load_settings
from ingest.door import Door, create_door


def factory() -> Door:
    """What the server's worker calls."""
    limit = int(os.environ.get("TEST_FILE_LIMIT", "0"))
    if limit:  # a disk that is full for every file longer than this
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return create_door(open_ground(load_settings(Path(os.environ["DOCKLINE_DATA"]))))


class ServedDoor:
    """A server process on a free port of the loopback address."""

    def __init__(self, data: Path, **environ: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._data = data
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        environ = {**os.environ, **self._environ, "DOCKLINE_DATA": str(self._data)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--loop", "uvloop",
             "--http1-buffer-size", "524288", "--port", str(self.port), "--factory", "--no-ws",
             "tests.ingest.served:factory"],
            env=environ, cwd=Path(__file__).parents[2], start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    @property
    def pids(self) -> list[int]:
        """Server and worker."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text("ascii").split()
        return [self._process.pid, *map(int, children)]

    def kill(self) -> None:
        """No last words, no clean-up: the whole group at once."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        while self._answers():  # the worker holds the port until it is gone, too
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
