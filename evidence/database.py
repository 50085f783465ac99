"""The door to the database: SQLite in the embedded installation, PostgreSQL in the large one.

One request or one job is one transaction. :meth:`Database.write` takes SQLite's write lock at its beginning
(``BEGIN IMMEDIATE``), so two writers queue instead of failing half-way; :meth:`Database.read` never blocks a writer.
A transaction that was committed survives a power cut: WAL with ``synchronous=FULL``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from evidence.settings import Settings

_READ = "dockline_read"


class Database:
    """Opens transactions. One per process; threads share it."""

    def __init__(self, url: str, *, pool: int = 20) -> None:
        address = _with_driver(url)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self._writing = create_engine(address, pool_size=pool, max_overflow=pool, pool_pre_ping=not self.is_sqlite)
        if self.is_sqlite:
            event.listen(self._writing, "connect", _prepare_sqlite)
            event.listen(self._writing, "begin", _begin_sqlite)
            self.engine = self._writing.execution_options(**{_READ: True})
        else:
            self.engine = self._writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

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
        """A transaction that only reads, on one snapshot; to write in it is an error on both databases."""
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
    reads = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _with_driver(url: str) -> URL:
    """The URL with psycopg named, where only PostgreSQL is: otherwise SQLAlchemy looks for another driver."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg") if parsed.drivername in {"postgres", "postgresql"} else parsed
