"""Keeps the parts of an embedded installation running together: started in order, started again when one dies, stopped
in the opposite order. It knows nothing of what the parts do."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dockline import processes

_LONGEST_PAUSE = 5.0  # seconds between two starts of a part that keeps dying
_PATIENCE = 15.0  # seconds between asking a part to stop and killing it


@dataclass(frozen=True, slots=True)
class Service:
    """One part: its name, the command that runs it, and what it wants to be checked before the next part starts."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class _Running:
    service: Service
    child: subprocess.Popen[bytes]
    since: float
    deaths: int = 0


@dataclass(slots=True)
class Supervisor:
    """Runs services until :meth:`ask_to_stop`. ``report`` is told in words of deaths and restarts."""

    services: Sequence[Service]
    logs: Path
    environ: Mapping[str, str]
    report: Callable[[str], None]
    _running: list[_Running] = field(default_factory=list)
    _stopping: bool = False

    def start(self, timeout: float = 60.0) -> bool:
        """Start all in order; ``False`` when one did not become ready in time or a stop was asked for."""
        for service in self.services:
            self._running.append(_Running(service, self._spawn(service), time.monotonic()))
            if not self._await(service, timeout):
                return False
        return True

    def watch(self) -> None:
        """Restart what dies, until a stop is asked for."""
        while not self._stopping:
            self._revive()
            time.sleep(0.1)

    def ask_to_stop(self) -> None:
        """Safe to call from a signal handler."""
        self._stopping = True

    def stop(self) -> None:
        """Stop all in the opposite order: ask, wait, and kill what does not listen."""
        self._stopping = True
        for running in reversed(self._running):
            _signal(running.child, signal.SIGTERM)
            try:
                running.child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.report(f"{running.service.name} did not stop in time and was killed")
            _signal(running.child, signal.SIGKILL)  # whatever the part may have left in its group
            running.child.wait()

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        return processes.start(service.argv, self.logs / f"{service.name}.log", self.environ)

    def _await(self, service: Service, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while time.monotonic() < until and not self._stopping:
            if service.ready():
                return True
            self._revive()
            time.sleep(0.05)
        if not self._stopping:
            self.report(f"{service.name} did not become ready; see {self.logs / service.name}.log")
        return False

    def _revive(self) -> None:
        now = time.monotonic()
        for running in self._running:
            code = running.child.poll()
            if code is None:
                if now - running.since > 4 * _LONGEST_PAUSE:
                    running.deaths = 0
                continue
            if now - running.since < min(_LONGEST_PAUSE, 0.2 * 2**running.deaths):
                continue
            self.report(f"{running.service.name} ended ({_in_words(code)}); starting it again")
            _signal(running.child, signal.SIGKILL)
            running.child, running.since = self._spawn(running.service), now
            running.deaths += 1


def _signal(child: subprocess.Popen[bytes], sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, sig)


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
