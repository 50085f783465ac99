"""Every outside tool, and every child of ours that touches hostile media, runs confined.

A tool gets no network, no shell, an empty environment, a read-only world of named paths, descriptors instead of paths
for what is secret, and limits on memory, processor time, wall time, file size and output. It runs in its own session
and is killed as a group. The measures are the kernel's own (no_new_privs, Landlock, a seccomp filter, namespaces,
capabilities, rlimits), so they hold for an ordinary user on a bare machine; where bubblewrap is installed and works, it
is put around them. :func:`confinement` says what is really in force, because it tries it.
"""

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from evidence.errors import Misconfigured

ROOT = Path(__file__).resolve().parent.parent
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/urandom", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
_LAUNCH = "import sys; sys.path.insert(0, sys.argv.pop(1)); from evidence.sandbox_launcher import main; main()"
_KEPT_STDERR = 16 * 1024
_INSIST = ["no new privileges", "system-call filter"]
NOT_STARTED = 126


class SandboxUnavailable(Misconfigured):
    """This machine cannot confine an outside tool at all, so none is started."""

    code = "no-confinement"
    advice = "Use a Linux kernel with seccomp filters; `dockline doctor` shows what this machine offers."


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one run: seconds of wall and processor time, bytes of memory, of any file written and of output."""

    wall: float = 60.0
    cpu: int = 60
    memory: int = 1024**3
    file_size: int = 0
    output: int = 1024**2
    open_files: int = 64


@dataclass(frozen=True, slots=True)
class World:
    """The paths a run can see: some to read and run, some to write. The system's libraries are always readable.

    ``bubblewrap=False`` leaves the kernel's own measures to stand alone, as they do where it is not installed.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    bubblewrap: bool = True

    @classmethod
    def of_python(cls, writable: tuple[str, ...] = ()) -> Self:
        """What one of our own Python children needs: the interpreter, its packages, our code; never the data folder."""
        paths = {
            sys.prefix,
            sys.base_prefix,
            sys.exec_prefix,
            *(str(ROOT / room) for room in ("evidence", "transcode")),
        }
        return cls(tuple(sorted(paths | {p for p in sys.path if p.endswith("-packages")})), writable)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. ``trouble`` is ``None`` when it ended by itself with code 0, else the reason in words."""

    code: int
    stdout: bytes
    stderr: bytes
    trouble: str | None
    seconds: float


_ROOMS = """import runpy, sys, types
for room in ("evidence", "transcode"):
    package = sys.modules[room] = types.ModuleType(room)
    package.__path__ = [sys.argv[1] + "/" + room]
del sys.argv[1]
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""


def python_argv(module: str, *arguments: str) -> list[str]:
    """The argument list that runs one of our modules in a child whose ``sys.argv[2:]`` are the arguments.

    The rooms are named one by one, because the folder above them, where the data may lie, is not even listed.
    """
    return [sys.executable, "-I", "-c", _ROOMS, str(ROOT), module, *arguments]


def run(
    argv: Sequence[str],
    *,
    limits: Limits,
    world: World,
    fds: Sequence[int] = (),
    stdin: int | None = None,
    on_output: Callable[[bytes], None] | None = None,
) -> Ended:
    """Run a tool to its end, confined; never raises for what the tool does.

    ``fds`` are inherited under their own numbers. ``on_output`` gets standard output as it comes, which is then not
    kept. Raises :class:`SandboxUnavailable` when the machine cannot confine.
    """
    began = time.monotonic()
    process = _spawn(argv, limits, world, fds, stdin=stdin, stdout=subprocess.PIPE)
    pipes = _Pipes(process, limits.output, on_output)
    try:
        process.wait(timeout=limits.wall)
        trouble = None
    except subprocess.TimeoutExpired:
        trouble = f"it ran longer than {limits.wall:g} seconds and was stopped"
    finally:
        _kill_group(process)
    stdout, stderr, overflow = pipes.finish()
    code = _plain_code(process.returncode)
    if code == NOT_STARTED and b"not started: " in stderr:
        raise SandboxUnavailable(stderr.decode("utf-8", "replace").strip())
    return Ended(code, stdout, stderr, trouble or overflow or _in_words(code), time.monotonic() - began)


class Confined:
    """A confined child that lives longer than one call and is spoken to over a socket, its only link to the world."""

    def __init__(self, argv: Sequence[str], *, limits: Limits, world: World) -> None:
        """Start it; the number of its end of the socket is appended to its arguments."""
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            argv = [*argv, str(theirs.fileno())]
            self._process = _spawn(argv, limits, world, [theirs.fileno()], stdin=None, stdout=subprocess.DEVNULL)
        self._stderr = self._process.stderr

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def kill(self) -> str:
        """End it and everything it started; the last words it wrote to standard error."""
        _kill_group(self._process)
        self.channel.close()
        if self._stderr is None:
            return ""
        with self._stderr as pipe:
            self._stderr = None
            return pipe.read(_KEPT_STDERR).decode("utf-8", "replace").strip()


class _Pipes:
    """Reads both outputs of a process so that it never blocks on them, and never keeps more than allowed."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", most: int, on_output: Callable[[bytes], None] | None
    ) -> None:
        self._process, self._most, self._on_output = process, most, on_output
        self._kept, self._errors, self._overflow = bytearray(), bytearray(), False
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self._take), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self._take_error), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, pipe: IO[bytes], take: Callable[[bytes], None]) -> None:
        with pipe:
            while piece := os.read(pipe.fileno(), 65536):
                take(piece)

    def _take(self, piece: bytes) -> None:
        if self._on_output is not None:
            self._on_output(piece)
        elif len(self._kept) + len(piece) > self._most:
            self._overflow = True
            _kill_group(self._process)
        else:
            self._kept += piece

    def _take_error(self, piece: bytes) -> None:
        self._errors += piece
        del self._errors[:-_KEPT_STDERR]

    def finish(self) -> tuple[bytes, bytes, str | None]:
        for thread in self._threads:
            thread.join(timeout=10)
        overflow = f"it wrote more than {self._most} bytes and was stopped" if self._overflow else None
        return bytes(self._kept), bytes(self._errors), overflow


def _spawn(
    argv: Sequence[str], limits: Limits, world: World, fds: Sequence[int], *, stdin: int | None, stdout: int
) -> "subprocess.Popen[bytes]":
    wrapped = [*_wrapper(world), *_launcher(argv, limits, world, report=False)]
    return _spawner(os.getpid()).submit(_start, wrapped, tuple(fds), stdin, stdout).result()


def _start(argv: list[str], fds: tuple[int, ...], stdin: int | None, stdout: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        pass_fds=fds,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )


@functools.cache
def _spawner(_pid: int) -> ThreadPoolExecutor:
    """The one thread that starts children: they die with their parent *thread*, so it must be one that lives on."""
    return ThreadPoolExecutor(1, thread_name_prefix="sandbox-spawner")


def _launcher(argv: Sequence[str], limits: Limits, world: World, *, report: bool) -> list[str]:
    policy = {
        "limits": {
            "memory": limits.memory,
            "cpu": limits.cpu,
            "file_size": limits.file_size,
            "open_files": limits.open_files,
        },
        "readable": [*_SYSTEM, *_DEVICES, *world.readable],
        "writable": ["/dev/null", *world.writable],
        "insist": _INSIST,
        "report": report,
    }
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, str(ROOT), json.dumps(policy), *argv]


def _wrapper(world: World) -> list[str]:
    bubblewrap = _bubblewrap() if world.bubblewrap else None
    return [] if bubblewrap is None else _bubblewrap_argv(bubblewrap, world)


def _bubblewrap_argv(bubblewrap: str, world: World) -> list[str]:
    argv = [bubblewrap, "--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    argv += ["--tmpfs", "/tmp"]  # noqa: S108 - an empty one of its own
    python = World.of_python().readable  # the launcher itself needs it
    for path in dict.fromkeys([*_SYSTEM, "/sys/devices/system/cpu", *python, *world.readable]):
        argv += ["--ro-bind-try", path, path]
    for path in world.writable:
        argv += ["--bind", path, path]
    return [*argv, "--"]


@functools.cache
def _bubblewrap() -> str | None:
    """The path of a bubblewrap that works here, tried once; ``None`` where there is none."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    try:
        argv = [*_bubblewrap_argv(found, World()), "/bin/true"]
        tried = subprocess.run(argv, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if tried.returncode == 0 else None


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _plain_code(code: int) -> int:
    """Bubblewrap reports a death by signal as 128 + number; say it the way the kernel does."""
    return 128 - code if 128 < code < 160 else code


_SIGNALS = {
    signal.SIGXFSZ: "it wrote a larger file than allowed",
    signal.SIGXCPU: "it used more processor time than allowed",
    signal.SIGKILL: "it was stopped for using more processor time or memory than allowed",
    signal.SIGSYS: "it called something in the system that is forbidden",
}


def _in_words(code: int) -> str | None:
    if code == 0:
        return None
    if code < 0:
        return _SIGNALS.get(signal.Signals(-code), f"it crashed (signal {-code})")
    return f"it ended with code {code}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of confinement: whether it was in force when it was tried a moment ago, and what was found."""

    name: str
    in_force: bool
    found: str


_TRIAL = """
import json, os, socket
found = {}
def trial(name, act):
    try:
        act()
        found[name] = "it was possible"
    except OSError as refused:
        found[name] = "refused: " + str(refused)
trial("opening a socket", lambda: socket.socket())
trial("reading the password file", lambda: open("/etc/passwd").read())
trial("reading the data of others", lambda: os.listdir("/home"))
trial("starting a process", lambda: os.fork() or os._exit(0))
trial("signalling another process", lambda: os.kill(os.getppid() or 1, 0))
print(json.dumps(found))
"""


def confinement(*, with_bubblewrap: bool = True) -> tuple[Measure, ...]:
    """Try the confinement on a child of our own and say what held: the measures taken, then what the child could do."""
    bubblewrap = _bubblewrap() if with_bubblewrap else None
    world, limits = replace(World.of_python(), bubblewrap=with_bubblewrap), Limits(wall=20, cpu=10)
    argv = _launcher([sys.executable, "-I", "-S", "-c", _TRIAL], limits, world, report=True)
    began = time.monotonic()
    ended = subprocess.run([*_wrapper(world), *argv], capture_output=True, timeout=30, check=False, cwd="/", env={})
    cost = f"a start costs {1000 * (time.monotonic() - began):.0f} ms"
    around = Measure("bubblewrap", bubblewrap is not None, f"{bubblewrap}; {cost}" if bubblewrap else "not in use")
    lines = ended.stdout.splitlines()
    if len(lines) != 2:
        return (around, Measure("trial", False, ended.stderr.decode("utf-8", "replace").strip()))
    taken = [Measure(name, said == "yes", said) for name, said in json.loads(lines[0]).items()]
    tried = [Measure(name, said.startswith("refused"), said) for name, said in json.loads(lines[1]).items()]
    return (around, *taken, *tried)
