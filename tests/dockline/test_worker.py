"""A worker does a job once, keeps its failure in words, and is heard of while it works."""

from datetime import timedelta

import pytest

from dockline.worker import Workbench
from evidence import outbox
from evidence.clock import ManualClock
from evidence.ground import Ground
from evidence.models import Job
from evidence.outbox import Begun


@pytest.fixture
def job(ground: Ground) -> str:
    with ground.database.write() as session:
        return outbox.enqueue(session, "paint", "rec_1", queue="quick", clock=ground.clock, payload={"colour": "red"})


def state(ground: Ground, job: str) -> tuple[str, str, int]:
    with ground.database.read() as session:
        row = session.get_one(Job, job)
        return row.state, row.error, row.attempts


def test_a_job_is_done_once_however_often_its_message_comes(ground: Ground, job: str) -> None:
    done: list[Begun] = []
    bench = Workbench(ground, {"paint": done.append})
    for _ in range(3):
        bench.do(job)
    assert [(begun.subject, begun.payload) for begun in done] == [("rec_1", {"colour": "red"})]
    assert state(ground, job)[0] == "done"


def test_a_failure_is_kept_in_words_and_tried_again_until_it_is_parked(ground: Ground, job: str) -> None:
    def fail(_: Begun) -> None:
        raise ValueError("the paint has dried")

    bench = Workbench(ground, {"paint": fail})
    clock = ground.clock
    assert isinstance(clock, ManualClock)
    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        bench.do(job)
        assert state(ground, job)[1:] == ("ValueError: the paint has dried", attempt)
        clock.advance(timedelta(minutes=2))
    assert state(ground, job)[0] == "parked"
    bench.do(job)
    assert state(ground, job)[2] == outbox.MAX_ATTEMPTS


def test_a_job_that_nobody_can_do_is_not_lost(ground: Ground, job: str) -> None:
    Workbench(ground, {}).do(job)
    kept, error, _ = state(ground, job)
    assert (kept, "paint" in error) == ("queued", True)
