"""U1, U2, U4, U5: what it costs to bring a file in, over HTTP on the loopback address, to a durable and hashed place.

The server is the one that is shipped (``dockline web``). One client serves both servers: a socket and ``sendfile``, one
PATCH for the whole file, so that what is compared is the receiving. Ours answers when SHA-256 and CRC-32 are taken and
fdatasync has returned; the peer (npm @tus/server with its file store) hashes nothing and syncs nothing. The floor is
one pass of ``hashlib`` over the same file: read, SHA-256, write, fdatasync, in one thread.
"""

import base64
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.harness import Report, interleave, median
from custody.keys import FileSigner
from dockline.up import prepare
from evidence.ground import Ground
from evidence.settings import load_settings
from ingest.docking import Announcement, Listed, announce
from tests.ingest.docks import enrolled, token_for
from tests.servers import die_with_parent, free_ports

MIB = 1024 * 1024
PEERS = ("@tus/server@2.4.5", "@tus/file-store@2.1.1")
AT_ONCE = 64
MEMORY = 300  # MiB
PEER = """import {Server} from '@tus/server'; import {FileStore} from '@tus/file-store';
new Server({path: '/files', datastore: new FileStore({directory: process.argv[2]})})
  .listen({host: '127.0.0.1', port: +process.argv[3]});"""


def main(*, full: bool) -> None:
    report = Report("upload")
    with tempfile.TemporaryDirectory(prefix="dl-bench-") as name:
        folder = Path(name)
        speed(report, folder, (1024 if full else 256) * MIB, rounds=5 if full else 3)
        memory(report, folder, [16 * MIB, 128 * MIB] if full else [16 * MIB, 48 * MIB])
    report.write()


class Server:
    """A server process and its children."""

    def __init__(self, command: list[str], port: int, environ: dict[str, str] | None = None) -> None:
        self.port = port
        self.process = subprocess.Popen(
            command, env={**os.environ, **(environ or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call
        )  # fmt: skip
        until = time.monotonic() + 60
        while not self.answers():
            if time.monotonic() > until or self.process.poll() is not None:
                raise RuntimeError(f"{command[0]} does not answer")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether the port is open."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def pids(self) -> list[int]:
        """The server and its worker."""
        own = self.process.pid
        return [own, *map(int, Path(f"/proc/{own}/task/{own}/children").read_text("ascii").split())]

    def memory(self) -> float:
        """Memory of all processes in MiB, what they share counted once (PSS, proc(5))."""
        texts = [Path(f"/proc/{pid}/smaps_rollup").read_text("ascii") for pid in self.pids()]
        return (
            sum(int(found[1]) for text in texts if (found := re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE))) / 1024
        )

    def cpu_seconds(self) -> float:
        """User and system time of all processes so far."""
        ticks = 0
        for pid in self.pids():
            after_name = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
            ticks += int(after_name[11]) + int(after_name[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """At once, with all its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Ours:
    """A fresh installation with one dock."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        folder.mkdir(mode=0o700)
        self.ground: Ground = prepare(load_settings(folder))
        signer, self.dock = enrolled(self.ground, FileSigner.generate())
        self.token = token_for(self.ground, signer, self.dock.id)
        (port,) = free_ports(1)
        command = [sys.executable, "-m", "dockline", "web", "--data", str(folder), "--door", "ingest"]
        self.server = Server(command, port, {"DOCKLINE_PORT": str(port)})
        self.headers = f"Authorization: Bearer {self.token}\r\n"
        self._count = 0

    def expect(self, size: int) -> str:
        """Announce a file; the headers of its creation."""
        self._count += 1
        name, now = f"clip{self._count}.mp4", self.ground.clock.now()
        said = announce(
            self.ground,
            self.dock,
            Announcement(f"BWC-{self._count}", "", "", now, None, (Listed(name, size, "clip", now),)),
        )
        return f"Upload-Metadata: docked_file {base64.b64encode(said.files[name].id.encode()).decode()}\r\n"

    def stop(self) -> None:
        """Stop the server and let go of the database."""
        self.server.stop()
        self.ground.database.close()


def send(port: int, source: Path, headers: str = "", creation: str = "") -> None:
    """Create an upload and send a whole file in one PATCH. The same for both servers."""
    size = source.stat().st_size
    common = f"Host: dock\r\nTus-Resumable: 1.0.0\r\n{headers}"
    with socket.create_connection(("127.0.0.1", port)) as wire, source.open("rb") as file:
        wire.sendall(
            f"POST /files HTTP/1.1\r\n{common}{creation}Upload-Length: {size}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        created = answer(wire, b"201")
        found = re.search(rb"(?i)^location:\s*(?:\w*:?//[^/]+)?(/\S+)", created, re.MULTILINE)
        assert found, created
        wire.sendall(
            f"PATCH {found[1].decode()} HTTP/1.1\r\n{common}Upload-Offset: 0\r\nContent-Length: {size}\r\n"
            "Content-Type: application/offset+octet-stream\r\n\r\n".encode()
        )
        at = 0
        while at < size:
            at += os.sendfile(wire.fileno(), file.fileno(), at, min(8 * MIB, size - at))
        answer(wire, b"204")


def answer(wire: socket.socket, wanted: bytes) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = wire.recv(65_536)
        assert piece, "no answer"
        data += piece
    assert data.split(None, 2)[1] == wanted, data
    return data


def one_pass(source: Path, target: Path) -> None:
    """Read, SHA-256, write, fdatasync: what the bytes must cost."""
    digest, buffer = hashlib.sha256(), bytearray(4 * MIB)
    view = memoryview(buffer)
    with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as out:
        while count := file.readinto(buffer):
            digest.update(view[:count])
            out.write(view[:count])
        os.fdatasync(out.fileno())
    target.unlink()


def random_file(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
    return path


def install_peer(folder: Path) -> Server | None:
    """The peer: @tus/server of npm with its file store, or ``None`` where there is no npm."""
    if not shutil.which("npm") or not shutil.which("node"):
        return None
    folder.mkdir()
    subprocess.run(["npm", "install", "--silent", "--no-fund", *PEERS], cwd=folder, check=True, capture_output=True)
    (folder / "server.mjs").write_text(PEER)
    (folder / "files").mkdir()
    (port,) = free_ports(1)
    return Server(["node", str(folder / "server.mjs"), str(folder / "files"), str(port)], port)


def speed(report: Report, folder: Path, size: int, *, rounds: int) -> None:
    source = random_file(folder / "clip", size)
    ours, peer = Ours(folder / "speed"), install_peer(folder / "peer")
    spent: list[float] = []

    def to_us() -> None:
        before = ours.server.cpu_seconds()
        send(ours.server.port, source, ours.headers, expected.pop())
        spent.append(ours.server.cpu_seconds() - before)

    def to_peer() -> None:
        assert peer
        send(peer.port, source)

    sides: dict[str, Callable[[], object]] = {"ours": to_us, "one pass": lambda: one_pass(source, folder / "copy")}
    if peer is not None:
        sides["@tus/server"] = to_peer
    expected = [ours.expect(size) for _ in range(rounds + 1)]
    for side in sides.values():  # each finds its code loaded
        side()
    spent.clear()
    seconds = interleave(sides, rounds)
    tell_speed(report, size, seconds, spent)
    ours.stop()
    if peer is not None:
        peer.stop()
    shutil.rmtree(folder / "speed")
    shutil.rmtree(folder / "peer", ignore_errors=True)


def tell_speed(report: Report, size: int, seconds: dict[str, list[float]], spent: list[float]) -> None:
    report.raw |= {"size": size, "seconds": seconds, "cpu_seconds": spent}
    own = median(seconds["ours"])
    for side, values in seconds.items():
        report.add("U", f"{side}: {size // MIB} MiB", size / median(values) / 1e6, "MB/s")
    if "@tus/server" in seconds:
        ratio = median(seconds["@tus/server"]) / own
        report.add("U1", "hashed and durable, against @tus/server", ratio, "x", wanted=">= 2.5", met=ratio >= 2.5)
    else:
        report.add("U1", "no npm here: @tus/server was not measured", 0, "x", wanted=">= 2.5")
    ratio = median(seconds["one pass"]) / own
    report.add("U2", "against one pass of read, SHA-256, write, sync", ratio, "x", wanted=">= 0.6", met=ratio >= 0.6)
    cost = median(spent) / size * 1e9
    report.add("U5", "server CPU per GB, without TLS", cost, "s", wanted="< 3 with TLS in front")


def memory(report: Report, folder: Path, sizes: list[int]) -> None:
    peaks = []
    for size in sizes:
        source = random_file(folder / "clip", size)
        ours = Ours(folder / f"memory-{size}")
        send(ours.server.port, source, ours.headers, ours.expect(size))
        idle = ours.server.memory()
        peaks.append(peak_memory(ours, source, [ours.expect(size) for _ in range(AT_ONCE)]))
        report.raw[f"memory_{size // MIB}"] = {"idle": idle, "peak": peaks[-1]}
        ours.stop()
        shutil.rmtree(ours.data)
    what = f"server's peak memory, {AT_ONCE} uploads at once of {sizes[-1] // MIB} MiB"
    report.add("U4", what, peaks[-1], "MiB", wanted=f"< {MEMORY}", met=peaks[-1] < MEMORY)
    growth = peaks[-1] / peaks[0]
    what = f"growth of that peak from files of {sizes[0] // MIB} MiB"
    report.add("U4", what, growth, "x", wanted="flat (<= 1.1)", met=growth <= 1.1)


def peak_memory(ours: Ours, source: Path, creations: list[str]) -> float:
    """The most memory seen, looking ten times a second, while every creation is sent by a thread of its own."""
    threads = [
        threading.Thread(target=send, args=(ours.server.port, source, ours.headers, creation)) for creation in creations
    ]
    for thread in threads:
        thread.start()
    peak = 0.0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, ours.server.memory())
        time.sleep(0.1)
    return peak
