"""Jobs written in the transaction of the rows they follow: the transactional outbox.

Order everywhere: object, then transaction, then queue. :func:`enqueue` is part of the transaction; :func:`relay` hands
what was committed to the queue afterwards. A message can be lost (the queue was flushed) or come twice (a worker died),
so the row is the truth: :func:`relay` tells the queue again of what nobody took, and :func:`begin` lets one worker in.

A job that waits behind many others is not lost, so it is told of again ever more rarely, up to every five minutes;
otherwise the messages of a long queue would multiply by themselves.

Who begins a job gets a :class:`Begun` with the number of the attempt. If he is taken for dead and another one begins
it, his late :func:`finish` or :func:`fail` finds another number in the row and changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from evidence.clock import Clock
from evidence.database import Database
from evidence.identifiers import new_id
from evidence.models.base import JsonMap
from evidence.models.work import Job

RESEND_AFTER = timedelta(seconds=30)  # a message that nobody took in this time may be lost
RESEND_AT_LEAST = timedelta(minutes=5)  # however long a job has been waiting
SILENT_AFTER = timedelta(seconds=30)  # a running job whose worker has not been heard of is taken for dead
MAX_ATTEMPTS = 5
QUEUES = ("quick", "heavy", "redaction")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that the queue should hear of."""

    id: str
    queue: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A job that this worker may do now, and the attempt that it is."""

    id: str
    kind: str
    subject: str
    payload: JsonMap
    attempt: int


def enqueue(
    session: Session, kind: str, subject: str, *, queue: str, clock: Clock, payload: JsonMap | None = None
) -> str:
    """Write a job into the caller's transaction; returns its id.

    Kind and subject name the work: asking for it again returns the job that is there and changes nothing, also when
    two transactions ask at the same moment.
    """
    now = clock.now()
    row = {
        "id": new_id("job"), "kind": kind, "queue": queue, "subject": subject, "payload": payload or {},
        "state": "queued", "created_at": now, "due_at": now, "wake_at": now,
    }  # fmt: skip
    if session.get_bind().dialect.name == "postgresql":
        session.execute(postgresql.insert(Job).values(row).on_conflict_do_nothing(index_elements=["kind", "subject"]))
    else:
        session.execute(sqlite.insert(Job).values(row).on_conflict_do_nothing(index_elements=["kind", "subject"]))
    return session.scalars(select(Job.id).where(Job.kind == kind, Job.subject == subject)).one()


def relay(database: Database, send: Callable[[Waiting], None], clock: Clock, *, limit: int = 200) -> int:
    """Hand committed jobs to the queue; returns how many. Safe in several processes: messages may come twice.

    What ``send`` raises goes on to the caller; the jobs that were handed over before it are not sent again at once.
    """
    now = clock.now()
    with database.read() as session:
        rows = session.execute(
            select(Job.id, Job.queue, Job.due_at, Job.wake_at)
            .where(Job.wake_at <= now, _may_begin(now))
            .order_by(Job.wake_at, Job.id)
            .limit(limit)
        ).all()
    sent = []
    try:
        for job_id, queue, due_at, wake_at in rows:
            send(Waiting(job_id, queue))
            patience = min(max(now - due_at, RESEND_AFTER), RESEND_AT_LEAST)
            sent.append({"of": job_id, "was": wake_at, "next": now + patience})
    finally:
        if sent:
            with database.write() as session:
                session.connection().execute(_SLEEP, sent)
    return len(rows)


_SLEEP = (
    update(Job)
    .where(Job.id == bindparam("of"), Job.wake_at == bindparam("was", type_=Job.wake_at.type))
    .values(wake_at=bindparam("next"))
)


def _may_begin(now: datetime) -> ColumnElement[bool]:
    waits = and_(Job.state == "queued", Job.due_at <= now)
    is_orphan = and_(Job.state == "running", Job.beat_at < now - SILENT_AFTER)
    return or_(waits, is_orphan)


def begin(database: Database, job_id: str, clock: Clock) -> Begun | None:
    """Let one worker in: ``None`` when the job is done, parked, not due yet, or in another worker's hands.

    A job whose workers died at every attempt is parked here.
    """
    now = clock.now()
    with database.write() as session:
        job = session.scalars(select(Job).where(Job.id == job_id, _may_begin(now)).with_for_update()).one_or_none()
        if job is None:
            return None
        if job.attempts >= MAX_ATTEMPTS:
            job.state, job.finished_at = "parked", now
            job.error = job.error or "its worker died every time it was tried"
            return None
        job.state, job.started_at, job.beat_at, job.wake_at = "running", now, now, now
        job.attempts += 1
        return Begun(job.id, job.kind, job.subject, dict(job.payload), job.attempts)


def beat(database: Database, job: Begun, clock: Clock) -> bool:
    """Say that the job's worker is alive; long jobs call this every few seconds. Whether the job is still its own."""
    with database.write() as session:
        return _change(session, job, beat_at=clock.now())


def finish(database: Database, job: Begun, clock: Clock) -> bool:
    """The job is done. Whether that counted: not, when another worker has begun it since."""
    with database.write() as session:
        return _change(session, job, state="done", finished_at=clock.now(), error="")


def fail(database: Database, job: Begun, error: str, clock: Clock) -> bool:
    """The job failed: try again later, or park it with its reason. Returns whether it will be tried again."""
    now = clock.now()
    due = now + timedelta(seconds=2**job.attempt)
    again = job.attempt < MAX_ATTEMPTS
    change = {"state": "queued", "due_at": due, "wake_at": due} if again else {"state": "parked", "finished_at": now}
    with database.write() as session:
        _change(session, job, error=error[:1000], **change)
    return again


def reclaim(database: Database, clock: Clock) -> int:
    """Let all running jobs begin again at once; returns how many. Only for who knows that no worker is alive."""
    now = clock.now()
    with database.write() as session:
        stopped = session.scalars(
            update(Job).where(Job.state == "running").values(state="queued", due_at=now, wake_at=now).returning(Job.id)
        )
        return len(stopped.all())


def _change(session: Session, job: Begun, **values: object) -> bool:
    mine = (Job.id == job.id, Job.state == "running", Job.attempts == job.attempt)
    return session.scalars(update(Job).where(*mine).values(**values).returning(Job.id)).one_or_none() is not None
