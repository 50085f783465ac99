"""One contract for the queue: dramatiq's stub in memory, and a real Valkey server through the Redis broker."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from evidence import outbox
from evidence.clock import ManualClock, SystemClock
from evidence.ground import Ground
from evidence.models import Job
from evidence.outbox import Begun, Waiting
from evidence.queue import DramatiqQueue, sender
from tests.servers import die_with_parent, kill, start_valkey

Make = Callable[[Callable[[str], None]], DramatiqQueue]


@pytest.fixture(params=["stub", "valkey"])
def make(request: pytest.FixtureRequest) -> Make:
    """Builds a queue around what is done with a job's id."""
    if request.param == "stub":
        return DramatiqQueue.stub
    url = request.getfixturevalue("valkey_url")
    return lambda handle: DramatiqQueue.redis(url, handle)


@contextmanager
def working(queue: DramatiqQueue, *queues: str, threads: int = 1) -> Iterator[None]:
    stop = threading.Event()
    worker = threading.Thread(target=queue.work, args=(set(queues or outbox.QUEUES), threads, stop))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join(30)
        queue.close()
        assert not worker.is_alive()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def enqueue(ground: Ground, subject: str, queue: str = "quick") -> str:
    with ground.database.write() as session:
        return outbox.enqueue(session, "probe", subject, queue=queue, clock=ground.clock)


def state(ground: Ground, job: str) -> str:
    with ground.database.read() as session:
        return session.get_one(Job, job).state


def doing(ground: Ground, do: Callable[[Begun], None]) -> Callable[[str], None]:
    """The smallest worker: let in by the row, fails into the row."""

    def handle(job_id: str) -> None:
        job = outbox.begin(ground.database, job_id, ground.clock)
        if job is None:
            return
        try:
            do(job)
        except ValueError as wrong:
            outbox.fail(ground.database, job, str(wrong), ground.clock)
        else:
            outbox.finish(ground.database, job, ground.clock)

    return handle


def test_every_job_is_done_once_though_its_messages_come_twice(ground: Ground, make: Make) -> None:
    done: list[str] = []
    queue = make(doing(ground, lambda job: done.append(job.subject)))
    jobs = [enqueue(ground, f"rec_{number}", outbox.QUEUES[number % 3]) for number in range(12)]
    assert outbox.relay(ground.database, queue.send, ground.clock) == 12
    for job in jobs:
        queue.send(Waiting(job, "quick"))
    with working(queue, threads=3):
        until(lambda: all(state(ground, job) == "done" for job in jobs))
    assert sorted(done) == sorted(f"rec_{number}" for number in range(12))


def test_a_worker_does_only_the_jobs_of_its_queues(ground: Ground, make: Make) -> None:
    done: list[str] = []
    queue = make(doing(ground, lambda job: done.append(job.subject)))
    heavy, quick = enqueue(ground, "rec_heavy", "heavy"), enqueue(ground, "rec_quick", "quick")
    outbox.relay(ground.database, queue.send, ground.clock)
    with working(queue, "quick"):
        until(lambda: state(ground, quick) == "done")
    assert (state(ground, heavy), done) == ("queued", ["rec_quick"])


def test_threads_of_one_worker_do_jobs_at_the_same_time(ground: Ground, make: Make) -> None:
    together = threading.Barrier(2, timeout=30)
    queue = make(doing(ground, lambda _: together.wait() and None))
    jobs = [enqueue(ground, f"rec_{number}") for number in range(2)]
    outbox.relay(ground.database, queue.send, ground.clock)
    with working(queue, "quick", threads=2):
        until(lambda: all(state(ground, job) == "done" for job in jobs))


def test_a_job_that_fails_is_tried_again_and_parked(ground: Ground, make: Make, clock: ManualClock) -> None:
    tries: list[int] = []

    def fail(job: Begun) -> None:
        tries.append(job.attempt)
        raise ValueError("the clip is a poem")

    queue = make(doing(ground, fail))
    job = enqueue(ground, "rec_1")
    with working(queue, "quick"):
        for attempt in range(1, outbox.MAX_ATTEMPTS + 1):
            assert outbox.relay(ground.database, queue.send, ground.clock) == 1
            until(lambda tried=attempt: len(tries) == tried and state(ground, job) in {"queued", "parked"})
            clock.advance(timedelta(minutes=1))
    assert (state(ground, job), tries) == ("parked", [1, 2, 3, 4, 5])


def test_what_a_handler_lets_through_does_not_stop_the_worker(ground: Ground, make: Make) -> None:
    def handle(job_id: str) -> None:
        if job_id == bad:
            raise RuntimeError("nobody caught this")
        doing(ground, lambda _: None)(job_id)

    queue = make(handle)
    bad, good = enqueue(ground, "rec_bad"), enqueue(ground, "rec_good")
    outbox.relay(ground.database, queue.send, ground.clock)
    with working(queue, "quick"):
        until(lambda: state(ground, good) == "done")
    assert state(ground, bad) == "queued"


def test_a_process_that_only_sends_does_no_work(ground: Ground, valkey_url: str) -> None:
    queue = sender(valkey_url)
    job = enqueue(ground, "rec_1")
    assert outbox.relay(ground.database, queue.send, ground.clock) == 1
    queue.close()
    worker = DramatiqQueue.redis(valkey_url, doing(ground, lambda _: None))
    with working(worker):
        until(lambda: state(ground, job) == "done")


def test_a_flushed_queue_loses_nothing(ground: Ground, clock: ManualClock, valkey_url: str) -> None:
    queue = DramatiqQueue.redis(valkey_url, doing(ground, lambda _: None))
    jobs = [enqueue(ground, f"rec_{number}") for number in range(3)]
    outbox.relay(ground.database, queue.send, ground.clock)
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
        client.script_flush()
    with working(queue, "quick"):
        assert outbox.relay(ground.database, queue.send, ground.clock) == 0
        clock.advance(outbox.RESEND_AFTER)
        assert outbox.relay(ground.database, queue.send, ground.clock) == 3
        until(lambda: all(state(ground, job) == "done" for job in jobs))


@pytest.mark.crash
def test_a_server_that_was_killed_is_found_again_by_worker_and_sender(ground: Ground, server_folder: Path) -> None:
    folder = server_folder / "mortal"
    process, url = start_valkey(folder)
    queue = DramatiqQueue.redis(url, doing(ground, lambda _: None))
    first = enqueue(ground, "rec_1")
    with working(queue, "quick"):
        outbox.relay(ground.database, queue.send, ground.clock)
        until(lambda: state(ground, first) == "done")
        kill(process)
        second = enqueue(ground, "rec_2")
        with pytest.raises(redis.ConnectionError):
            outbox.relay(ground.database, queue.send, ground.clock)
        process, _ = start_valkey(folder)
        assert outbox.relay(ground.database, queue.send, ground.clock) == 1
        until(lambda: state(ground, second) == "done")
    kill(process)


@pytest.mark.crash
def test_the_job_of_a_killed_worker_is_done_by_another(ground: Ground, tmp_path: Path, valkey_url: str) -> None:
    live = replace(ground, clock=SystemClock())
    job = enqueue(live, "rec_1")
    command = [sys.executable, "-m", "tests.contract.stuck_worker", str(ground.settings.data), valkey_url]
    doomed = subprocess.Popen(command, preexec_fn=die_with_parent)  # noqa: PLW1509 - one system call
    outbox.relay(live.database, sender(valkey_url).send, live.clock)
    until(lambda: state(live, job) == "running")
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait()
    later = ManualClock(live.clock.now() + outbox.SILENT_AFTER + timedelta(seconds=1))
    waiting = replace(live, clock=later)
    attempts: list[int] = []
    queue = DramatiqQueue.redis(valkey_url, doing(waiting, lambda found: attempts.append(found.attempt)))
    assert outbox.relay(waiting.database, queue.send, later) == 1
    with working(queue, "quick"):
        until(lambda: state(live, job) == "done")
    assert attempts == [2]
