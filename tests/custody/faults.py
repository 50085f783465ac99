"""Fakes that fail at one durable write of a run: either before it has reached the disk, or just after."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.orm import Session

from evidence.database import Database
from evidence.ground import Ground
from evidence.objectstore import ObjectStat, ObjectStore


class PowerCut(Exception):
    """The process is gone; nothing after this line is run by it."""


class Fault:
    """Counts durable writes and strikes at one of them: before it is durable, or after, when nobody hears of it."""

    def __init__(self) -> None:
        self._left = 0
        self.persisted = False

    def arm(self, number: int, *, persisted: bool) -> None:
        """Strike at the ``number``-th write from now."""
        self._left, self.persisted = number, persisted

    def strikes(self) -> bool:
        """Count one write; whether it is the one."""
        self._left -= 1
        return self._left == 0

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        strikes = self.strikes()
        if strikes and not self.persisted:
            raise PowerCut(what)
        yield
        if strikes:
            raise PowerCut(what)


class FaultyStore:
    """A store of which one write fails. What is not a write goes to the real one."""

    def __init__(self, store: ObjectStore, fault: Fault) -> None:
        self._store = store
        self._fault = fault

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def put_once(self, key: str, data: bytes) -> ObjectStat:
        with self._fault.around(f"put {key}"):
            return self._store.put_once(key, data)

    def discard_partials(self, key: str) -> int:
        with self._fault.around(f"discard {key}"):
            return self._store.discard_partials(key)


class FaultyDatabase(Database):
    """A database of which one transaction fails, either rolled back or committed with its answer lost."""

    def __init__(self, database: Database, fault: Fault) -> None:
        self.__dict__.update(database.__dict__)
        self._real = database
        self._fault = fault

    @contextmanager
    def write(self) -> Iterator[Session]:
        strikes = self._fault.strikes()
        with self._real.write() as session:
            yield session
            session.flush()
            if strikes and not self._fault.persisted:
                raise PowerCut("transaction")  # and the block rolls it back
        if strikes:
            raise PowerCut("transaction")


def faulty(ground: Ground, fault: Fault) -> Ground:
    """The same ground, with a fault in its store and its database."""
    store: ObjectStore = FaultyStore(ground.objects, fault)  # type: ignore[assignment]
    return replace(ground, objects=store, database=FaultyDatabase(ground.database, fault))
