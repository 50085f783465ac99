"""Receiving into an S3 server: the whole way of an upload, cut off and taken up by another process in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Recording
from evidence.objectstore import read_all
from evidence.objectstore_s3 import S3Store
from tests.contract.conftest import REAL_S3
from tests.ingest.sending import CUT, Sender, Server, bytes_of

MIB = 1024 * 1024
NAME = "DCIM/0001.mp4"
CLIP = bytes_of("long clip", 21 * MIB + 123)
Process = Callable[[], Any]


@pytest.fixture(params=["moto", REAL_S3])
def process(request: pytest.FixtureRequest, ground: Ground) -> Process:
    """Starts the upload door as another process would: it knows the database and the server, and nothing else."""
    if request.param == "moto":
        open_store = request.getfixturevalue("moto_store")
    else:
        client = request.getfixturevalue("seaweed_client")

        def open_store() -> S3Store:
            return S3Store(client, "dockline", lock_days=1)

    @contextmanager
    def run() -> Iterator[Server]:
        server = Server(replace(ground, objects=open_store()))
        yield server
        server.close()

    return run


def taken_up_by(server: Server, dock: Sender) -> Sender:
    """The same dock, speaking to another process."""
    dock.server = server
    return dock


def assert_stored(server: Server, recording: str | None) -> None:
    with server.ground.database.read() as session:
        row = session.get_one(Recording, recording)
    assert (row.size, row.digest) == (len(CLIP), str(Digest.of(CLIP)))
    assert read_all(server.ground.objects, row.object_key) == CLIP


def test_a_clip_arrives_in_one_request(process: Process) -> None:
    with process() as server:
        dock = Sender(server, {NAME: CLIP})
        path = dock.begin(NAME)
        assert dock.patch(path, 0, CLIP).offset == len(CLIP)
        assert_stored(server, dock.hand_in(path, dock.manifest(NAME)).recording)


def test_after_a_restart_the_dock_goes_on_from_the_whole_parts(process: Process) -> None:
    with process() as server:
        dock = Sender(server, {NAME: CLIP})
        path = dock.begin(NAME)
        dock.patch(path, 0, CLIP[: 13 * MIB], CUT)
        assert dock.head(path).offset >= 8 * MIB
    with process() as server:
        dock = taken_up_by(server, dock)
        at = dock.head(path).offset
        assert at == 8 * MIB
        assert dock.patch(path, at, CLIP[at:]).status == 204
        assert_stored(server, dock.hand_in(path, dock.manifest(NAME)).recording)


def test_all_bytes_that_were_durable_are_stored_by_whoever_hears_of_the_manifest(process: Process) -> None:
    with process() as server:
        dock = Sender(server, {NAME: CLIP})
        path = dock.begin(NAME)
        assert dock.patch(path, 0, CLIP).offset == len(CLIP)
    with process() as server:
        outcome = taken_up_by(server, dock).hand_in(path, dock.manifest(NAME))
        assert outcome.state == "stored"
        assert_stored(server, outcome.recording)
