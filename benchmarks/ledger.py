"""The ledger's marks: durable entries a second, act to checkpoint, proofs, the peer, and the audit of a whole log."""

import multiprocessing
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from benchmarks.harness import Report, interleave, median
from custody.audit import verify_log
from custody.checkpoint import Checkpoint
from custody.entry import Act, ActKind, Party, wrap
from custody.groupcommit import GroupCommit
from custody.keys import FileSigner
from custody.ledger import machine, prepare_log, record
from custody.logfiles import LogFiles
from custody.merkle import inclusion_proof, leaf_hash
from custody.note import Note
from custody.policy import Policy
from custody.proof import TlogProof
from custody.sequencer import Sequencer, published_size
from custody.signature import ED25519, VerifierKey, sign_note
from custody.tile import WIDTH, BundleId, TileReader, TreeEdge, pack_entries
from evidence.clock import utc_text
from evidence.ground import Ground, open_ground
from evidence.migrate import migrate
from evidence.models import LedgerEntry, PersonalValue
from evidence.objectstore_files import FileStore
from evidence.settings import Settings

CALLERS = 512
ORIGIN = "benchmark.example/ledger"


def main(full: bool = False) -> None:
    report = Report("ledger")
    with tempfile.TemporaryDirectory(prefix="dl-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may run as another user below it
        durable_entries(report, folder, full)
        to_checkpoint(report, folder, 20 if full else 5)
        against_the_peer(report, folder, 20_000 if full else 2_000)
        proofs(report, folder)
        audit(report, folder, 1_000_000 if full else 50_000)
    print(report.write())


@contextmanager
def opened(folder: Path, name: str, url: str = "") -> Iterator[Ground]:
    """A fresh installation with an opened log."""
    data = folder / name
    data.mkdir(mode=0o700)
    ground = open_ground(Settings(data=data, database_url=url))
    migrate(ground.database)
    prepare_log(ground)
    yield ground
    ground.database.close()


def played(ground: Ground, number: int) -> Act:
    who = machine(ground, "court", "viewer")
    return Act(ActKind.PLAYED, utc_text(ground.clock.now()), who, {"recording": f"rec_{number % 997:032x}"})


# L1


def durable_entries(report: Report, folder: Path, full: bool) -> None:
    from tests.servers import start_postgres

    with opened(folder, "sqlite") as ground:
        _group_commit(report, ground, "SQLite", 30_000, full)
        _with_rows(report, ground, "SQLite", full)
    server, url = start_postgres(folder / "pg", durable=True)
    try:
        with opened(folder, "postgres", url) as ground:
            _group_commit(report, ground, "PostgreSQL", 20_000, full)
            _with_rows(report, ground, "PostgreSQL", full)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(20)


def _group_commit(report: Report, ground: Ground, name: str, wanted: int, full: bool) -> None:
    group, each = GroupCommit(ground.database, ground.clock), 100 if full else 20
    waits: list[float] = []

    def work(number: int) -> None:
        for _ in range(each):
            began = time.perf_counter()
            group.record(played(ground, number))
            waits.append(time.perf_counter() - began)

    rates = [CALLERS * each / _threads(CALLERS, work) for _ in range(3)]
    report.raw[f"L1 {name} rounds"] = rates
    report.add(
        "L1", f"group commit, {CALLERS} callers, {name}", median(rates), "entries/s",
        wanted=f"at least {wanted}", met=median(rates) >= wanted,
        note=f"a caller waits {statistics.median(waits) * 1000:.0f} ms, p99 {_p99(waits) * 1000:.0f} ms",
    )  # fmt: skip


def _with_rows(report: Report, ground: Ground, name: str, full: bool) -> None:
    """A row with its act, and the row alone, in one transaction each, by four writers."""
    each, number = 200 if full else 60, iter(range(10**9))

    def row() -> PersonalValue:
        mark = next(number)
        return PersonalValue(commitment=f"c{mark}", owner=f"person:{mark}", salt=b"", value="")

    def alone(_: int) -> None:
        for _ in range(each):
            with ground.database.write() as session:
                session.add(row())

    def both(of: int) -> None:
        for _ in range(each):
            with ground.database.write() as session:
                session.add(row())
                record(session, played(ground, of), ground.clock)

    seconds = interleave({"alone": lambda: _threads(4, alone), "both": lambda: _threads(4, both)}, 5)
    ratio = median(seconds["alone"]) / median(seconds["both"])
    report.raw[f"L1 {name} rows"] = seconds
    report.add(
        "L1", f"acts with rows against rows alone, {name}", ratio, "x", wanted="at least 0.8", met=ratio >= 0.8,
        note=f"{4 * each / median(seconds['both']):.0f} acts/s",
    )  # fmt: skip


def _threads(count: int, work: Callable[[int], None]) -> float:
    """Seconds that these threads take together, from the moment all of them stand ready."""
    start = threading.Barrier(count + 1)

    def one(number: int) -> None:
        start.wait()
        work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


# L2


def _sequence(data: Path) -> None:
    """What the steward does, in a process of its own."""
    ground = open_ground(Settings(data=data))
    sequencer = Sequencer(ground)
    while True:
        began = time.monotonic()
        if sequencer.run_once():
            time.sleep(max(0.0, ground.settings.publish_interval - (time.monotonic() - began)))
        time.sleep(0.05)


def to_checkpoint(report: Report, folder: Path, seconds: int) -> None:
    rate = 1_000
    with opened(folder, "latency") as ground:
        steward = multiprocessing.get_context("spawn").Process(target=_sequence, args=(ground.settings.data,))
        steward.start()
        group, seen, handed = GroupCommit(ground.database, ground.clock), list[tuple[float, int]](), dict[int, float]()
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(ground, seen, stop))
        watcher.start()
        while not seen or not seen[-1][1]:
            time.sleep(0.01)  # until the steward is there

        def work(number: int) -> None:
            began = time.perf_counter()
            for turn in range(rate * seconds // 8):
                time.sleep(max(0.0, began + turn * 8 / rate - time.perf_counter()))
                at = time.perf_counter()
                handed[group.record(played(ground, number))] = at

        took = _threads(8, work)
        while seen[-1][1] <= rate * seconds:
            time.sleep(0.01)
        stop.set()
        watcher.join()
        steward.kill()
        steward.join()
        waits = _waits(ground, seen, handed)
    p99 = _p99(waits)
    report.add(
        "L2", "act to published checkpoint, p99", p99, "s", wanted="under 1.5", met=p99 < 1.5,
        note=f"at {len(handed) / took:.0f} entries/s, median {statistics.median(waits):.2f} s",
    )  # fmt: skip


def _watch(ground: Ground, seen: list[tuple[float, int]], stop: threading.Event) -> None:
    while not stop.wait(0.005):
        with ground.database.read() as session:
            size = published_size(session)
        if not seen or seen[-1][1] != size:
            seen.append((time.perf_counter(), size))


def _waits(ground: Ground, seen: list[tuple[float, int]], handed: dict[int, float]) -> list[float]:
    with ground.database.read() as session:
        places = {row[0]: row[1] for row in session.execute(select(LedgerEntry.id, LedgerEntry.place))}
    return [next(at for at, size in seen if size > places[entry]) - began for entry, began in handed.items()]


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]


# L3


def proofs(report: Report, folder: Path) -> None:
    signer, chance = FileSigner.generate(), random.Random(3)
    times, sizes = dict[int, float](), dict[int, int]()
    files, edge = LogFiles(FileStore(folder / "proofs")), TreeEdge()
    for size in (1_000, 10_000, 100_000, 1_000_000):
        for tile, data in edge.grow([leaf_hash(b"%d" % number) for number in range(edge.size, size)]):
            files.write(tile.path, data)
        text = Checkpoint(ORIGIN, size, edge.root()).text
        checkpoint = bytes(Note(text, (sign_note(signer, ORIGIN, text),)))
        spent = []
        for _ in range(300):
            place = chance.randrange(size)
            began = time.perf_counter()
            hashes = inclusion_proof(place, size, TileReader(size, files.read))
            spent.append(time.perf_counter() - began)
        times[size], sizes[size] = median(spent) * 1000, len(bytes(TlogProof(place, tuple(hashes), checkpoint)))
    report.raw["L3"] = {"ms": times, "bytes": sizes}
    growth = times[1_000_000] / times[1_000]
    report.add("L3", "inclusion proof at a million entries, from files", times[1_000_000], "ms",
               wanted="under 1", met=times[1_000_000] < 1)  # fmt: skip
    report.add("L3", "its size, as a proof file", sizes[1_000_000], "bytes", wanted="under 1200",
               met=sizes[1_000_000] < 1200)  # fmt: skip
    report.add("L3", "time at 10^6 against 10^3 entries", growth, "x", wanted="logarithmic (2x)", met=growth <= 4,
               note=", ".join(f"{size}: {ms:.2f} ms" for size, ms in times.items()))  # fmt: skip


# L4

PEER = """
import sys, time, os
from pymerkle import SqliteTree
path, count = sys.argv[1], int(sys.argv[2])
entries = [(b"%d" % number).ljust(300) for number in range(count)]
tree = SqliteTree(path)
began = time.perf_counter()
for entry in entries:
    tree.append_entry(entry)
tree.get_state()
print(time.perf_counter() - began)
"""


def against_the_peer(report: Report, folder: Path, count: int) -> None:
    """Entries of about the same length, each durable before its caller goes on, then the root over all of them."""
    python = _peer(folder)
    rounds: dict[str, list[float]] = {"ours": [], "peer": []}
    for number in range(3):
        with opened(folder, f"ours-{number}") as ground:
            group, sequencer = GroupCommit(ground.database, ground.clock), Sequencer(ground)

            def work(of: int, group: GroupCommit = group, ground: Ground = ground) -> None:
                for _ in range(-(-count // CALLERS)):
                    group.record(played(ground, of))

            took = _threads(CALLERS, work)
            began = time.perf_counter()
            done = 0
            while fresh := sequencer.run_once():
                done += fresh
            rounds["ours"].append(done / (took + time.perf_counter() - began))
        command = [python, "-c", PEER, folder / f"peer-{number}.sqlite3", str(count)]
        spent = subprocess.run(command, check=True, capture_output=True, text=True)
        rounds["peer"].append(count / float(spent.stdout))
    ratio = median(rounds["ours"]) / median(rounds["peer"])
    report.raw["L4"] = rounds
    report.add("L4", "entries/s, durable, in the tree and signed, against pymerkle", ratio, "x", wanted="at least 10",
               met=ratio >= 10,
               note=f"{median(rounds['ours']):.0f} against {median(rounds['peer']):.0f} entries/s")  # fmt: skip


def _peer(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", folder / "peer"], check=True)
    python = folder / "peer" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "pymerkle"], check=True, capture_output=True)
    return python


# V3


def audit(report: Report, folder: Path, count: int) -> None:
    signer, files = FileSigner.generate(), LogFiles(FileStore(folder / "audit"))
    note = _write_log(files, signer, count)
    policy = Policy.parse(f"log {VerifierKey(ORIGIN, ED25519, signer.public_key)}\nquorum none\n".encode())
    began = time.perf_counter()
    found = verify_log(lambda path: note if path == "checkpoint" else files.read(path), policy)
    seconds = time.perf_counter() - began
    if not found.holds:
        raise RuntimeError(found.failed)
    whole = count >= 1_000_000
    report.add("V3", f"full audit of {count} entries", seconds, "s", wanted="under 60" if whole else "",
               met=seconds < 60 if whole else None,
               note=f"{seconds * 1_000_000 / count:.0f} s for a million")  # fmt: skip
    shutil.rmtree(folder / "audit")


def _write_log(files: LogFiles, signer: FileSigner, count: int) -> bytes:
    """A log of real entries about 5,000 recordings, written bundle by bundle; its checkpoint."""
    heads: dict[int, tuple[int, bytes | None]] = {}
    edge, who = TreeEdge(), Party(role="court", agency="Example Court", machine="viewer")
    for first in range(0, count, WIDTH):
        entries = []
        for number in range(first, min(first + WIDTH, count)):
            of = number * 7919 % 5000
            sequence, previous = heads.get(of, (0, None))
            at = f"2026-11-22T22:10:00.{number % 1_000_000:06d}Z"
            act = Act(ActKind.PLAYED, at, who, {"recording": f"rec_{of:032x}"})
            entry = wrap(act.canonical(), recorded=f"ent_{number}", subject=act.subject, sequence=sequence + 1,
                         previous=previous)  # fmt: skip
            heads[of] = sequence + 1, leaf_hash(entry)
            entries.append(entry)
        for tile, data in edge.grow([leaf_hash(entry) for entry in entries]):
            files.write(tile.path, data)
        files.write(BundleId(first // WIDTH, len(entries)).path, pack_entries(entries))
    text = Checkpoint(ORIGIN, count, edge.root()).text
    return bytes(Note(text, (sign_note(signer, ORIGIN, text),)))
