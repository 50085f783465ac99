"""Uploads over real sockets into a real server process: cut at random bytes, killed, started again, out of space."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import select

from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import LedgerEntry, Recording
from evidence.objectstore import read_all
from ingest import handover
from ingest.docking import Announcement, Listed, announce
from ingest.manifest import Manifest, sign
from tests.ingest.docks import enrolled, token_for
from tests.ingest.sending import AT, bytes_of
from tests.ingest.served import ServedDoor
from tests.ingest.wire import Wire

pytestmark = pytest.mark.crash

MIB = 1024 * 1024


class SentClip:
    """One clip that a dock has announced, and the wire to send it on."""

    def __init__(self, ground: Ground, door: ServedDoor, data: bytes) -> None:
        self.ground, self.data = ground, data
        self.signer, self.dock = enrolled(ground)
        self.wire = Wire(door.port, token_for(ground, self.signer, self.dock.id))
        listed = Listed("clip.mp4", len(data), "clip", AT)
        self.said = announce(ground, self.dock, Announcement("BWC-1", "", "", AT, None, (listed,)))
        self.path = self.wire.begin(self.said.files["clip.mp4"].id, len(data))

    def send_the_rest(self) -> None:
        """As a dock does: ask, send, and ask again when somebody else's bytes came between."""
        for _ in range(10):
            at = self.wire.head(self.path)
            if at == len(self.data) or self.wire.patch(self.path, at, memoryview(self.data)[at:]).status == 204:
                return
        raise AssertionError("the upload did not come to its end")

    def hand_in(self) -> None:
        text = Manifest(
            dock=self.dock.id, docking=self.said.docking, camera="BWC-1", officer="", name="clip.mp4",
            size=len(self.data), digest=Digest.of(self.data), kind="clip", taken_at=utc_text(AT),
        ).canonical()  # fmt: skip
        handover.hand_in(self.ground, self.dock, self.path.removeprefix("/files/"), text, sign(self.signer, text))

    def assert_stored_once(self) -> None:
        with self.ground.database.read() as session:
            (recording,) = session.scalars(select(Recording))
            assert len(session.scalars(select(LedgerEntry).filter_by(kind="stored")).all()) == 1
        assert recording.digest == str(Digest.of(self.data))
        assert read_all(self.ground.objects, recording.object_key) == self.data


@pytest.fixture
def door(live_ground: Ground) -> Iterator[ServedDoor]:
    running = ServedDoor(live_ground.settings.data)
    yield running
    running.stop()


def test_lines_cut_at_random_bytes_end_with_every_byte_once(live_ground: Ground, door: ServedDoor) -> None:
    clip = SentClip(live_ground, door, bytes_of("cut", 40 * MIB + 77))
    chance, at = random.Random(7), 0
    for _ in range(8):
        piece = clip.data[at : at + chance.randrange(1, 5 * MIB)]
        clip.wire.patch_and_hang_up(clip.path, at, len(clip.data) - at, piece).close()
        now = clip.wire.head(clip.path)  # a request that was cut may still be read after this one
        assert now >= at
        at = now
    clip.send_the_rest()
    clip.hand_in()
    clip.assert_stored_once()


def test_a_line_that_hangs_is_overtaken_by_the_next_one(live_ground: Ground, door: ServedDoor) -> None:
    clip = SentClip(live_ground, door, bytes_of("hang", 9 * MIB))
    hanging = clip.wire.patch_and_hang_up(clip.path, 0, len(clip.data), clip.data[: 3 * MIB])
    clip.send_the_rest()
    hanging.close()
    clip.hand_in()
    clip.assert_stored_once()


@pytest.mark.parametrize("seed", range(3))
def test_a_server_killed_in_the_middle_goes_on_with_what_it_can_prove(
    live_ground: Ground, door: ServedDoor, seed: int
) -> None:
    clip = SentClip(live_ground, door, bytes_of(f"kill {seed}", 150 * MIB + 5))
    chance, at, acknowledged = random.Random(seed), 0, 0
    for _ in range(3):
        first = min(len(clip.data), at + chance.randrange(1, 30 * MIB))
        acknowledged = clip.wire.patch(clip.path, at, memoryview(clip.data)[at:first]).offset
        line = clip.wire.patch_and_hang_up(clip.path, acknowledged, len(clip.data) - acknowledged, b"")
        sending = threading.Thread(target=_send_until_broken, args=(line, memoryview(clip.data)[acknowledged:]))
        sending.start()
        time.sleep(chance.random() * 0.15)
        door.kill()
        sending.join()
        door.start()
        at = clip.wire.head(clip.path)
        assert at >= acknowledged, "an acknowledged byte was lost"
        if at == len(clip.data):
            break
    clip.send_the_rest()
    clip.hand_in()
    clip.assert_stored_once()


def test_staged_bytes_that_a_power_cut_garbled_are_sent_again(live_ground: Ground, door: ServedDoor) -> None:
    clip = SentClip(live_ground, door, bytes_of("garbled", 80 * MIB))
    clip.wire.patch(clip.path, 0, memoryview(clip.data)[: 60 * MIB])
    door.kill()
    (staged,) = (live_ground.settings.data / "store" / "staging").rglob("rec_*")
    with staged.open("r+b") as file:  # a page that never reached the disk, in the second mark's reach
        file.seek(20 * MIB)
        file.write(bytes(4096))
    door.start()
    assert clip.wire.head(clip.path) == 16 * MIB
    clip.send_the_rest()
    clip.hand_in()
    clip.assert_stored_once()


def test_a_real_disk_limit_is_507_and_the_rest_follows_when_it_is_lifted(live_ground: Ground) -> None:
    door = ServedDoor(live_ground.settings.data, TEST_FILE_LIMIT=str(70 * MIB))
    clip = SentClip(live_ground, door, bytes_of("full", 90 * MIB))
    reply = clip.wire.patch(clip.path, 0, clip.data)
    assert (reply.status, reply.code) == (507, "out-of-space")
    at = clip.wire.head(clip.path)
    assert at >= 48 * MIB, "what was verified is kept"
    door.kill()
    unlimited = ServedDoor(live_ground.settings.data)
    clip.wire.port = unlimited.port
    clip.send_the_rest()
    unlimited.stop()
    clip.hand_in()
    clip.assert_stored_once()


def _send_until_broken(line, data: memoryview) -> None:
    with line, suppress(OSError):
        for at in range(0, len(data), MIB):
            line.sendall(data[at : at + MIB])
