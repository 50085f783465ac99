"""Migrations: what the models say, on both databases, from several processes at once, up and down with data."""

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text

from evidence.database import Database
from evidence.errors import Misconfigured
from evidence.migrate import current, differences, go_back, migrate, newest
from evidence.models import Agency, Base, Person

AT = datetime(2026, 11, 22, 22, 10, 0, 123456, tzinfo=UTC)
ADVICE = (
    "The models and the migrations disagree. Write a migration:\n"
    '    .venv/bin/python scripts/new_migration.py "Words for the change"\n'
    "or, while the newest one has not been run by any installation, write that one again:\n"
    '    .venv/bin/python scripts/new_migration.py "The first tables" --again\n'
)


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path}/fresh.sqlite3"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    database = Database(url, pool=4)
    yield database
    database.close()


both = pytest.mark.parametrize("fresh", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


@both
def test_migrations_make_the_tables_that_the_models_describe(fresh: Database) -> None:
    migrate(fresh)
    assert not differences(fresh), ADVICE + str(differences(fresh))
    assert set(inspect(fresh.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    assert current(fresh) == newest()


@both
def test_an_empty_database_has_no_revision(fresh: Database) -> None:
    assert current(fresh) is None


@both
def test_migrating_twice_changes_nothing_and_keeps_the_rows(fresh: Database) -> None:
    migrate(fresh)
    _settle_people(fresh)
    migrate(fresh)
    with fresh.read() as session:
        person = session.scalars(select(Person)).one()
    assert (person.name, person.agency.name, person.created_at) == ("Jane Smith", "Dockline Constabulary", AT)


@both
def test_a_filled_database_goes_down_and_up_again(fresh: Database) -> None:
    migrate(fresh)
    _settle_people(fresh)
    go_back(fresh, "base")
    assert current(fresh) is None
    assert inspect(fresh.engine).get_table_names() == ["alembic_version"]
    migrate(fresh)
    with fresh.read() as session:
        assert session.scalars(select(Person.name)).all() == []


@both
def test_tables_of_a_newer_version_are_refused(fresh: Database) -> None:
    migrate(fresh)
    with fresh.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match="9999"):
        migrate(fresh)


@both
def test_processes_that_start_together_migrate_once(fresh: Database) -> None:
    url = fresh.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        assert pool.map(_migrate_elsewhere, [url] * 2) == [newest()] * 2


def test_foreign_keys_are_enforced_again_after_a_migration(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/fresh.sqlite3", pool=1)
    migrate(database)
    with database.read() as session:
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


def test_a_change_that_fails_half_way_leaves_the_tables_as_they_were(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/fresh.sqlite3")
    with database.write() as session:
        session.execute(text("CREATE TABLE viewings (stands_in TEXT)"))
    with pytest.raises(Exception, match="viewings"):
        migrate(database)
    assert inspect(database.engine).get_table_names() == ["viewings"]
    database.close()


def _settle_people(database: Database) -> None:
    agency = Agency(id="ag_1", name="Dockline Constabulary", kind="police", created_at=AT)
    person = Person(
        id="per_1",
        agency=agency,
        role="officer",
        name="Jane Smith",
        email="j@example.org",
        initials="JS",
        created_at=AT,
    )
    with database.write() as session:
        session.add_all([agency, person])


def _migrate_elsewhere(url: str) -> str | None:
    database = Database(url)
    try:
        migrate(database)
        return current(database)
    finally:
        database.close()
