"""``dockline dock``: enrol once, then watch a folder, bring a camera's files in, and say what is safe to wipe.

Nothing is wiped. The exit code is 0 when everything that was there is safe, or when a watching dock was asked to stop;
1 when something is not safe, with the reason of each file.
"""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dockline.console import Console
from dockline.docking_screen import Screen, screen_for
from evidence.clock import SystemClock
from evidence.onetime import normalised
from ingest.agent import Agent, Options, Result
from ingest.agent_state import DockState, Identity
from ingest.line import Line, NotLetIn, TryAgain, Unreachable
from ingest.progress import Patience, Tries
from ingest.sender import Stopped
from ingest.watch import Watch

ONCE_PATIENCE = Patience(limit=120.0)  # with --once: seconds without any progress
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def run(
    *, watch: Path, server: str, enrol: str, state: Path, camera: str, officer: str, reference: str, once: bool,
    as_json: bool, console: Console | None = None,
) -> int:  # fmt: skip
    """See the module. Raises what keeps the dock from beginning at all: no folder, no enrolment, a state in use."""
    console = console or Console(as_json)
    dock = DockState(state)
    try:
        identity = _enrolled(dock, server, enrol, console)
        options = Options(camera, officer, reference)
        screen = screen_for(console)
        watched, refusal = _watch(dock, identity, watch, options, once=once, console=console, screen=screen)
    finally:
        dock.close()
    results = watched.every_result()
    reasons = [f"{result.name}: {_why(result)}" for result in results if not result.safe_to_wipe]
    reasons += [refusal] if refusal else []
    if as_json:
        console.result(_object(watched, identity, results, reasons))
    else:
        screen.summary(results, watched.left, refusal)
    return 1 if refusal or (once and reasons) else 0


def _enrolled(dock: DockState, server: str, code: str, console: Console) -> Identity:
    """Who this dock is, enrolling it when it is new. A server that has moved is followed; the ledger's key stays."""
    if dock.identity is not None:
        if server and server.rstrip("/") != dock.identity.server:
            dock.enrolled(replace(dock.identity, server=server.rstrip("/")))
        if code:
            console.say(f"This dock is enrolled already, as {dock.identity.dock}; the code was not used.")
        return dock.identity
    if not (server and code):
        raise NotLetIn(
            "This dock is not enrolled yet.",
            advice="Run it once with --server and --enrol; the administrator's page Docks makes the code.",
        )
    identity = _redeemed(dock, server, normalised(code), console)
    dock.enrolled(identity)
    console.say(f"Enrolled with {identity.agency} as {identity.dock}.")
    return identity


def _redeemed(dock: DockState, server: str, code: str, console: Console) -> Identity:
    """Redeem the code, waiting for a server that is not there yet. Asked twice, the server gives the same answer."""
    line, tries = Line(server), Tries(ONCE_PATIENCE, threading.Event())
    try:
        while True:
            try:
                return line.enrol(code, dock.signer.public_key.hex(), socket.gethostname()[:120])
            except (Unreachable, TryAgain) as wrong:
                console.say(f"Waiting: {wrong}")
                tries.again(wrong)
    finally:
        line.close()


def _watch(
    dock: DockState, identity: Identity, folder: Path, options: Options, *, once: bool, console: Console, screen: Screen
) -> tuple[Watch, str]:
    """Watch to the end; what was seen, and why it ended early, in words."""
    line, stop, clock = Line(identity.server), threading.Event(), SystemClock()
    if line.tls is None and line.server.host not in _LOCAL:
        console.say(f"The line to {line.server.host} is not encrypted. Use https outside a test.")
    patience = ONCE_PATIENCE if once else Patience()
    agent = Agent(line, dock, identity, clock, options, progress=screen, stop=stop, patience=patience)
    watched = Watch(folder, agent, clock, screen)
    try:
        with _stoppable(stop), screen:
            return watched, _run(watched, once=once)
    finally:
        line.close()


def _run(watched: Watch, *, once: bool) -> str:
    """Watch to the end; why it ended early, in words."""
    try:
        watched.run(once=once)
    except NotLetIn as wrong:
        return f"{wrong} {wrong.advice}"
    except Stopped:
        return "Stopped. Everything is kept; the next run goes on from here." if once else ""
    return ""


def _object(watched: Watch, identity: Identity, results: list[Result], reasons: list[str]) -> dict[str, Any]:
    files = [
        {
            "name": result.name, "size": result.size, "digest": result.digest or None, "state": result.state,
            "recording": result.recording or None, "safe_to_wipe": result.safe_to_wipe, "seconds": result.seconds,
            "words": result.words,
        }
        for result in results
    ]  # fmt: skip
    left = [{"name": one.name, "why": one.why} for one in watched.left]
    return {
        "dock": identity.dock, "server": identity.server, "files": files, "left": left, "safe": not reasons,
        "reasons": reasons,
    }  # fmt: skip


def _why(result: Result) -> str:
    return f"{result.state}. {result.words}".strip() if result.words else f"{result.state}, without a receipt yet."


@contextmanager
def _stoppable(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask to stop; a second Ctrl-C ends the program at once, which loses nothing either."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM)}

    def ask(signal_number: int, _frame: object) -> None:
        if stop.is_set() and signal_number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    for sig in before:
        signal.signal(sig, ask)
    try:
        yield
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
