"""The tus 1.0.0 door: what is sent is there once, whatever happens on the way, and every refusal says what to do."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from evidence.errors import OutOfSpace
from evidence.ground import Ground
from evidence.models import DockedFile, Upload
from evidence.objectstore import MemoryStore, read_all
from ingest import refusals
from ingest.buffers import BufferPool
from ingest.refusals import TABLE
from ingest.upload_api import metadata
from tests.ingest.sending import CUT, Sender, Server, bytes_of

MIB = 1024 * 1024
NAME = "DCIM/0001.mp4"
CLIP = bytes_of("clip", 5 * MIB + 123)


@pytest.fixture
def server(ground: Ground) -> Iterator[Server]:
    running = Server(ground)
    yield running
    running.close()


@pytest.fixture
def dock(server: Server) -> Sender:
    return Sender(server, {NAME: CLIP})


def stored(dock: Sender, recording: str | None) -> bytes:
    return read_all(dock.server.ground.objects, f"received/{recording}")


def row(dock: Sender, path: str) -> Upload:
    with dock.server.ground.database.read() as session:
        return session.get_one(Upload, path.removeprefix("/files/"))


# The way


def test_a_clip_arrives_in_one_request_and_is_stored_to_the_byte(dock: Sender) -> None:
    path = dock.begin(NAME)
    reply = dock.patch(path, 0, CLIP)
    assert (reply.status, reply.offset) == (204, len(CLIP))
    assert row(dock, path).state == "complete"
    outcome = dock.hand_in(path, dock.manifest(NAME))
    assert outcome.state == "stored"
    assert stored(dock, outcome.recording) == CLIP


def test_a_manifest_may_come_before_the_last_byte(dock: Sender) -> None:
    path = dock.begin(NAME)
    assert dock.hand_in(path, dock.manifest(NAME)).state == "receiving"
    assert dock.patch(path, 0, CLIP).status == 204
    assert row(dock, path).state == "stored"


@pytest.mark.parametrize("step", [1, 4_095, 65_536, 2 * MIB, 3 * MIB + 1])
def test_the_size_of_the_chunks_makes_no_difference(server: Server, step: int) -> None:
    data = CLIP[: 30_000 if step == 1 else None]
    dock = Sender(server, {NAME: data})
    path = dock.begin(NAME)
    assert dock.patch(path, 0, *(data[at : at + step] for at in range(0, len(data), step))).offset == len(data)
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == data


def test_an_upload_in_many_requests_is_one_file(dock: Sender) -> None:
    path, at = dock.begin(NAME), 0
    while at < len(CLIP):
        at = dock.patch(path, at, CLIP[at : at + 700_001]).offset
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP


def test_without_a_free_buffer_bytes_arrive_all_the_same(ground: Ground) -> None:
    server = Server(ground, BufferPool(count=0))
    dock = Sender(server, {NAME: CLIP})
    path = dock.begin(NAME)
    assert dock.patch(path, 0, CLIP[:MIB], CLIP[MIB:]).status == 204
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP
    server.close()


def test_all_buffers_come_back_to_the_pool(ground: Ground) -> None:
    pool = BufferPool(count=2)
    server = Server(ground, pool)
    dock = Sender(server, {NAME: CLIP})
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP[: 3 * MIB], CUT)
    dock.patch(path, 3 * MIB, CLIP[3 * MIB :] + b"too much")
    assert pool.take() is not None
    assert pool.take() is not None
    server.close()


# Cuts and resuming


@pytest.mark.parametrize("seed", range(6))
def test_a_line_cut_at_random_bytes_loses_nothing_and_doubles_nothing(dock: Sender, seed: int) -> None:
    chance = random.Random(seed)
    path, at = dock.begin(NAME), 0
    while at < len(CLIP):
        end = min(len(CLIP), at + chance.randrange(1, 2 * MIB))
        middle = chance.randrange(at, end + 1)
        last = [] if chance.random() < 0.3 else [CUT]
        reply = dock.patch(path, at, CLIP[at:middle], CLIP[middle:end], *last)
        assert reply.status in {204, 400}
        at = dock.head(path).offset
        assert at == end
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP


def test_a_cut_is_answered_with_what_to_do(dock: Sender) -> None:
    reply = dock.patch(dock.begin(NAME), 0, CLIP[:MIB], CUT)
    assert reply.code == "cut-short"
    assert "HEAD" in json.loads(reply.body)["advice"]


def test_another_process_goes_on_where_this_one_settled(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP[:3_000_000], CUT)
    second = Server(ground)
    dock.server = second
    assert dock.head(path).offset == 3_000_000
    assert dock.patch(path, 3_000_000, CLIP[3_000_000:]).status == 204
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP
    second.close()


def test_a_newer_request_overtakes_one_that_hangs(dock: Sender) -> None:
    path = dock.begin(NAME)

    async def scenario() -> None:
        hanging = asyncio.Event()

        async def never() -> dict[str, object]:
            hanging.set()
            await asyncio.Event().wait()
            return {}

        stale = asyncio.create_task(dock.patching(path, 0, [CLIP[:MIB], never]))
        await hanging.wait()
        told = await dock.heading(path)
        assert told.offset == MIB  # what the stale request had brought is settled first
        assert (await stale).code == "overtaken"
        assert (await dock.patching(path, MIB, [CLIP[MIB:]])).status == 204

    dock.server.runner.run(scenario())
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP


def test_a_request_that_is_overtaken_before_it_began_makes_nobody_wait(dock: Sender) -> None:
    path = dock.begin(NAME)

    async def scenario() -> None:
        async def never() -> dict[str, object]:
            await asyncio.Event().wait()
            return {}

        stale = asyncio.create_task(dock.patching(path, 0, [CLIP[:MIB], never]))
        for _ in range(3):  # it is on its way, and reads nothing yet
            await asyncio.sleep(0)
        told = await asyncio.wait_for(dock.heading(path), 20)
        assert told.offset in {0, MIB}
        assert (await asyncio.wait_for(stale, 20)).code == "overtaken"

    dock.server.runner.run(scenario())


def test_two_writers_at_once_never_mix_their_bytes(dock: Sender) -> None:
    path = dock.begin(NAME)

    async def scenario() -> None:
        pieces = [CLIP[at : at + 100_000] for at in range(0, len(CLIP), 100_000)]
        replies = await asyncio.gather(*(dock.patching(path, 0, pieces) for _ in range(3)))
        assert {reply.status for reply in replies} <= {204, 409}
        at = (await dock.heading(path)).offset
        await dock.patching(path, at, [CLIP[at:]])

    dock.server.runner.run(scenario())
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP


def test_silence_ends_a_request_and_keeps_what_arrived(ground: Ground) -> None:
    server = Server(replace(ground, settings=replace(ground.settings, upload_idle=0.05)))
    dock = Sender(server, {NAME: CLIP})
    path = dock.begin(NAME)

    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    assert dock.patch(path, 0, CLIP[:MIB], never).code == "silent"
    assert dock.head(path).offset == MIB
    server.close()


def test_a_slow_line_that_goes_on_sending_is_never_ended(ground: Ground) -> None:
    server = Server(replace(ground, settings=replace(ground.settings, upload_idle=0.2)))
    dock = Sender(server, {NAME: CLIP[:2_000]})

    def after_a_moment(piece: bytes):
        async def come() -> dict[str, object]:
            await asyncio.sleep(0.03)
            return {"type": "http.request", "body": piece, "more_body": True}

        return come

    pieces = [after_a_moment(CLIP[at : at + 100]) for at in range(0, 2_000, 100)]
    assert dock.patch(dock.begin(NAME), 0, *pieces).status == 204
    server.close()


# Refusals


@pytest.mark.parametrize("offset", [1, 999, 10**15])
def test_a_wrong_offset_is_refused_and_changes_nothing(dock: Sender, offset: int) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP[:1_000], CUT)
    assert dock.patch(path, offset, CLIP[offset : offset + 10]).code == "wrong-offset"
    assert dock.head(path).offset == 1_000


def test_more_bytes_than_announced_are_refused_and_the_right_ones_kept(dock: Sender) -> None:
    path = dock.begin(NAME)
    assert dock.patch(path, 0, CLIP[:MIB], CLIP[MIB:] + b"!").code == "too-many-bytes"
    assert dock.head(path).offset == MIB


def test_a_length_that_was_not_announced_is_refused(dock: Sender) -> None:
    assert dock.create(NAME, length=len(CLIP) + 1).code == "length-differs"


def test_creating_again_finds_the_upload_that_was_begun(dock: Sender) -> None:
    assert dock.begin(NAME) == dock.begin(NAME)


def test_what_is_stored_is_not_expected_again(dock: Sender) -> None:
    dock.send(NAME)
    assert dock.create(NAME).code == "not-expected"


def test_another_dock_s_upload_does_not_exist_for_this_one(server: Server, dock: Sender) -> None:
    other = Sender(server, {NAME: CLIP}, camera="BWC-2")
    path = dock.begin(NAME)
    assert other.patch(path, 0, CLIP).code == "upload-unknown"
    assert other.head(path).status == 404
    other.said = dock.said
    assert other.create(NAME).code == "file-unknown"


def test_nobody_sends_without_a_token(dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.token = "invented"
    reply = dock.patch(path, 0, CLIP)
    assert (reply.status, reply.code) == (401, "token-expired")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Tus-Resumable": "0.2.2"}, "tus-version"),
        ({"Content-Type": "video/mp4"}, "wrong-type"),
        ({"Upload-Offset": "-1"}, "malformed"),
        ({"Upload-Offset": "0x10"}, "malformed"),
        ({"Upload-Offset": ""}, "wrong-offset"),
    ],
)
def test_a_request_that_is_not_tus_is_refused_before_a_byte_is_read(dock: Sender, change, code: str) -> None:
    path = dock.begin(NAME)

    async def unread() -> dict[str, object]:
        raise AssertionError("the body was read")

    assert dock.patch(path, 0, unread, **change).code == code


@pytest.mark.parametrize("path", ["/files/", "/files/../up", "/files/upl_1", "/files/upl_" + "g" * 32, "/filesystem"])
def test_a_path_that_is_no_upload_is_refused(dock: Sender, path: str) -> None:
    assert dock.patch(path, 0, b"x").code == "upload-unknown"


def test_options_say_what_this_server_speaks(dock: Sender) -> None:
    reply = dock.server.runner.run(dock.server.ask("OPTIONS", "/files", {}, []))
    assert (reply.status, reply.headers["tus-version"], reply.headers["tus-extension"]) == (204, "1.0.0", "creation")


@pytest.mark.parametrize(
    "header", ["docked_file !!!", "a b c", "docked_file /w==", "a YQ==,,b YQ==", "k " + "A" * 9_000]
)
def test_metadata_that_cannot_be_read_is_refused(header: str) -> None:
    with pytest.raises(refusals.DockRefused):
        metadata(header)


def test_metadata_without_a_value_is_empty_as_tus_has_it() -> None:
    assert metadata("is_confidential,filename YQ==") == {"is_confidential": "", "filename": "a"}


def test_a_creation_without_a_docked_file_is_refused(dock: Sender) -> None:
    headers = {**dock.headers, "Upload-Length": "5", "Upload-Metadata": "filename YQ=="}
    assert dock.server.runner.run(dock.server.ask("POST", "/files", headers, [])).code == "no-file"


# Space and faults


class FullAfter(MemoryStore):
    """A store whose disk is full after some bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def incoming(self, key: str, *, size: int = 0):
        return _FullIncoming(super().incoming(key, size=size), self)


class _FullIncoming:
    def __init__(self, inner, store: FullAfter) -> None:
        self._inner, self._store = inner, store

    def __getattr__(self, name: str):
        return getattr(self._inner, name)

    def append(self, data: bytes | memoryview) -> None:
        room = self._store.limit - self._inner.length
        self._inner.append(data[: max(0, room)])
        if len(data) > room:
            raise OutOfSpace("the disk of the object store is full")


def test_a_disk_that_fills_up_is_507_with_advice_and_the_dock_goes_on_when_there_is_room(ground: Ground) -> None:
    store = FullAfter(3 * MIB)
    server = Server(replace(ground, objects=store))
    dock = Sender(server, {NAME: CLIP})
    path = dock.begin(NAME)
    half = dock.patch(path, 0, CLIP[: 2 * MIB]).offset
    reply = dock.patch(path, half, CLIP[half:])
    assert (reply.status, reply.code) == (507, "out-of-space")
    assert "goes on by itself" in json.loads(reply.body)["advice"]
    at = dock.head(path).offset
    assert at >= half  # what was acknowledged is there
    store.limit = 10**9
    assert dock.patch(path, at, CLIP[at:]).status == 204
    assert stored(dock, dock.hand_in(path, dock.manifest(NAME)).recording) == CLIP
    server.close()


def test_an_upload_that_would_not_fit_is_refused_before_a_byte_is_sent(ground: Ground) -> None:
    server = Server(replace(ground, settings=replace(ground.settings, free_space_floor=2**60)))
    dock = Sender(server, {NAME: CLIP})
    reply = dock.create(NAME)
    assert (reply.status, reply.code) == (507, "out-of-space")
    with ground.database.read() as session:
        assert session.get_one(DockedFile, dock.said.files[NAME].id).state == "expected"
    server.close()


def test_every_refusal_has_a_status_words_and_advice() -> None:
    assert len(TABLE) > 25
    for code, refusal in TABLE.items():
        assert refusal.code == code
        assert 400 <= refusal.status < 600
        assert refusal.title[0].isupper()
        assert refusal.advice.endswith(".")
