"""Group commit: acts that have no rows of their own, from many threads at once, made durable by one transaction.

A disk can confirm some hundred transactions a second and a court's viewers may ask for more. So whoever hands in an act
while a transaction is on its way joins a group, and when that transaction has ended the whole group goes in together.
There is no thread in the background and no timer: the first to join a group commits it for the others. A lone caller
pays one commit, a crowd shares it, and nobody waits longer than the commit on its way plus their own.

An act whose caller has returned is *recorded* (:mod:`custody.ledger`) and survives a power cut. When a commit fails,
every caller of that group is told so. An act may then be recorded although its caller was told that it is not, never
the other way round.
"""

import threading
from dataclasses import dataclass, field

from sqlalchemy import insert

from custody.entry import Act
from evidence.clock import Clock
from evidence.database import Database
from evidence.errors import DocklineError
from evidence.models import LedgerEntry

MOST = 2_000  # acts in one transaction: bounds how long other writers wait

_INSERT = insert(LedgerEntry).returning(LedgerEntry.id, sort_by_parameter_order=True)

Row = dict[str, object]


class NotRecorded(DocklineError):
    """An act is not known to be durable; what was to follow it must not happen."""

    code = "not-recorded"
    advice = "Try again. If it happens once more, look at the database and at the space on its disk."


@dataclass(slots=True, eq=False)
class _Group:
    """Acts that go in together, what became of each, and the gate at which their callers wait."""

    rows: list[Row] = field(default_factory=list)
    outcome: list[int | Exception] = field(default_factory=list)
    gate: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.acquire()  # shut until every act is durable or has failed


class GroupCommit:
    """Records acts for many threads. One a process; threads share it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._door = threading.Lock()  # held for a moment, to join a group or to close one
        self._turn = threading.Lock()  # held by the group that is being committed
        self._open = _Group()

    def record(self, act: Act) -> int:
        """Return the row id of the act's entry once it is durable. Raises :class:`NotRecorded` when it may not be."""
        row: Row = {"kind": act.what.value, "subject": act.subject, "act": act.canonical()}
        with self._door:
            group = self._open
            place = len(group.rows)
            group.rows.append(row)
            if place + 1 == MOST:
                self._open = _Group()
        if place == 0:
            self._lead(group)
        else:
            with group.gate:  # a turnstile: each lets the next through, so that they do not all wake in one moment
                pass
        outcome = group.outcome[place]
        if isinstance(outcome, Exception):
            raise NotRecorded("the act could not be made durable") from outcome
        return outcome

    def _lead(self, group: _Group) -> None:
        with self._turn:
            with self._door:
                if self._open is group:
                    self._open = _Group()
            try:
                group.outcome = self._commit(group.rows)
            except BaseException as wrong:  # not ours to handle, but nobody may be left waiting
                group.outcome = [NotRecorded(f"interrupted: {wrong!r}")] * len(group.rows)
                raise
            finally:
                group.gate.release()

    def _commit(self, rows: list[Row]) -> list[int | Exception]:
        """One transaction for all; when one act is refused, one for each, so that it does not take the others along."""
        now = self._clock.now()
        for row in rows:
            row["recorded_at"] = now
        written = False
        try:
            with self._database.write() as session:
                entries = list(session.connection().execute(_INSERT, rows).scalars())
                written = True
        except Exception as wrong:  # noqa: BLE001 - whatever it was, it is raised in every caller
            if (
                written or len(rows) == 1
            ):  # the commit itself may have failed after it persisted: nothing is tried again
                return [wrong] * len(rows)
            return [outcome for row in rows for outcome in self._commit([row])]
        return [*entries]
