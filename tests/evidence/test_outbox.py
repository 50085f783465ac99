"""The outbox: a job is written with its rows, told of until somebody takes it, and done by one worker at a time."""

import threading
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from evidence import outbox
from evidence.clock import ManualClock
from evidence.database import Database
from evidence.models import Job
from evidence.outbox import Begun, Waiting

SOON = timedelta(milliseconds=1)


def enqueue(database: Database, clock: ManualClock, subject: str = "rec_1") -> str:
    with database.write() as session:
        return outbox.enqueue(session, "probe", subject, queue="quick", clock=clock, payload={"speed": 1})


def relayed(database: Database, clock: ManualClock) -> list[str]:
    told: list[Waiting] = []
    outbox.relay(database, told.append, clock)
    return [waiting.id for waiting in told]


def begun(database: Database, job: str, clock: ManualClock) -> Begun:
    found = outbox.begin(database, job, clock)
    assert found is not None
    return found


def state(database: Database, job: str) -> str:
    with database.read() as session:
        return session.get_one(Job, job).state


def test_a_job_goes_its_way(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    assert relayed(database, clock) == [job]
    work = begun(database, job, clock)
    assert (work.kind, work.subject, work.payload, work.attempt) == ("probe", "rec_1", {"speed": 1}, 1)
    assert outbox.beat(database, work, clock)
    assert outbox.finish(database, work, clock)
    assert state(database, job) == "done"
    clock.advance(timedelta(days=1))
    assert relayed(database, clock) == []
    assert outbox.begin(database, job, clock) is None


def test_a_job_of_a_transaction_that_failed_never_was(database: Database, clock: ManualClock) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        outbox.enqueue(session, "probe", "rec_1", queue="quick", clock=clock)
        _ = 1 / 0
    assert relayed(database, clock) == []


def test_asking_twice_for_the_same_work_gives_the_same_job(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    assert enqueue(database, clock) == job
    work = begun(database, job, clock)
    outbox.finish(database, work, clock)
    assert enqueue(database, clock) == job
    assert state(database, job) == "done"
    assert enqueue(database, clock, "rec_2") != job


def test_two_who_ask_at_the_same_moment_get_the_same_job(database: Database, clock: ManualClock) -> None:
    start, jobs = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        jobs.append(enqueue(database, clock))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(jobs) == 4
    assert len(set(jobs)) == 1


def test_a_message_that_was_lost_is_sent_again_and_ever_more_rarely(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    times = []
    began = clock.now()
    while clock.now() - began < timedelta(hours=1):
        if relayed(database, clock) == [job]:
            times.append(int((clock.now() - began).total_seconds()))
        clock.advance(timedelta(seconds=15))
    assert times[:5] == [0, 30, 60, 120, 240]
    assert {after - before for before, after in pairwise(times[5:])} == {300}


def test_a_queue_that_cannot_be_reached_loses_nothing(database: Database, clock: ManualClock) -> None:
    jobs = [enqueue(database, clock, f"rec_{number}") for number in range(3)]

    def send(waiting: Waiting) -> None:
        if waiting.id != jobs[0]:
            raise ConnectionError("the queue is gone")

    with pytest.raises(ConnectionError):
        outbox.relay(database, send, clock)
    assert relayed(database, clock) == jobs[1:]
    clock.advance(outbox.RESEND_AFTER)
    assert relayed(database, clock) == jobs


def test_the_oldest_jobs_are_told_first_and_not_all_at_once(database: Database, clock: ManualClock) -> None:
    jobs = []
    for number in range(5):
        jobs.append(enqueue(database, clock, f"rec_{number}"))
        clock.advance(SOON)
    told: list[Waiting] = []
    assert outbox.relay(database, told.append, clock, limit=3) == 3
    assert outbox.relay(database, told.append, clock, limit=3) == 2
    assert [waiting.id for waiting in told] == jobs


def test_only_one_of_many_workers_is_let_in(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    start, let_in = threading.Barrier(5), []

    def try_it() -> None:
        start.wait()
        let_in.append(outbox.begin(database, job, clock))

    threads = [threading.Thread(target=try_it) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([work for work in let_in if work is not None]) == 1


def test_a_worker_that_is_heard_of_keeps_its_job(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    work = begun(database, job, clock)
    for _ in range(10):
        clock.advance(outbox.SILENT_AFTER - SOON)
        assert outbox.begin(database, job, clock) is None
        assert relayed(database, clock) == []
        assert outbox.beat(database, work, clock)


def test_a_silent_workers_job_goes_to_another_and_its_late_word_counts_for_nothing(
    database: Database, clock: ManualClock
) -> None:
    job = enqueue(database, clock)
    silent = begun(database, job, clock)
    clock.advance(outbox.SILENT_AFTER + SOON)
    assert relayed(database, clock) == [job]
    second = begun(database, job, clock)
    assert second.attempt == 2
    assert not outbox.beat(database, silent, clock)
    assert not outbox.finish(database, silent, clock)
    outbox.fail(database, silent, "too late", clock)
    assert state(database, job) == "running"
    assert outbox.finish(database, second, clock)
    assert state(database, job) == "done"


def test_a_failed_job_waits_longer_each_time_and_is_parked_with_its_reason(
    database: Database, clock: ManualClock
) -> None:
    job = enqueue(database, clock)
    for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
        work = begun(database, job, clock)
        again = outbox.fail(database, work, f"failure {attempt}", clock)
        assert again == (attempt < outbox.MAX_ATTEMPTS)
        clock.advance(timedelta(seconds=2**attempt) - SOON)
        assert outbox.begin(database, job, clock) is None  # not before its time, whatever message comes
        assert relayed(database, clock) == []
        clock.advance(SOON)
        assert relayed(database, clock) == ([job] if again else [])
    with database.read() as session:
        parked = session.get_one(Job, job)
        assert (parked.state, parked.error) == ("parked", "failure 5")
        assert parked.finished_at is not None


def test_a_job_that_kills_every_worker_is_parked(database: Database, clock: ManualClock) -> None:
    job = enqueue(database, clock)
    for _ in range(outbox.MAX_ATTEMPTS):
        begun(database, job, clock)
        clock.advance(outbox.SILENT_AFTER + SOON)
    assert outbox.begin(database, job, clock) is None
    assert state(database, job) == "parked"
    with database.read() as session:
        assert "died" in session.scalars(select(Job.error)).one()


def test_jobs_of_workers_that_are_known_to_be_dead_begin_again_at_once(database: Database, clock: ManualClock) -> None:
    running, done = enqueue(database, clock, "rec_1"), enqueue(database, clock, "rec_2")
    begun(database, running, clock)
    outbox.finish(database, begun(database, done, clock), clock)
    assert outbox.reclaim(database, clock) == 1
    assert relayed(database, clock) == [running]
    assert begun(database, running, clock).attempt == 2


def test_a_long_error_is_cut_and_a_job_that_is_not_there_is_nobodys(database: Database, clock: ManualClock) -> None:
    assert outbox.begin(database, "job_none", clock) is None
    job = enqueue(database, clock)
    outbox.fail(database, begun(database, job, clock), "x" * 5000, clock)
    with database.read() as session:
        assert session.scalars(select(Job.error)).one() == "x" * 1000
