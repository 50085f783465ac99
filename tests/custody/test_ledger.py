"""The three states of an entry: recorded with its rows, integrated in the tree, published under a checkpoint."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from custody import merkle
from custody.entry import Act, ActKind, Record
from custody.keys import FileSigner, KeyMissing
from custody.ledger import KEY_FILE, commit_value, log_key, machine, newest_checkpoint, prepare_log, receipt, record
from custody.logfiles import LogFiles
from custody.policy import Policy
from custody.proof import TlogProof
from custody.sequencer import Sequencer
from custody.tile import TileReader, read_tile, tiles_of_growth
from evidence.clock import ManualClock, utc_text
from evidence.digest import Digest
from evidence.errors import Misconfigured
from evidence.ground import Ground
from evidence.models import LedgerEntry, LedgerTree, PersonalValue


@pytest.fixture
def ground(each_ground: Ground) -> Ground:
    return each_ground


def stored(ground: Ground, number: int) -> Act:
    return Act(
        what=ActKind.STORED,
        at=utc_text(ground.clock.now()),
        who=machine(ground, "dock", "dok_1"),
        on={"recording": f"rec_{number % 7}", "digest": str(Digest.of(str(number).encode()))},
    )


def fill(ground: Ground, count: int) -> list[int]:
    with ground.database.write() as session:
        return [record(session, stored(ground, number), ground.clock) for number in range(count)]


def policy_of(ground: Ground) -> Policy:
    return Policy.parse(f"log {log_key(ground)}\nquorum none\n".encode())


def test_an_entry_that_was_rolled_back_with_its_rows_never_happened(ground: Ground) -> None:
    prepare_log(ground)

    def act_and_fail() -> None:
        with ground.database.write() as session:
            record(session, stored(ground, 1), ground.clock)
            session.execute(text("INSERT INTO no_such_table VALUES (1)"))

    with pytest.raises(DatabaseError):
        act_and_fail()
    Sequencer(ground).run_once()
    with ground.database.read() as session:
        assert session.scalars(select(LedgerEntry.kind)).all() == ["log_opened"]


def test_a_receipt_exists_once_the_entry_is_published_and_verifies_with_the_public_key_alone(ground: Ground) -> None:
    prepare_log(ground)
    ids = fill(ground, 300)
    assert receipt(ground, ids[0]) is None
    assert Sequencer(ground).run_once() == 301
    policy = policy_of(ground)
    for entry_id in (ids[0], ids[255], ids[299]):
        given = receipt(ground, entry_id)
        assert given is not None
        verified = TlogProof.parse(given.proof).verify(given.entry, policy)
        assert verified.checkpoint.size == 301
        assert Record.parse(given.entry).recorded == f"ent_{entry_id}"


def test_a_subjects_entries_form_a_chain_without_gaps(ground: Ground) -> None:
    prepare_log(ground)
    sequencer = Sequencer(ground)
    for _ in range(2):
        fill(ground, 100)
        sequencer.run_once()
    with ground.database.read() as session:
        rows = session.scalars(
            select(LedgerEntry.record).where(LedgerEntry.subject == "recording:rec_3").order_by(LedgerEntry.place)
        ).all()
    previous = None
    for number, data in enumerate(rows, 1):
        assert data is not None
        entry = Record.parse(data)
        assert (entry.sequence, entry.previous) == (number, previous)
        previous = merkle.leaf_hash(data)


def test_many_small_publications_write_the_same_tree_as_one_large(ground: Ground) -> None:
    prepare_log(ground)
    sequencer = Sequencer(ground)
    sizes = []
    for count in (1, 2, 250, 3, 256, 1, 511, 4):
        fill(ground, count)
        sequencer.run_once()
        with ground.database.read() as session:
            newest = newest_checkpoint(session)
            assert newest is not None
            sizes.append(newest.size)
    files = LogFiles(ground.objects)
    final = sizes[-1]
    for tile in tiles_of_growth(0, final):
        assert len(read_tile(tile, files.read)) == 32 * tile.width
    reader = TileReader(final, files.read)
    for size in sizes:
        proof = merkle.consistency_proof(size, final, reader)
        old, new = merkle.root_at(size, TileReader(size, files.read)), merkle.root_at(final, reader)
        merkle.verify_consistency(size, old, final, new, proof)


def test_a_sequencer_that_died_before_publishing_is_followed_by_one_that_publishes_the_same(ground: Ground) -> None:
    prepare_log(ground)
    fill(ground, 10)
    dead = Sequencer(ground)
    dead._integrate()  # its transaction is committed, then it is killed
    clock = ground.clock
    assert isinstance(clock, ManualClock)
    assert Sequencer(ground).run_once() == 0, "the lease of the dead one still runs"
    clock.advance(timedelta(seconds=11))
    assert Sequencer(ground).run_once() == 11


def test_tiles_that_do_not_lead_to_the_databases_tree_are_never_signed(ground: Ground) -> None:
    prepare_log(ground)
    fill(ground, 5)
    with ground.database.write() as session:
        tree = session.scalars(select(LedgerTree)).one()
    sequencer = Sequencer(ground)
    sequencer._integrate()
    with ground.database.write() as session:
        tree = session.scalars(select(LedgerTree)).one()
        tree.peaks = bytes(32) + tree.peaks[32:]
    with pytest.raises(Exception, match="do not lead to the tree"):
        sequencer.run_once()
    with ground.database.read() as session:
        assert newest_checkpoint(session) is None


def test_a_lost_key_is_not_replaced_by_another(ground: Ground) -> None:
    prepare_log(ground)
    (ground.settings.data / "keys" / KEY_FILE).rename(ground.settings.data / "elsewhere.pem")
    with pytest.raises(KeyMissing):
        prepare_log(ground)


def test_another_installations_key_is_refused(ground: Ground) -> None:
    prepare_log(ground)
    path = ground.settings.data / "keys" / KEY_FILE
    path.unlink()
    FileSigner.create(path)
    with pytest.raises(Misconfigured, match="is not the key"):
        prepare_log(ground)


def test_one_persons_acts_carry_one_commitment_and_erasing_its_value_changes_no_entry(ground: Ground) -> None:
    with ground.database.write() as session:
        first = commit_value(session, "person:per_1", "PC 4711 Smith")
        again = commit_value(session, "person:per_1", "PC 4711 Smith")
        other = commit_value(session, "person:per_2", "PC 4711 Smith")
    assert first == again
    assert first != other, "the same value of another person is salted anew"
    with ground.database.write() as session:
        row = session.get_one(PersonalValue, str(first))
        row.salt = row.value = None
    with ground.database.read() as session:
        assert session.get_one(PersonalValue, str(first)).value is None
