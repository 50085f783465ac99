"""A worker's life: one job at a time, let in by the job's row, heard of while it works, never the end of the process.

The rooms hand in what they can do by the job's kind; here they meet. A job may run twice, so handlers are idempotent.
"""

import signal
import threading
from collections.abc import Callable, Mapping

import structlog

from evidence import outbox
from evidence.ground import Ground
from evidence.outbox import Begun
from evidence.queue import DramatiqQueue

Handler = Callable[[Begun], None]
_BEAT = 5.0  # seconds

log = structlog.get_logger()


def all_handlers(ground: Ground) -> dict[str, Handler]:
    """What every room can do, by kind of job."""
    from ingest.actors import handlers as of_ingest
    from portal.actors import handlers as of_portal
    from transcode.actors import handlers as of_transcode

    return {**of_ingest(ground), **of_transcode(ground), **of_portal(ground)}


class Workbench:
    """Does a job by its id."""

    def __init__(self, ground: Ground, handlers: Mapping[str, Handler]) -> None:
        self._ground = ground
        self._handlers = handlers

    def do(self, job_id: str) -> None:
        """Do a job unless it is done, parked or with another worker. Its failure is kept in its row, in words."""
        ground = self._ground
        job = outbox.begin(ground.database, job_id, ground.clock)
        if job is None:
            return
        told = log.bind(job=job.id, kind=job.kind, subject=job.subject, attempt=job.attempt)
        told.info("job begun")
        with _Heartbeat(ground, job):
            try:
                self._handlers[job.kind](job)
            except Exception as wrong:  # noqa: BLE001 - the worker's edge: every failure becomes the job's state
                again = outbox.fail(ground.database, job, f"{type(wrong).__name__}: {wrong}", ground.clock)
                told.exception("job failed", again=again)
                return
        outbox.finish(ground.database, job, ground.clock)
        told.info("job done")


class _Heartbeat:
    def __init__(self, ground: Ground, job: Begun) -> None:
        self._ground = ground
        self._job = job
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT):
            outbox.beat(self._ground.database, self._job, self._ground.clock)


def run(ground: Ground, queues: set[str], threads: int) -> None:
    """Work until SIGTERM or SIGINT; the job at hand is given five seconds, then its row brings it back."""
    stop = threading.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, lambda *_: stop.set())
    bench = Workbench(ground, all_handlers(ground))
    queue = DramatiqQueue.redis(ground.settings.queue, bench.do)
    log.info("worker ready", queues=sorted(queues), threads=threads)
    queue.work(queues, threads, stop)
    queue.close()
