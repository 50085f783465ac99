"""Starting children that never outlive their parent.

A child asks the kernel for a signal at its parent's death (``prctl(PR_SET_PDEATHSIG)``, see prctl(2)), so that a
``kill -9`` of the supervisor leaves nothing running that could hold a port or write to the data folder. The kernel
means the *thread* that started the child: children are started from the main thread only.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Ask for a signal when the parent dies; leave at once when it, by its process number, is gone already."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def start(argv: Sequence[str], log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a child in a group of its own, its output appended to a log file, SIGTERM at the parent's death."""
    log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    trim(log)
    with log.open("ab", buffering=0) as out:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            process_group=0,
            preexec_fn=_ask_for_sigterm,  # noqa: PLW1509 - nothing but prctl runs between fork and exec
        )


def own(*arguments: str) -> list[str]:
    """The argument list that runs this program again as another of its parts."""
    return [sys.executable, "-m", "dockline", *arguments]


def trim(log: Path, most: int = 16 * 1024 * 1024) -> None:
    """Keep one older log beside a log that has grown over ``most`` bytes."""
    if log.exists() and log.stat().st_size > most:
        log.replace(log.with_suffix(".old.log"))


def _ask_for_sigterm() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
