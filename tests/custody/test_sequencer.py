"""The sequencer: what a run publishes, what it tidies, and what it refuses to sign."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from custody.audit import verify_log
from custody.ledger import log_key, newest_checkpoint, prepare_log, receipt
from custody.logfiles import LogFiles
from custody.policy import Policy
from custody.proof import TlogProof
from custody.report import Report
from custody.sequencer import BATCH, LEASE_TIME, LedgerRolledBack, Sequencer, published_size
from custody.tile import BundleId, TileId
from evidence.clock import ManualClock
from evidence.database import Database
from evidence.errors import StoreUnwell
from evidence.ground import Ground
from evidence.models import LedgerCheckpoint, LedgerEntry
from evidence.objectstore import MemoryStore, ObjectStat
from tests.custody.test_ledger import fill


def audit(ground: Ground) -> Report:
    """What an auditor finds in the log's files, who has kept every checkpoint that there ever was."""
    with ground.database.read() as session:
        notes = [note.encode() for note in session.scalars(select(LedgerCheckpoint.note))]
        newest = newest_checkpoint(session)
    assert newest is not None
    files, note = LogFiles(ground.objects), newest.note.encode()
    policy = Policy.parse(f"log {log_key(ground)}\nquorum none\n".encode())
    return verify_log(lambda path: note if path == "checkpoint" else files.read(path), policy, notes)


def drain(sequencer: Sequencer) -> None:
    while sequencer.run_once():
        pass


def published(ground: Ground) -> int:
    with ground.database.read() as session:
        return published_size(session)


class AwayStore(MemoryStore):
    """A store that can be away, or refuse to tidy."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.tidies = True

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        if self.away:
            raise StoreUnwell("the store is away")
        return super().put_once(key, data)

    def discard_partials(self, key: str) -> int:
        if not self.tidies:
            raise StoreUnwell("the store does not tidy")
        return super().discard_partials(key)


def partials(ground: Ground) -> list[str]:
    return [key.removeprefix("log/") for key in ground.objects.keys("log/tile/") if ".p/" in key]


def test_several_batches_are_published_under_one_checkpoint(each_ground: Ground) -> None:
    prepare_log(each_ground)
    fill(each_ground, 2 * BATCH + 10)
    assert Sequencer(each_ground).run_once() == 2 * BATCH + 11
    with each_ground.database.read() as session:
        assert session.scalar(select(func.count()).select_from(LedgerCheckpoint)) == 1
    assert audit(each_ground).holds


def test_a_run_without_anything_new_publishes_nothing(each_ground: Ground) -> None:
    prepare_log(each_ground)
    sequencer = Sequencer(each_ground)
    assert [sequencer.run_once() for _ in range(3)] == [1, 0, 0]


def test_while_the_store_is_away_entries_wait_and_no_more_are_integrated_than_a_run_can_hold(
    ground: Ground,
) -> None:
    store = AwayStore()
    ground = replace(ground, objects=store)
    prepare_log(ground)
    sequencer = Sequencer(ground, growth=300)
    store.away = True
    for _ in range(4):
        fill(ground, 200)
        with pytest.raises(StoreUnwell):
            sequencer.run_once()
    with ground.database.read() as session:
        assert session.scalar(select(func.count(LedgerEntry.place))) == 300
    store.away = False
    assert [sequencer.run_once() for _ in range(4)] == [300, 300, 201, 0]
    assert audit(ground).holds


def test_two_sequencers_at_once_publish_one_log(each_ground: Ground) -> None:
    prepare_log(each_ground)
    slow, quick = Sequencer(each_ground), Sequencer(each_ground)
    fill(each_ground, 10)
    halfway = slow._integrate()
    assert halfway is not None
    clock = each_ground.clock
    assert isinstance(clock, ManualClock)
    clock.advance(LEASE_TIME)
    fill(each_ground, 300)
    assert quick.run_once() == 311, "the lease of the slow one has run out"
    slow._publish(halfway)
    assert published(each_ground) == 311
    fill(each_ground, 5)
    clock.advance(LEASE_TIME)
    assert slow.run_once() == 5
    assert audit(each_ground).holds


def test_a_database_from_an_older_copy_is_noticed_before_a_second_history_is_signed(
    ground: Ground, tmp_path: Path
) -> None:
    prepare_log(ground)
    fill(ground, 4)
    sequencer = Sequencer(ground)
    sequencer.run_once()
    file, copy = ground.settings.data / "dockline.sqlite3", tmp_path / "copy"
    with ground.database.writer.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(file, copy)
    fill(ground, 5)
    sequencer.run_once()
    older = replace(ground, database=Database(f"sqlite:///{copy}"))
    fill(older, 2)
    assert isinstance(ground.clock, ManualClock)
    ground.clock.advance(LEASE_TIME)
    with pytest.raises(LedgerRolledBack, match="beyond the 7 entries"):
        Sequencer(older).run_once()
    assert published(older) == 5
    older.database.close()


# Partial tiles


def test_partial_tiles_go_once_the_full_one_is_there_and_the_newest_checkpoints_keep_theirs(
    each_ground: Ground,
) -> None:
    prepare_log(each_ground)
    sequencer = Sequencer(each_ground)
    for count in (99, 100, 55, 45):  # checkpoints at 100, 200, 255 and 300
        fill(each_ground, count)
        sequencer.run_once()
    kept = [item.path for size in (100, 200, 255) for item in (TileId(0, 0, size), BundleId(0, size))]
    newest = [TileId(0, 1, 44).path, TileId(1, 0, 1).path, BundleId(1, 44).path]
    assert partials(each_ground) == sorted(kept + newest), "readers of the checkpoint before are still served"
    fill(each_ground, 1)
    sequencer.run_once()
    there = partials(each_ground)
    assert not set(there) & set(kept)
    assert set(newest) <= set(there)
    assert audit(each_ground).holds


def test_receipts_under_a_checkpoint_whose_partial_tiles_went_are_as_good_as_before(ground: Ground) -> None:
    prepare_log(ground)
    sequencer = Sequencer(ground)
    policy = Policy.parse(f"log {log_key(ground)}\nquorum none\n".encode())
    entries = []
    for _ in range(8):
        entries += fill(ground, 90)
        sequencer.run_once()
        for entry_id in (entries[0], entries[-1]):
            given = receipt(ground, entry_id)
            assert given is not None
            TlogProof.parse(given.proof).verify(given.entry, policy)


def test_what_a_killed_sequencer_left_is_tidied_by_the_next(ground: Ground) -> None:
    prepare_log(ground)
    for count in (99, 100, 100, 1):
        fill(ground, count)
        sequencer = Sequencer(ground)
        sequencer._holder = "the one that is restarted"
        growth = sequencer._integrate()
        assert growth is not None
        sequencer._publish(growth)  # and is killed before it tidies
    assert len(partials(ground)) > 8
    fill(ground, 1)
    last = Sequencer(ground)
    last._holder = "the one that is restarted"
    last.run_once()
    assert not [path for path in partials(ground) if "/000.p/" in path and "tile/1/" not in path]
    assert audit(ground).holds


def test_a_store_that_does_not_tidy_does_not_stop_publishing(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    store = AwayStore()
    ground = replace(ground, objects=store)
    prepare_log(ground)
    sequencer = Sequencer(ground)
    store.tidies = False
    for count in (99, 300, 1):
        fill(ground, count)
        assert sequencer.run_once()
    assert "stay for now" in caplog.text
    superseded = {TileId(0, 0, 100).path, BundleId(0, 100).path}
    assert superseded <= set(partials(ground))
    store.tidies = True
    fill(ground, 1)
    sequencer.run_once()
    assert not superseded & set(partials(ground))
    assert audit(ground).holds
