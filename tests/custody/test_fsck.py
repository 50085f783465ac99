"""The check of an installation names what disagrees, and nothing else."""

from pathlib import Path

import pytest

from custody.entry import Act, ActKind
from custody.fsck import Severity, check
from custody.ledger import machine, prepare_log, record
from custody.sequencer import Sequencer
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Agency, Dock, LedgerEntry, Recording

MASTER = b"the camera's own bytes" * 1000


@pytest.fixture
def installation(ground: Ground) -> Ground:
    prepare_log(ground)
    now = ground.clock.now()
    digest = str(Digest.of(MASTER))
    ground.objects.put_once("received/rec_1", MASTER)
    with ground.database.write() as session:
        session.add(Agency(id="ag_1", name="Force", kind="police", created_at=now))
        session.flush()
        session.add(Dock(id="dok_1", agency_id="ag_1", name="Dock 1", public_key="00", enrolled_at=now))
        session.flush()
        session.add(
            Recording(
                id="rec_1", identity=digest[7:], kind="clip", name="clip.mp4", digest=digest, crc32=0, size=len(MASTER),
                object_key="received/rec_1", agency_id="ag_1", dock_id="dok_1", docked_at=now, received_at=now,
                stored_at=now,
            )
        )  # fmt: skip
        on = {"recording": "rec_1", "digest": digest}
        record(session, Act(ActKind.STORED, utc_text(now), machine(ground, "dock", "dok_1"), on), ground.clock)
    Sequencer(ground).run_once()
    return ground


def wrong(ground: Ground) -> list[str]:
    return [finding.what for finding in check(ground) if finding.severity is Severity.WRONG]


def object_path(ground: Ground, key: str) -> Path:
    path = ground.settings.data / "store" / "objects" / key
    path.chmod(0o600)
    return path


def test_an_untouched_installation_agrees_with_itself(installation: Ground) -> None:
    assert list(check(installation)) == []


def test_a_flipped_bit_in_a_master_is_named(installation: Ground) -> None:
    path = object_path(installation, "received/rec_1")
    data = bytearray(path.read_bytes())
    data[500] ^= 1
    path.write_bytes(data)
    assert wrong(installation) == ["master rec_1"]


def test_a_lost_master_is_named(installation: Ground) -> None:
    object_path(installation, "received/rec_1").unlink()
    assert wrong(installation) == ["master rec_1"]


def test_a_changed_row_of_the_ledger_is_named(installation: Ground) -> None:
    with installation.database.write() as session:
        row = session.get_one(LedgerEntry, 2)
        assert row.record is not None
        row.record = row.record.replace(b"stored", b"played")
    assert wrong(installation) == ["ledger entry 1"]


def test_a_flipped_bit_in_a_tile_is_named(installation: Ground) -> None:
    path = object_path(installation, "log/tile/0/000.p/2")
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    assert [what for what in wrong(installation) if "tiles" in what]


def test_a_master_that_the_ledger_never_heard_of_is_named(installation: Ground) -> None:
    with installation.database.write() as session:
        first = session.get_one(Recording, "rec_1")
        columns = {
            column.name: getattr(first, column.name)
            for column in Recording.__table__.columns
            if column.name not in {"id", "identity", "object_key"}
        }
        session.add(Recording(id="rec_2", identity="another", object_key="received/rec_2", **columns))
    installation.objects.put_once("received/rec_2", MASTER)
    assert wrong(installation) == ["rec_2"]


def test_an_object_that_no_row_knows_is_mentioned_and_kept(installation: Ground) -> None:
    installation.objects.put_once("received/rec_9", b"left by a crash")
    [finding] = list(check(installation))
    assert (finding.severity, finding.what) == (Severity.NOTE, "received/rec_9")
    assert installation.objects.stat("received/rec_9") is not None
