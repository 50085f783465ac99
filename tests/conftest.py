"""What every test may stand on: a clock that is moved by hand, and a ground of its own in a temporary folder."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from evidence.clock import ManualClock, SystemClock
from evidence.database import Database
from evidence.ground import Ground, open_ground
from evidence.migrate import migrate
from evidence.settings import Settings

hypothesis_settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
hypothesis_settings.load_profile("house")

pytest_plugins = ["tests.browsers", "tests.servers"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a real server, so that it can be chosen or left out: ``pytest -m "not s3"``."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        for fixture, mark in (("seaweedfs", "s3"), ("postgres_server", "postgres")):
            if fixture in used:
                item.add_marker(mark)


@pytest.fixture
def clock() -> ManualClock:
    """22 November 2026, ten minutes past ten in the evening, until a test moves it."""
    return ManualClock(datetime(2026, 11, 22, 22, 10, tzinfo=UTC))


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with all tables, to be copied: a copy is fifty times faster than migrating."""
    path = tmp_path_factory.mktemp("migrated") / "empty.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()  # the last connection takes the write-ahead log into the file
    assert not path.with_name("empty.sqlite3-wal").exists()
    return path


@pytest.fixture
def ground(tmp_path: Path, migrated: Path, clock: ManualClock) -> Iterator[Ground]:
    """Files and SQLite in a folder of the test's own, and the manual clock."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copyfile(migrated, data / "dockline.sqlite3")
    opened = open_ground(Settings(data=data), clock)
    yield opened
    opened.database.close()


@pytest.fixture
def live_ground(ground: Ground) -> Ground:
    """The same on the machine's own clock, for tests that start processes or wait for something."""
    return replace(ground, clock=SystemClock())
