"""The ledger's tests run on both databases."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evidence.clock import ManualClock
from evidence.database import Database
from evidence.ground import Ground, open_ground
from evidence.migrate import migrate
from evidence.settings import Settings


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def each_ground(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path, clock: ManualClock) -> Iterator[Ground]:
    """A ground on SQLite, and one on a real PostgreSQL."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copyfile(migrated, data / "dockline.sqlite3")
    opened = open_ground(Settings(data=data), clock)
    if request.param == "postgres":
        opened.database.close()
        opened = replace(opened, database=Database(request.getfixturevalue("postgres_url")))
        migrate(opened.database)
    yield opened
    opened.database.close()
