"""The queue: dramatiq on Redis or Valkey. The only import of dramatiq.

A message carries nothing but a job's id; :mod:`evidence.outbox` keeps the truth. One actor a queue, so that a queue can
have its own processes: dramatiq's priorities only order what one worker has already fetched.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import dramatiq
from dramatiq.broker import Broker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.worker import Worker

from evidence.outbox import QUEUES, Waiting

_HOUR_MS = 3_600_000
Handler = Callable[[str], None]


class Queue(Protocol):
    """Where the outbox hands its jobs to."""

    def send(self, waiting: Waiting) -> None:
        """Tell the workers of a job's queue about it."""
        ...


class DramatiqQueue:
    """Jobs as dramatiq messages. Build it once per process, before workers start."""

    def __init__(self, broker: Broker, handle: Handler) -> None:
        self.broker = broker
        self._actors = {
            name: dramatiq.actor(
                actor_name=f"do_{name}", queue_name=name, broker=broker, max_retries=0, time_limit=24 * _HOUR_MS
            )(handle)
            for name in QUEUES
        }

    @classmethod
    def redis(cls, url: str, handle: Handler) -> "DramatiqQueue":
        """On the Redis or Valkey server of a URL.

        Maintenance on every operation and a heartbeat of 15 s bring a dead worker's messages back in seconds.
        """
        broker = RedisBroker(url=url, maintenance_chance=1_000_000, heartbeat_timeout=15_000)  # type: ignore[no-untyped-call]
        return cls(broker, handle)

    @classmethod
    def stub(cls, handle: Handler) -> "DramatiqQueue":
        """In memory, for tests: dramatiq's own stub broker."""
        broker = StubBroker()
        broker.emit_after("process_boot")
        return cls(broker, handle)

    def send(self, waiting: Waiting) -> None:
        """See :class:`Queue`."""
        self._actors[waiting.queue].send(waiting.id)

    def work(self, queues: set[str], threads: int, stop: threading.Event) -> None:
        """Do the jobs of some queues in this process until told to stop."""
        worker = Worker(self.broker, queues=queues, worker_threads=threads, worker_timeout=200)
        worker.queue_prefetch = threads  # counts those at hand: no message waits behind a long job
        worker.start()
        try:
            stop.wait()
        finally:
            worker.stop(timeout=5_000)

    def close(self) -> None:
        """Close the connections."""
        self.broker.close()


def sender(url: str) -> DramatiqQueue:
    """A queue that only sends: what a relay needs. A message that would run here is a mistake and says so."""

    def refuse(job_id: str) -> None:
        raise RuntimeError(f"job {job_id} reached a process that does no work")

    return DramatiqQueue.redis(url, refuse)
