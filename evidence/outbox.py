"""Jobs written in the transaction of the rows they follow: the transactional outbox.

Order everywhere: object, then transaction, then queue. :func:`enqueue` is part of the transaction; :func:`relay` hands
what was committed to the queue afterwards. A message can be lost (the queue was flushed) or come twice (a worker died),
so the row is the truth: :func:`relay` sends again what was sent but never began, and :func:`begin` lets one worker in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from evidence.clock import Clock
from evidence.database import Database
from evidence.identifiers import new_id
from evidence.models.base import JsonMap
from evidence.models.work import Job

RESEND_AFTER = timedelta(seconds=30)  # a message that nobody took in this time is taken for lost
SILENT_AFTER = timedelta(seconds=30)  # a running job whose worker has not been heard of is taken for dead
MAX_ATTEMPTS = 5
QUEUES = ("quick", "heavy", "redaction")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that the queue should hear of."""

    id: str
    queue: str


def enqueue(
    session: Session, kind: str, subject: str, *, queue: str, clock: Clock, payload: JsonMap | None = None
) -> str:
    """Write a job into the caller's transaction; returns its id.

    Kind and subject name the work: asking for it again returns the job that is there and changes nothing.
    """
    there = session.scalar(select(Job.id).where(Job.kind == kind, Job.subject == subject))
    if there is not None:
        return there
    now = clock.now()
    job = Job(
        id=new_id("job"), kind=kind, queue=queue, subject=subject, payload=payload or {},
        state="queued", created_at=now, due_at=now,
    )  # fmt: skip
    session.add(job)
    session.flush()
    return job.id


def relay(database: Database, send: Callable[[Waiting], None], clock: Clock, *, limit: int = 200) -> int:
    """Hand committed jobs to the queue; returns how many. Safe in several processes: messages may come twice."""
    now = clock.now()
    with database.read() as session:
        rows = session.execute(_due(now).limit(limit)).all()
    for job_id, queue in rows:
        send(Waiting(job_id, queue))
    if rows:
        with database.write() as session:
            session.execute(update(Job).where(Job.id.in_([row[0] for row in rows])).values(sent_at=now))
    return len(rows)


def _due(now: datetime) -> Select[str, str]:
    lost = or_(Job.sent_at.is_(None), Job.sent_at < now - RESEND_AFTER)
    silent = (Job.state == "running") & (Job.beat_at < now - SILENT_AFTER) & lost
    return (
        select(Job.id, Job.queue)
        .where(or_((Job.state == "queued") & (Job.due_at <= now) & lost, silent))
        .order_by(Job.due_at, Job.id)
    )


@dataclass(frozen=True, slots=True)
class Begun:
    """A job that this worker may do now."""

    id: str
    kind: str
    subject: str
    payload: JsonMap
    attempt: int


def begin(database: Database, job_id: str, clock: Clock) -> Begun | None:
    """Let one worker in: ``None`` when the job is done, parked, or another worker was heard of a moment ago."""
    now = clock.now()
    with database.write() as session:
        job = session.get(Job, job_id, with_for_update=True)
        if job is None or job.state in {"done", "parked"}:
            return None
        if job.state == "running" and job.beat_at is not None and job.beat_at > now - SILENT_AFTER:
            return None
        if job.attempts >= MAX_ATTEMPTS:
            job.state, job.finished_at = "parked", now
            job.error = job.error or "its worker died every time it was tried"
            return None
        job.state, job.started_at, job.beat_at = "running", now, now
        job.attempts += 1
        return Begun(job.id, job.kind, job.subject, dict(job.payload), job.attempts)


def beat(database: Database, job_id: str, clock: Clock) -> None:
    """Say that the job's worker is alive; long jobs call this every few seconds."""
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id, Job.state == "running").values(beat_at=clock.now()))


def finish(database: Database, job_id: str, clock: Clock) -> None:
    """The job is done."""
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(state="done", finished_at=clock.now(), error=""))


def fail(database: Database, job_id: str, error: str, clock: Clock) -> bool:
    """The job failed: try again later, or park it with its reason. Returns whether it will be tried again."""
    now = clock.now()
    with database.write() as session:
        job = session.get_one(Job, job_id)
        job.error = error[:1000]
        again = job.attempts < MAX_ATTEMPTS
        job.state = "queued" if again else "parked"
        job.sent_at, job.started_at = None, None
        job.due_at = now + timedelta(seconds=2**job.attempts)
        job.finished_at = None if again else now
        return again
