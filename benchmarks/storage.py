"""U3: our way into a real S3 server against boto3's own ``upload_file`` of the same file to the same server.

SeaweedFS runs beside it as one process, with its data on the same disk. Ours takes the bytes as an upload hands them
over, in pieces of 4 MiB, and hashes them (SHA-256) as receiving does in the other thread; boto3 reads the file itself,
with its defaults (8 MiB parts, ten threads, CRC-32), and knows no digest of the whole. How often each byte is read of
the source is counted, not assumed.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import boto3

from benchmarks.harness import Report, interleave, median
from evidence.objectstore import PIECE, stream
from evidence.objectstore_s3 import S3Store
from evidence.settings import Settings
from tests.servers import Seaweed, kill, start_seaweed

MIB = 1024 * 1024
BUCKET = "bench"


def main(*, full: bool) -> None:
    report = Report("storage")
    size = (1024 if full else 256) * MIB
    with tempfile.TemporaryDirectory(prefix="dl-bench-") as folder:
        process, server = start_seaweed(Path(folder) / "weed", volume_mib=2048)
        try:
            os.environ |= {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
            source = Path(folder) / "clip"
            with source.open("wb") as file:
                for _ in range(size // MIB):
                    file.write(os.urandom(MIB))
            upload(report, server, source, size)
        finally:
            kill(process)
    report.write()


class Source:
    """The file, and how many bytes of it were read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.read = 0

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, in the steps in which an upload hands them over."""
        with self.path.open("rb", buffering=0) as file:
            while piece := file.read(PIECE):
                self.read += len(piece)
                yield piece


def upload(report: Report, server: Seaweed, path: Path, size: int) -> None:
    settings = Settings(data=path.parent, store="s3", s3_endpoint=server.endpoint, s3_bucket=BUCKET)
    store, peer = S3Store.of(settings), boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1")
    peer.create_bucket(Bucket=BUCKET)
    source = Source(path)
    counter = iter(range(1_000))

    def ours() -> None:
        incoming = store.incoming(f"received/{next(counter)}", size=size)
        digest = Hashing()
        for piece in source.pieces():
            digest.take(piece)
            incoming.append(piece)
        incoming.sync()
        digest.end()
        assert incoming.finish().size == size

    def theirs() -> None:
        peer.upload_file(str(path), BUCKET, f"peer/{next(counter)}")

    ours(), theirs()  # both find volumes that are there
    source.read = 0
    rounds = 5
    seconds = interleave({"ours": ours, "boto3": theirs}, rounds)
    ratio = median(seconds["boto3"]) / median(seconds["ours"])
    report.raw |= {"size": size, "seconds": seconds}
    report.add("U3", "S3Store.incoming against boto3 upload_file", ratio, "x", wanted=">= 0.9", met=ratio >= 0.9)
    report.add("U3", "our rate into SeaweedFS, hashing", size / median(seconds["ours"]) / 1e6, "MB/s")
    times = source.read / (rounds * size)
    report.add("U3", "times that each byte of the source was read", times, "x", wanted="1", met=times == 1)
    reading = interleave({"read": lambda: sum(map(len, stream(store, "received/0")))}, 3)
    report.add("U3", "reading it back in 4 MiB ranges", size / median(reading["read"]) / 1e6, "MB/s")


class Hashing:
    """SHA-256 in a thread of its own, as receiving has it."""

    def __init__(self) -> None:
        self._queue: Queue[bytes] = Queue(4)
        self._sha = hashlib.sha256()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def take(self, piece: bytes) -> None:
        """Hand over the next bytes."""
        self._queue.put(piece)

    def end(self) -> str:
        """Wait for the last ones; the digest."""
        self._queue.put(b"")
        self._thread.join()
        return self._sha.hexdigest()

    def _run(self) -> None:
        while piece := self._queue.get():
            self._sha.update(piece)
