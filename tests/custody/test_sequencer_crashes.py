"""Every durable write of a run, failing before it persisted and failing although it did, each followed by a restart."""

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import select

from custody.entry import Record
from custody.ledger import prepare_log
from custody.logfiles import LogFiles
from custody.sequencer import LEASE_TIME, Sequencer
from custody.tile import BundleId, read_bundle, tile_width
from evidence.clock import ManualClock
from evidence.ground import Ground
from evidence.models import LedgerEntry
from tests.custody.faults import Fault, PowerCut, faulty
from tests.custody.test_ledger import fill
from tests.custody.test_sequencer import audit, drain, published


def advance(ground: Ground) -> None:
    assert isinstance(ground.clock, ManualClock)
    ground.clock.advance(LEASE_TIME + timedelta(seconds=1))


def in_the_log(ground: Ground) -> list[str]:
    """Under which identifiers the entries of the log's files were recorded, in their order."""
    size = published(ground)
    files = LogFiles(ground.objects)
    bundles = [BundleId(index, tile_width(0, index, size)) for index in range(-(-size // 256))]
    entries = itertools.chain.from_iterable(read_bundle(bundle, files.read) for bundle in bundles)
    return [Record.parse(entry).recorded for entry in entries]


def recorded(ground: Ground) -> list[str]:
    with ground.database.read() as session:
        return [f"ent_{row}" for row in session.scalars(select(LedgerEntry.id).order_by(LedgerEntry.id))]


def run_with(ground: Ground, number: int, *, persisted: bool) -> Fault:
    """Publish inside a bundle, so that partial files are there to be tidied; then grow past its end with the fault."""
    fault = Fault()
    sequencer = Sequencer(faulty(ground, fault))
    for count in (10, 240):
        fill(ground, count)
        drain(sequencer)
    fault.arm(number, persisted=persisted)
    for count in (30, 1):
        fill(ground, count)
        sequencer.run_once()
    return fault


def test_a_failure_at_any_durable_write_of_a_run_loses_nothing_and_doubles_nothing(each_ground: Ground) -> None:
    prepare_log(each_ground)
    seen: set[str] = set()
    for number in itertools.count(1):
        for persisted in (False, True):
            try:
                run_with(each_ground, number, persisted=persisted)
            except PowerCut as cut:
                seen.add(str(cut).split("/")[0])
            else:  # the run came to its end: every write has had its turn
                assert seen == {"transaction", "put log", "discard log"}
                assert in_the_log(each_ground) == recorded(each_ground)
                assert audit(each_ground).holds
                return
            advance(each_ground)
            drain(Sequencer(each_ground))
            assert published(each_ground) == len(recorded(each_ground)), f"write {number}, persisted: {persisted}"
            advance(each_ground)


def test_a_failure_in_a_sequencer_that_lives_on_is_mended_by_its_own_next_run(each_ground: Ground) -> None:
    prepare_log(each_ground)
    fault = Fault()
    sequencer = Sequencer(faulty(each_ground, fault))
    sequencer.run_once()
    for number, persisted in itertools.product(range(1, 9), (False, True)):
        fill(each_ground, 140)
        fault.arm(number, persisted=persisted)
        try:
            sequencer.run_once()
        except PowerCut:
            drain(sequencer)
        assert published(each_ground) == len(recorded(each_ground))
    assert in_the_log(each_ground) == recorded(each_ground)
    assert audit(each_ground).holds


@pytest.mark.parametrize("persisted", [False, True])
def test_a_failure_while_the_log_is_opened_leaves_one_log(each_ground: Ground, persisted: bool) -> None:
    fault = Fault()
    fault.arm(1, persisted=persisted)
    with pytest.raises(PowerCut):
        prepare_log(faulty(each_ground, fault))
    prepare_log(each_ground)
    drain(Sequencer(each_ground))
    assert len(in_the_log(each_ground)) == 1
    assert audit(each_ground).holds
