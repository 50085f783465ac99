"""``dockline up``: an embedded installation in one command.

Safe to run twice: the data folder is locked by the one that runs. After a ``kill -9`` the next start finds everything
that was acknowledged, since nothing is acknowledged before it is durable.
"""

import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import httpx

from dockline import valkey
from dockline.processes import own
from dockline.supervisor import Service, Supervisor
from evidence import outbox
from evidence.errors import DocklineError, Misconfigured
from evidence.ground import Ground, make_ready, open_ground
from evidence.settings import Settings, load_settings

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)


class AlreadyRunning(DocklineError):
    """Another ``dockline up`` has this data folder."""

    code = "already-running"
    advice = "Use the one that runs, or stop it first."


@dataclass(slots=True)
class Lock:
    """The data folder's lock: held as long as the process lives, gone with it however it ends."""

    file: IO[str]


def take_lock(data: Path) -> Lock:
    """Lock the data folder for this process. Raises :class:`AlreadyRunning` naming the address of the other."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.chmod(0o700)
    file = (data / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        address = file.read().strip()
        raise AlreadyRunning(f"Dockline is running already in {data}{address and ' at '}{address}") from None
    return Lock(file)


def write_address(lock: Lock, settings: Settings) -> None:
    """Leave the address where a second start finds it."""
    lock.file.seek(0)
    lock.file.truncate()
    lock.file.write(settings.address)
    lock.file.flush()


def prepare(settings: Settings) -> Ground:
    """Check the machine, open the doors, make tables, bucket and the log's key. Raises :class:`Misconfigured`."""
    check_machine(settings)
    ground = open_ground(settings)
    make_ready(ground)
    from custody.ledger import prepare_log

    prepare_log(ground)
    return ground


def check_machine(settings: Settings) -> None:
    """Refuse to start where evidence would be at risk: no ffmpeg, a full disk, a clock that is plainly wrong."""
    if settings.ffmpeg and not shutil.which(settings.ffmpeg):
        raise Misconfigured(
            f"there is no ffmpeg at {settings.ffmpeg}", advice="Correct the setting ffmpeg, or remove it."
        )
    free = shutil.disk_usage(settings.data).free
    if free < settings.free_space_floor:
        raise Misconfigured(
            f"only {free // 2**20} MiB are free below {settings.data}",
            advice=f"Free some space: at least {settings.free_space_floor // 2**20} MiB are needed to start.",
        )
    if datetime.now(UTC) < EARLIEST:
        raise Misconfigured(
            "this machine's clock is years behind", advice="Set the clock; every entry of the ledger carries its time."
        )


def await_port(settings: Settings, patience: float = 30.0) -> None:
    """Wait for the port to be free: parts of an installation that was killed a moment ago may still be ending.

    Raises :class:`Misconfigured` when somebody else has it.
    """
    until = time.monotonic() + patience
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except OSError as wrong:
                if time.monotonic() > until:
                    raise Misconfigured(
                        f"port {settings.port} of {settings.host} is taken: {wrong.strerror}",
                        advice="Stop the program that has it, or choose another with --port.",
                    ) from wrong
            else:
                return
        time.sleep(0.1)


def services(settings: Settings) -> list[Service]:
    """The parts of an embedded installation, in the order of their start."""
    queue = (
        () if settings.queue_url else (Service("queue", valkey.command(settings), lambda: valkey.is_ready(settings)),)
    )
    return [
        *queue,
        Service("steward", own("steward")),
        Service("web", own("web"), lambda: answers(settings)),
        Service("worker-quick", own("worker", "--queue", "quick", "--threads", "2")),
        Service("worker-heavy", own("worker", "--queue", "heavy")),
        Service("worker-redaction", own("worker", "--queue", "redaction")),
    ]


def answers(settings: Settings) -> bool:
    """Whether the portal answers."""
    try:
        reply = httpx.get(f"http://{settings.host}:{settings.port}/healthz", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return reply.status_code == 200


def run(data: Path, say: Callable[[str], None], *, port: int | None = None) -> int:
    """Start everything, print one address, and stay until Ctrl-C or SIGTERM; returns the exit code."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = data.resolve()
    settings = load_settings(data)
    if port is not None:
        settings = replace(settings, port=port)
    lock = take_lock(data)
    write_address(lock, settings)
    await_port(settings)
    ground = prepare(settings)
    outbox.reclaim(ground.database, ground.clock)  # the lock is ours, so no worker is alive
    environ = {**os.environ, "DOCKLINE_DATA": str(data), "DOCKLINE_PORT": str(settings.port)}
    supervisor = Supervisor(services(settings), data / "logs", environ, say)
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: supervisor.ask_to_stop())
    try:
        if not supervisor.start():
            return 1
        _greet(ground, say)
        supervisor.watch()
    finally:
        supervisor.stop()
        ground.database.close()
    say("Stopped.")
    return 0


def _greet(ground: Ground, say: Callable[[str], None]) -> None:
    from portal.people import first_setup_link, nobody_can_sign_in

    say(f"Dockline is up at {ground.settings.address}")
    if nobody_can_sign_in(ground):
        if sys.stdout.isatty():  # a secret is shown to a person, and never written to a log
            say(f"Nobody can sign in yet. Set up the administrator, once, within the hour: {first_setup_link(ground)}")
        else:
            say("Nobody can sign in yet. For a one-time link run: dockline setup-link")
    sys.stdout.flush()
