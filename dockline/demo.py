"""``dockline demo``: a camera's real footage from the dock to a court's link, with the real parts and nothing faked.

It starts ``dockline up`` on a folder of its own, makes an officer, enrols a dock, docks a camera with a reference,
waits for the exhibit, issues a secure link, opens it as a court would, plays every segment, and checks the ledger.
Run again on the same folder it finds everything already there. Whatever process is killed on the way, running it
again ends well.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyotp
from sqlalchemy import select

from custody.fsck import Severity, check
from dockline import processes, up
from dockline.console import Console
from dockline.court import Court, Played
from dockline.status import seconds_of
from evidence.errors import DocklineError
from evidence.ground import Ground, open_ground
from evidence.models import Case, Exhibit, LedgerEntry, LedgerTree, Person, Recording
from evidence.settings import load_settings
from portal import links, people
from portal.passwords import hash_password

T = TypeVar("T")

FOOTAGE = Path(__file__).parent / "footage"
REFERENCE = "21 AB 12345 25"
OFFICER = ("Jane Anne Smith", "jane.smith@demo.example", "4711")
_PATIENCE = 120.0  # seconds for anything to come about


class DemoFailed(DocklineError):
    """The demonstration did not come to its end; the text says at what."""

    code = "demo-failed"
    advice = "Look into the logs folder of the demonstration, or run: dockline doctor"


@dataclass(slots=True)
class Story:
    """What the demonstration has come to."""

    data: Path
    port: int
    console: Console
    stages: dict[str, float] = field(default_factory=dict)
    address: str = ""
    code: str = ""
    password: str = ""
    totp: str = ""


def run(data: Path, *, leave: bool, port: int | None) -> int:
    """Tell the whole story; with ``leave`` print one JSON object and end, otherwise stay until Ctrl-C."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    story = Story(data.resolve(), port or choose_port(leave=leave), Console(as_json=leave))
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    with _running(story) as server:
        try:
            told = tell(story, server)
        except KeyboardInterrupt:
            return 1
        if leave:
            story.console.result(told)
            return 0 if told["verified"] else 1
        _show(story, told)
        return _stay(story, server)


def tell(story: Story, server: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """From the dock to the court; what ``--exit`` prints."""
    ground = open_ground(load_settings(story.data, {**os.environ, "DOCKLINE_PORT": str(story.port)}))
    try:
        officer = _officer(story, ground)
        _fill_camera(story)
        _dock(story, ground)
        exhibit = _wait(server, "the exhibit", lambda: _exhibit(ground))
        shared = _share(ground, exhibit, officer)
        story.address, story.code = shared.address, shared.code.digits
        _wait(server, "a recording that can be watched", lambda: _viewable(ground, exhibit.recording_id))
        played = _watch(story)
        _wait(server, "the ledger to be published", lambda: _published(ground))
        wrong = [finding.what for finding in check(ground) if finding.severity is Severity.WRONG]
        return _result(story, ground, exhibit, played, wrong)
    finally:
        ground.database.close()


def choose_port(*, leave: bool) -> int:
    """A free port with ``--exit``; otherwise the usual one, or a free one when somebody has it."""
    for wanted in (0,) if leave else (8440, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            found: int = probe.getsockname()[1]
            return found
    raise DemoFailed("there is no free port on this machine")


@contextlib.contextmanager
def _running(story: Story) -> "Iterator[subprocess.Popen[bytes]]":
    story.console.say("Starting Dockline ...")
    _await_folder(story)
    log = story.data / "logs" / "up.log"
    command = processes.own("up", "--data", str(story.data), "--port", str(story.port))
    server = processes.start(command, log, os.environ)
    try:
        settings = load_settings(story.data, {**os.environ, "DOCKLINE_PORT": str(story.port)})
        _wait(server, f"the server to start (see {log})", lambda: up.answers(settings))
        yield server
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()


def _await_folder(story: Story) -> None:
    """Wait while a demonstration that was killed a moment ago is still ending in this folder."""
    until = time.monotonic() + 60
    while True:
        try:
            up.take_lock(story.data).file.close()
        except up.AlreadyRunning as wrong:
            if time.monotonic() > until:
                raise DemoFailed(f"another demonstration runs here: {wrong}") from wrong
            time.sleep(0.1)
        else:
            return


def _wait(server: "subprocess.Popen[bytes]", what: str, look: Callable[[], T | None]) -> T:
    until = time.monotonic() + _PATIENCE
    while True:
        found = look()
        if found:
            return found
        if server.poll() is not None:
            raise DemoFailed(f"dockline up ended (exit code {server.returncode}) while waiting for {what}")
        if time.monotonic() > until:
            raise DemoFailed(f"waited {_PATIENCE:.0f} s in vain for {what}")
        time.sleep(0.05)


def _officer(story: Story, ground: Ground) -> str:
    name, email, collar = OFFICER
    with ground.database.read() as session:
        there = session.scalar(select(Person.id).where(Person.email == email))
    story.password, story.totp = secrets.token_urlsafe(15), pyotp.random_base32()
    if there is None:
        return people.create_person(
            ground, name=name, email=email, role="officer", collar=collar, password=story.password,
            totp_secret=story.totp,
        )  # fmt: skip
    hashed = hash_password(story.password)
    with ground.database.write() as session:  # a new one each time: none is ever kept in the clear
        person = session.get_one(Person, there)
        people.set_credentials(session, ground.sealer, person, hashed, story.totp, ground.clock.now())
    return there


def _fill_camera(story: Story) -> None:
    camera = story.data / "camera" / "BWC7"
    camera.mkdir(parents=True, exist_ok=True)
    for clip in sorted(FOOTAGE.glob("*.mp4")):
        if not (camera / clip.name).exists():
            scratch = camera / f".{clip.name}.part"
            shutil.copyfile(clip, scratch)
            scratch.replace(camera / clip.name)


def _dock(story: Story, ground: Ground) -> None:
    from dockline.docking import run as dock
    from portal.docks import issue_enrolment_code

    story.console.say("Docking a camera ...")
    state = story.data / "dock"
    code = "" if (state / "identity.json").exists() else issue_enrolment_code(ground, "Demo dock", "Front desk")
    began = time.monotonic()
    ended = dock(
        watch=story.data / "camera", server=f"http://127.0.0.1:{story.port}", enrol=code, state=state, camera="BWC7",
        officer=OFFICER[2], reference=REFERENCE, once=True, as_json=False, console=story.console,
    )  # fmt: skip
    if ended:
        raise DemoFailed("the dock could not bring everything in")
    story.stages["safe_to_wipe"] = round(time.monotonic() - began, 3)


def _exhibit(ground: Ground) -> Exhibit | None:
    with ground.database.read() as session:
        return session.scalar(
            select(Exhibit)
            .join(Case, Exhibit.case_id == Case.id)
            .where(Exhibit.withdrawn_at.is_(None))
            .order_by(Exhibit.number)
            .limit(1)
        )


def _share(ground: Ground, exhibit: Exhibit, officer: str) -> links.Shared:
    terms = links.Terms(
        recipient="The Court Clerk", organisation="Stoke-on-Trent Crown Court", purpose="First hearing",
        expires_at=ground.clock.now() + timedelta(days=1), may_download=True,
    )  # fmt: skip
    return links.share(
        ground, exhibit_id=exhibit.id, by=officer, terms=terms, code_lasts=timedelta(hours=23), standing=True
    )


def _viewable(ground: Ground, recording_id: str) -> bool:
    with ground.database.read() as session:
        return session.get_one(Recording, recording_id).viewable_at is not None


def _watch(story: Story) -> Played:
    story.console.say("Opening the link as the court would ...")
    court = Court(story.address)
    try:
        return court.play(court.open(story.code))
    finally:
        court.close()


def _published(ground: Ground) -> bool:
    with ground.database.read() as session:
        waiting = session.scalar(select(LedgerEntry.id).where(LedgerEntry.place.is_(None)).limit(1))
        tree = session.scalars(select(LedgerTree)).one()
        return waiting is None and tree.size == tree.published


def _result(story: Story, ground: Ground, exhibit: Exhibit, played: Played, wrong: list[str]) -> dict[str, Any]:
    with ground.database.read() as session:
        shown = session.get_one(Recording, exhibit.recording_id)
        recordings = {row.id: row.digest for row in session.scalars(select(Recording).order_by(Recording.id))}
        stages = {**story.stages, **seconds_of(shown)}
    return {
        "link": story.address,
        "code": story.code,
        "exhibit": exhibit.reference,
        "stages": stages,
        "played": {"rendition": played.rendition, "segments": played.segments, "bytes": played.size},
        "recordings": recordings,
        "verified": not wrong,
        "wrong": wrong,
    }


def _show(story: Story, told: dict[str, Any]) -> None:
    say = story.console.say
    say("")
    say(f"Court link:     {story.address}")
    say(f"Security code:  {story.code}   (read out to the court; good while this runs)")
    say("")
    say(f"Officer:        http://127.0.0.1:{story.port}/sign-in   {OFFICER[1]}   password {story.password}")
    say(f"                authenticator key {story.totp}   code now {pyotp.TOTP(story.totp).now()}")
    say("")
    say("Seconds from the dock seeing the camera:")
    for stage, seconds in sorted(told["stages"].items(), key=lambda item: item[1]):
        say(f"  {stage.replace('_', ' '):<14}{seconds:>8.2f}")
    say(f"The court played {told['played']['segments']} segments, {told['played']['bytes'] / 1e6:.1f} MB.")
    say("The ledger verifies." if told["verified"] else f"THE LEDGER DOES NOT VERIFY: {told['wrong']}")
    say("Ctrl-C stops it; running it again finds everything where it was.")


def _stay(story: Story, server: "subprocess.Popen[bytes]") -> int:
    try:
        while server.poll() is None:
            time.sleep(0.5)
    except KeyboardInterrupt:
        story.console.say("Stopping ...")
        return 0
    raise DemoFailed(f"dockline up ended by itself (exit code {server.returncode})")
