"""Marks make a crash harmless: what is staged is believed only as far as it can be proven."""

import asyncio
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.digest import Digest
from evidence.errors import NotReadableYet
from evidence.ground import Ground
from evidence.objectstore import MemoryStore, read_all
from ingest.buffers import BUFFER, BufferPool, Lanes
from ingest.intake import MARK, Intake, Running, sums_of_object, verify_staged
from tests.ingest.sending import CUT, Sender, Server, bytes_of

MIB = 1024 * 1024
DATA = bytes_of("marks", 40 * MIB + 9)


@pytest.fixture(scope="module")
def lanes() -> Iterator[Lanes]:
    running = Lanes(1)
    yield running
    running.close()


def staged(data: bytes):
    incoming = MemoryStore().incoming("received/x", size=len(data))
    incoming.append(data)
    return incoming


def marks_of(data: bytes) -> dict[int, Digest]:
    running = Running()
    running.hash(data)
    running.mark()
    return running.marks


def take(incoming, chunks: list[bytes], pool: BufferPool, lanes: Lanes) -> Intake:
    intake = Intake(incoming, sum(map(len, chunks)), Running(), pool, lanes.next())

    async def feed() -> None:
        for chunk in chunks:
            await intake.feed(chunk)
        await intake.settle()

    asyncio.run(feed())
    return intake


def test_marks_fall_on_the_ends_of_buffers() -> None:
    assert MARK % BUFFER == 0


def test_a_mark_is_the_digest_of_everything_before_it() -> None:
    marks = marks_of(DATA)
    assert sorted(marks) == [MARK, 2 * MARK, len(DATA)]
    assert all(digest == Digest.of(DATA[:offset]) for offset, digest in marks.items())


def test_what_agrees_with_its_marks_is_kept_whole() -> None:
    incoming = staged(DATA)
    running = verify_staged(incoming, marks_of(DATA))
    assert incoming.length == len(DATA)
    assert running.sums.digest == Digest.of(DATA)
    assert running.sums.crc32 == zlib.crc32(DATA)


@pytest.mark.parametrize("wrong_at", [0, MARK - 1, MARK, 2 * MARK - 1, 2 * MARK, len(DATA) - 1])
def test_what_disagrees_is_cut_back_to_the_mark_before_it(wrong_at: int) -> None:
    garbled = bytearray(DATA)
    garbled[wrong_at] ^= 1
    incoming = staged(bytes(garbled))
    running = verify_staged(incoming, marks_of(DATA))
    kept = wrong_at // MARK * MARK
    assert (incoming.length, running.hashed) == (kept, kept)
    assert running.sums.digest == Digest.of(DATA[:kept])
    assert running.sums.crc32 == zlib.crc32(DATA[:kept])


def test_what_lies_beyond_the_last_mark_is_cut_off() -> None:
    incoming = staged(DATA)
    marks = marks_of(DATA)
    del marks[len(DATA)]
    verify_staged(incoming, marks)
    assert incoming.length == 2 * MARK


def test_marks_beyond_what_survived_are_ignored() -> None:
    incoming = staged(DATA[: MARK + 5])
    verify_staged(incoming, marks_of(DATA))
    assert incoming.length == MARK


def test_without_marks_nothing_is_believed() -> None:
    incoming = staged(DATA)
    assert verify_staged(incoming, {}).hashed == 0
    assert incoming.length == 0


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 5_000), min_size=1, max_size=30), count=st.integers(0, 3), at=st.integers(1, 4_000)
)
def test_any_chunks_through_any_pool_are_the_same_bytes(lanes: Lanes, sizes: list[int], count: int, at: int) -> None:
    chunks = [bytes_of(f"{number}", size) for number, size in enumerate(sizes)]
    whole = b"".join(chunks)
    pool = BufferPool(count, size=4_096)
    incoming = MemoryStore().incoming("received/x", size=len(whole))
    intake = take(incoming, chunks, pool, lanes)
    assert incoming.read(0, len(whole) + 1) == whole
    assert (intake.sums.digest, intake.sums.crc32, intake.sums.size) == (
        Digest.of(whole),
        zlib.crc32(whole),
        len(whole),
    )
    assert sum(pool.take() is not None for _ in range(count)) == count


class Remote(MemoryStore):
    """A store that gives staged bytes back only when the upload is finished, as S3 does."""

    def incoming(self, key: str, *, size: int = 0):
        return _RemoteIncoming(super().incoming(key, size=size))


class _RemoteIncoming:
    def __init__(self, inner) -> None:
        self._inner = inner

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def read(self, offset: int, length: int) -> bytes:
        raise NotReadableYet("with the server already")


def test_a_store_that_gives_nothing_back_is_read_when_the_object_is_finished(ground: Ground) -> None:
    remote = replace(ground, objects=Remote())
    server = Server(remote)
    dock = Sender(server, {"clip.mp4": DATA})
    path = dock.begin("clip.mp4")
    dock.patch(path, 0, DATA[: 20 * MIB], CUT)
    server.close()
    dock.server = second = Server(remote)  # the running hash went with the first
    at = dock.head(path).offset
    assert dock.patch(path, at, DATA[at:]).status == 204
    outcome = dock.hand_in(path, dock.manifest("clip.mp4"))
    assert outcome.state == "stored"
    assert read_all(remote.objects, f"received/{outcome.recording}") == DATA
    assert sums_of_object(remote.objects, f"received/{outcome.recording}").digest == Digest.of(DATA)
    second.close()
