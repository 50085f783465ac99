"""Bring the tables up to date, from inside the installed package, safely when several processes start at once.

The whole change is one transaction on both databases. Whoever comes second waits for the first (SQLite's write lock, an
advisory lock on PostgreSQL) and then finds nothing left to do. A change that fails leaves the tables as they were.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from evidence.database import Database
from evidence.errors import Misconfigured
from evidence.models import Base

_LOCK = 0x646F636B  # "dock": the advisory lock that one migrating process holds on PostgreSQL


def migrate(database: Database) -> None:
    """Bring the tables to the newest revision. May run at any time, any number of times, in several processes.

    Raises :class:`Misconfigured` when the tables were made by a newer version of Dockline than this one.
    """
    with _change(database) as config:
        here = _revision(config.attributes["connection"])
        if here is not None and here not in _known():
            raise Misconfigured(
                f"the tables are of revision {here}, which this version does not know",
                advice="Start the newer version of Dockline that made them, or restore a backup.",
            )
        if here != newest():
            command.upgrade(config, "head")


def go_back(database: Database, revision: str) -> None:
    """Take the tables back to an older revision, ``base`` for none at all. What only newer tables hold is lost."""
    with _change(database) as config:
        command.downgrade(config, revision)


def current(database: Database) -> str | None:
    """The revision that the tables have, or ``None`` where there are none yet."""
    with database.engine.connect() as connection:
        return _revision(connection)


def newest() -> str:
    """The newest revision that this version knows."""
    head = ScriptDirectory.from_config(settings()).get_current_head()
    if head is None:
        raise Misconfigured("this installation has lost its migrations", advice="Install Dockline again.")
    return head


def differences(database: Database) -> list[Any]:
    """What tables and models disagree about, in Alembic's words; empty when they agree."""
    with database.engine.connect() as connection:
        found: list[Any] = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    return found


def draft(database: Database, message: str, revision: str) -> None:
    """Write a new revision file: what is missing between the database's tables and the models. For developers."""
    with _change(database) as config:
        command.revision(config, message, autogenerate=True, rev_id=revision)


def settings() -> Config:
    """Alembic's settings: where the revisions lie in the installed package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    return config


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(settings()).walk_revisions()}


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _change(database: Database) -> Iterator[Config]:
    config = settings()
    with (
        database.writer.connect() as connection,
        _free_hands(connection, is_sqlite=database.is_sqlite),
        connection.begin(),
    ):
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        yield config
        if database.is_sqlite:
            _refuse_dangling(connection)


@contextmanager
def _free_hands(connection: Connection, *, is_sqlite: bool) -> Iterator[None]:
    """SQLite changes a table by dropping it; with foreign keys enforced, that would empty those that point to it.

    The pragma has no effect inside a transaction, so it goes to the driver's connection before one begins.
    """
    if not is_sqlite:
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _refuse_dangling(connection: Connection) -> None:
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if dangling:
        raise Misconfigured(f"the change would leave {len(dangling)} rows that point to nothing: {dangling[:3]}")
