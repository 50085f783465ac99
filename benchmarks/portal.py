"""The portal under readers: segments with the entry written first (P3), and a large case's page (P2).

P3: forty viewings of one exhibit, each with its entry, are fed by the real server from the stored original, packaged as
it is asked for; nginx serves files with the same bytes, plain. Both are asked by the same client in turns. nginx comes
from the distribution's archive, unpacked without being installed; without it only our own side is reported.
"""

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from benchmarks.harness import Report, median
from custody.entry import ActKind
from custody.ledger import prepare_log
from dockline.court import Court
from evidence.ground import Ground, open_ground
from evidence.identifiers import new_id
from evidence.migrate import migrate
from evidence.models import Dock, Person, Viewing
from evidence.settings import Settings
from portal import links, sessions
from portal.links import Terms
from portal.people import home_agency
from tests.media_factory import repeated
from tests.portal.conftest import Station

CLIP = Path(__file__).resolve().parents[1] / "dockline" / "footage" / "BWC7_20261121_213204_0001.mp4"
VIEWERS, READERS, EXHIBITS = 40, 40, 200
PAUSE = 5.0  # seconds that somebody reads a page
NAVIGATES = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n"


def main(*, full: bool = False) -> None:
    report = Report("portal")
    with tempfile.TemporaryDirectory() as name, _station(Path(name), _free_port()) as station:
        segments(report, station, Path(name), seconds=8.0 if full else 3.0, rounds=5 if full else 3)
        case_page(report, station, seconds=30.0 if full else 12.0)
    report.write()


def segments(report: Report, station: Station, folder: Path, *, seconds: float, rounds: int) -> None:
    exhibit = _exhibit(station, repeated(CLIP, folder / "long.mp4", 200 * 2**20).read_bytes())
    viewers = [_viewer(station, exhibit) for _ in range(VIEWERS)]
    sizes = {number: len(viewers[0].fetch(number)) for number in range(12)}
    with _nginx(folder, {f"{number}.m4s": viewers[0].fetch(number) for number in sizes}) as peer:
        ours = [Asker(station.ground.settings.port, viewer.base, viewer.headers) for viewer in viewers]
        plain = [Asker(peer, "/", "") for _ in viewers] if peer else []
        sides: dict[str, list[Load]] = {"portal": [], "nginx": []}
        for _ in range(rounds):
            sides["portal"].append(load(ours, len(sizes), seconds))
            if plain:
                sides["nginx"].append(load(plain, len(sizes), seconds))
    with station.ground.database.read() as session:
        entries = session.query(Viewing).count()
    speed = {side: median([run.rate for run in runs]) for side, runs in sides.items() if runs}
    slowest = max(max(run.waits) for run in sides["portal"])
    report.raw["P3"] = {
        "entries": entries,
        "played": len(station.acts(ActKind.PLAYED)),
        "slowest_segment_s": slowest,
        **speed,
    }
    report.add("P3", f"segments to {VIEWERS} viewers of one exhibit", speed["portal"] / 1e6, "MB/s")
    report.add("P3", "slowest segment of a viewer", slowest, "s", wanted="no stall", met=slowest < 1)
    if plain:
        ratio = speed["portal"] / speed["nginx"]
        report.add("P3", "the same against nginx with plain files", ratio, "x", wanted=">= 0.3", met=ratio >= 0.3)


def case_page(report: Report, station: Station, *, seconds: float) -> None:
    officer = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {f"{number}.mp4": "expected" for number in range(EXHIBITS)})
    recordings = [station.store(docking, f"{number}.mp4") for number in range(EXHIBITS)]
    station.refer(officer, "22CD7654326", *recordings)
    ground = station.ground
    with ground.database.write() as session:
        from evidence.models import Case

        case = session.query(Case).filter_by(reference="22CD7654326").one().id
        person = session.get_one(Person, officer.id)
        limits = sessions.Limits.of(ground.settings)
        cookies = [
            sessions.begin(session, person, ground.clock.now(), limits, "bench", second=True) for _ in range(READERS)
        ]
    readers = [
        Asker(ground.settings.port, f"/cases/{case}#", f"Cookie: dockline-session={cookie}\r\n{NAVIGATES}", pause=PAUSE)
        for cookie in cookies
    ]
    waits = sorted(load(readers, 1, seconds).waits)
    p95 = waits[int(len(waits) * 0.95)] * 1000
    what = f"case page, {EXHIBITS} exhibits, {READERS} readers, each a page every {PAUSE:.0f} s, p95"
    report.add("P2", what, p95, "ms", wanted="< 150", met=p95 < 150)
    readers[0].pause = 0
    alone = load(readers[:1], 1, 2.0).waits
    report.add("P2", "the same page, one reader after the other, median", median(alone) * 1000, "ms")


@dataclass
class Load:
    """What a run came to: bytes a second, and how long each answer took."""

    rate: float
    waits: list[float]


@dataclass
class Asker:
    """One connection that asks for the next piece as soon as it has one."""

    port: int
    base: str
    headers: str
    suffix: str = ".m4s"
    pause: float = 0.0  # seconds between an answer and the next question
    size: int = 0
    waits: list[float] = field(default_factory=list)

    def run(self, start: int, count: int, until: float) -> None:
        """Ask until a time, from the piece of that number on."""
        time.sleep(self.pause * start / READERS)
        self.size, self.waits = 0, []
        buffer = bytearray(2**20)
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            number = start
            while time.perf_counter() < until:
                began = time.perf_counter()
                self._ask(connection, number % count, buffer)
                self.waits.append(time.perf_counter() - began)
                number += 1
                time.sleep(self.pause)

    def _ask(self, connection: socket.socket, number: int, buffer: bytearray) -> None:
        path = self.base.partition("#")[0] if "#" in self.base else f"{self.base}{number}{self.suffix}"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{self.headers}\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if b" 200 " not in head or found is None:
            raise RuntimeError(head.decode())
        left = int(found[1]) - len(body)
        while left > 0:
            left -= connection.recv_into(buffer, min(left, len(buffer)))
        self.size += int(found[1])


def load(askers: list[Asker], count: int, seconds: float) -> Load:
    began = time.perf_counter()
    threads = [
        threading.Thread(target=asker.run, args=(place, count, began + seconds)) for place, asker in enumerate(askers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return Load(sum(asker.size for asker in askers) / took, [wait for asker in askers for wait in asker.waits])


@dataclass
class Viewer:
    """A court's browser with a viewing that has begun."""

    court: Court
    base: str
    headers: str

    def fetch(self, number: int) -> bytes:
        """A segment."""
        return self.court.fetch(f"{self.base}{number}.m4s")


def _exhibit(station: Station, data: bytes) -> str:
    officer = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"long.mp4": "expected"})
    return station.refer(officer, "21AB1234525", station.store(docking, "long.mp4", data))[0]


def _viewer(station: Station, exhibit: str) -> Viewer:
    terms = Terms("A judge", "A benchmark", station.ground.clock.now() + timedelta(days=1))
    officer = station.people["Jane Anne Smith"].id
    shared = links.share(station.ground, exhibit_id=exhibit, by=officer, terms=terms)
    court = Court(shared.address)
    told = court.begin(court.open(shared.code.digits))
    cookie = "; ".join(f"{name}={value}" for name, value in court.cookies.items())
    headers = f"Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: empty\r\n"
    return Viewer(court, told["playback"]["source"].removesuffix("master.m3u8"), headers)


@contextmanager
def _station(folder: Path, port: int) -> Iterator[Station]:
    ground: Ground = open_ground(Settings(data=folder / "data", port=port))
    migrate(ground.database)
    prepare_log(ground)
    with ground.database.write() as session:
        agency = home_agency(session, ground)
        dock = Dock(
            id=new_id("dok"), agency_id=agency.id, name="Bench", station="", public_key="ab" * 32,
            enrolled_at=ground.clock.now(),
        )  # fmt: skip
        session.add(dock)
    (folder / "data" / "dockline.toml").write_text(f"port = {port}\n")
    command = [sys.executable, "-m", "dockline", "web", "--data", str(folder / "data"), "--door", "portal"]
    with (folder / "web.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(port, server)
        yield Station(ground, dock.id)
    finally:
        server.terminate()
        server.wait(timeout=20)
        ground.database.close()


@contextmanager
def _nginx(folder: Path, files: dict[str, bytes]) -> Iterator[int | None]:
    program = shutil.which("nginx") or _unpacked(folder)
    if program is None:
        print("nginx is not to be had here: only our own side is reported")
        yield None
        return
    root = folder / "nginx"
    (root / "files").mkdir(parents=True)
    for name, data in files.items():
        (root / "files" / name).write_bytes(data)
    port = _free_port()
    temporary = "".join(
        f"{kind}_temp_path {root}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (root / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {root}/pid; error_log {root}/error.log; events {{}}\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 1000000; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; root {root}/files; }} }}\n"
    )
    server = subprocess.Popen([program, "-c", str(root / "nginx.conf"), "-e", str(root / "error.log")])
    try:
        _wait(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def _unpacked(folder: Path) -> str | None:
    """Nginx from the distribution's archive, unpacked into the folder; nothing is installed."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return None
    with suppress(subprocess.CalledProcessError):
        subprocess.run(["apt-get", "-qq", "download", "nginx"], cwd=folder, check=True, capture_output=True)
        for package in folder.glob("nginx_*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder / "unpacked")], check=True)
            return str(folder / "unpacked" / "usr" / "sbin" / "nginx")
    return None


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing answers on port {port}")
