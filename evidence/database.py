"""The door to the database: SQLite in the embedded installation, PostgreSQL in the large one.

One request or one job is one transaction. :meth:`Database.write` takes SQLite's write lock at its beginning
(``BEGIN IMMEDIATE``), so two writers queue instead of failing half-way; :meth:`Database.read` never blocks a writer.
A transaction that was committed survives a power cut: WAL with ``synchronous=FULL``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from evidence.settings import Settings

_WRITE = "dockline_write"


class Database:
    """Opens transactions. One per process; threads share it."""

    def __init__(self, url: str, *, pool: int = 20) -> None:
        self.engine = create_engine(url, pool_size=pool, max_overflow=pool, pool_pre_ping=not url.startswith("sqlite"))
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._writing = self.engine.execution_options(**{_WRITE: True})

    @classmethod
    def of(cls, settings: Settings) -> "Database":
        """The database that the settings name."""
        return cls(settings.database)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; commits at the end of the block, rolls back when it raises."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads, on one snapshot."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @property
    def writer(self) -> Engine:
        """The engine whose every transaction may write, for changes of the tables themselves."""
        return self._writing

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _prepare_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
