"""Both databases with all tables in them."""

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from evidence.database import Database
from evidence.migrate import migrate


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> str:
    """The name of a database on the real PostgreSQL server, to be copied."""
    url = make_url(postgres_server)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE migrated TEMPLATE template0")
    engine.dispose()
    database = Database(url.set(database="migrated").render_as_string())
    migrate(database)
    database.close()
    return "migrated"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with all tables and no rows: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated"), tmp_path / "db.sqlite3")
        opened = Database(f"sqlite:///{tmp_path / 'db.sqlite3'}")
        yield opened
        opened.close()
        return
    url, template = make_url(request.getfixturevalue("postgres_server")), request.getfixturevalue("migrated_postgres")
    name = f"m{secrets.token_hex(6)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    opened = Database(url.set(database=name).render_as_string())
    yield opened
    opened.close()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()
