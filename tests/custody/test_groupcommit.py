"""Group commit: whoever returns has a durable act, whoever cannot is told, and nobody is left waiting."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from custody.entry import Act, ActKind
from custody.groupcommit import MOST, GroupCommit, NotRecorded
from custody.ledger import machine, prepare_log
from custody.sequencer import Sequencer
from evidence.clock import utc_text
from evidence.ground import Ground
from evidence.models import LedgerEntry
from tests.custody.faults import Fault, faulty
from tests.custody.test_sequencer import audit, drain
from tests.servers import die_with_parent


def played(ground: Ground, name: str) -> Act:
    who = machine(ground, "court", "viewer")
    return Act(ActKind.PLAYED, utc_text(ground.clock.now()), who, {"recording": name})


def subjects(ground: Ground) -> dict[int, str]:
    with ground.database.read() as session:
        rows = session.execute(select(LedgerEntry.id, LedgerEntry.subject).where(LedgerEntry.kind == "played"))
        return {row[0]: row[1] for row in rows}


def at_once(works: list[Callable[[], int]]) -> list[int | Exception]:
    """Do all of these in threads that start together; what each returned or raised."""
    start = threading.Barrier(len(works))

    def one(work: Callable[[], int]) -> int | Exception:
        start.wait()
        try:
            return work()
        except NotRecorded as wrong:
            return wrong

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_each_of_many_callers_gets_the_entry_of_its_own_act(each_ground: Ground) -> None:
    group = GroupCommit(each_ground.database, each_ground.clock)
    names = [f"rec_{number}" for number in range(60)]

    def work(name: str) -> Callable[[], int]:
        return lambda: max(group.record(played(each_ground, name)) for _ in range(5))

    last = at_once([work(name) for name in names])
    there = subjects(each_ground)
    assert len(there) == 300
    assert [there[entry] for entry in last if isinstance(entry, int)] == [f"recording:{name}" for name in names]


def test_an_act_is_there_for_others_when_its_caller_returns(each_ground: Ground) -> None:
    group = GroupCommit(each_ground.database, each_ground.clock)
    entry = group.record(played(each_ground, "rec_1"))
    assert subjects(each_ground) == {entry: "recording:rec_1"}


def test_those_who_wait_for_a_transaction_go_in_together(ground: Ground) -> None:
    group = GroupCommit(ground.database, ground.clock)
    with ThreadPoolExecutor(50) as pool:
        with group._turn:  # a transaction is on its way
            waiting = [pool.submit(group.record, played(ground, f"rec_{number}")) for number in range(50)]
            while len(group._open.rows) < 50:
                time.sleep(0.001)
            assert subjects(ground) == {}
        entries = sorted(done.result() for done in waiting)
    assert entries == list(range(entries[0], entries[0] + 50))


def test_a_group_that_is_full_lets_the_next_begin(ground: Ground) -> None:
    group = GroupCommit(ground.database, ground.clock)
    act = played(ground, "rec_1")
    group._open.rows += [
        {"kind": act.what.value, "subject": act.subject, "act": act.canonical()} for _ in range(MOST - 1)
    ]
    full = group._open
    with ThreadPoolExecutor(1) as pool:
        last = pool.submit(group.record, act)
        while group._open is full:
            time.sleep(0.001)
        own = group.record(act)
        group._lead(full)  # what the first of them would have done
        assert last.result() != own
    assert len(subjects(ground)) == MOST + 1


def test_an_act_that_the_database_refuses_fails_alone(ground: Ground) -> None:
    with ground.database.write() as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE INSERT ON ledger_entries WHEN NEW.subject = 'recording:rec_7' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    group = GroupCommit(ground.database, ground.clock)

    def work(number: int) -> Callable[[], int]:
        return lambda: group.record(played(ground, f"rec_{number}"))

    outcome = at_once([work(number) for number in range(20)])
    assert [number for number, result in enumerate(outcome) if isinstance(result, NotRecorded)] == [7]
    assert len(subjects(ground)) == 19


@pytest.mark.parametrize("persisted", [False, True])
def test_when_a_commit_fails_every_caller_hears_of_it_and_no_act_is_there_twice(
    each_ground: Ground, persisted: bool
) -> None:
    fault = Fault()
    fault.arm(1, persisted=persisted)
    group = GroupCommit(faulty(each_ground, fault).database, each_ground.clock)

    def work(number: int) -> Callable[[], int]:
        return lambda: group.record(played(each_ground, f"rec_{number}"))

    outcome = at_once([work(number) for number in range(20)])
    failed = {f"recording:rec_{number}" for number, result in enumerate(outcome) if not isinstance(result, int)}
    assert failed
    there = list(subjects(each_ground).values())
    assert len(there) == len(set(there))
    assert failed.isdisjoint(there) or persisted
    assert len(there) == 20 if persisted else len(there) == 20 - len(failed)
    assert group.record(played(each_ground, "rec_again")), "the next group is not harmed"


def test_acts_of_a_group_are_published_like_any_other(each_ground: Ground) -> None:
    prepare_log(each_ground)
    group = GroupCommit(each_ground.database, each_ground.clock)
    at_once([lambda: group.record(played(each_ground, "rec_1"))] * 30)
    drain(Sequencer(each_ground))
    assert audit(each_ground).holds


CHILD = """
import sys, threading
from pathlib import Path
from custody.groupcommit import GroupCommit
from evidence.ground import open_ground
from evidence.settings import Settings
from tests.custody.test_groupcommit import played
ground = open_ground(Settings(data=Path(sys.argv[1])))
group = GroupCommit(ground.database, ground.clock)
def work():
    while True:
        sys.stdout.write(f"{group.record(played(ground, 'rec_1'))}\\n")
        sys.stdout.flush()
for _ in range(20):
    threading.Thread(target=work).start()
"""


@pytest.mark.crash
def test_after_kill_9_every_act_is_there_whose_caller_had_returned(ground: Ground) -> None:
    command = [sys.executable, "-c", CHILD, str(ground.settings.data)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=root,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, nothing that another thread could hold
    )  # fmt: skip
    assert process.stdout is not None
    told = {int(process.stdout.readline()) for _ in range(200)}
    process.kill()
    told |= {int(line) for line in process.communicate()[0].split("\n")[:-1] if line}
    assert told <= subjects(ground).keys()
