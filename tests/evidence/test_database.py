"""The database's promises, on SQLite and on PostgreSQL."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from evidence.clock import utc_text
from evidence.database import Database
from evidence.models import Agency, Lease, Person

AT = datetime(2026, 11, 22, 22, 10, 0, 1, tzinfo=UTC)


def agency(number: int, at: datetime = AT) -> Agency:
    return Agency(id=f"ag_{number}", name=f"Force {number}", kind="police", created_at=at)


def names(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Agency.name).order_by(Agency.id)))


def test_what_a_block_wrote_is_there_for_everybody_after_it(database: Database) -> None:
    with database.write() as session:
        session.add(agency(1))
    assert names(database) == ["Force 1"]


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as session:
        session.add(agency(1))
        session.flush()
        _ = 1 / 0
    assert names(database) == []


def test_writing_in_a_reading_block_is_an_error(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"), database.read() as session:
        session.add(agency(1))
        session.flush()
    with database.write() as session:
        session.add(agency(2))
    assert names(database) == ["Force 2"]


def test_a_reading_block_sees_one_moment(database: Database) -> None:
    with database.read() as session:
        before = session.scalars(select(Agency.name)).all()
        with database.write() as writing:
            writing.add(agency(1))
        assert session.scalars(select(Agency.name)).all() == before
    assert names(database) == ["Force 1"]


def test_a_row_that_points_to_nothing_is_refused(database: Database) -> None:
    person = Person(
        id="per_1", agency_id="ag_none", role="officer", name="J", email="j@example.org", initials="J", created_at=AT
    )
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(person)


def test_writers_at_once_queue_and_none_is_lost(database: Database) -> None:
    def write(number: int) -> None:
        for step in range(5):
            with database.write() as session:
                session.add(agency(number * 10 + step))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 30


def test_times_come_back_aware_exact_and_in_utc(database: Database) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    with database.write() as session:
        session.add(Lease(name="one", holder="me", until=elsewhere))
    with database.read() as session:
        kept = session.get_one(Lease, "one").until
        assert (kept, kept.utcoffset()) == (AT, timedelta(0))
        later = select(Lease.name).where(Lease.until > AT - timedelta(microseconds=1), Lease.until <= elsewhere)
        assert session.scalars(later).all() == ["one"]


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a zone"), database.write() as session:
        session.add(Lease(name="one", holder="me", until=datetime(2026, 11, 22)))  # noqa: DTZ001


def test_times_sort_as_time_does(database: Database) -> None:
    moments = [AT + timedelta(microseconds=step) for step in (0, 1, 999_998, 999_999, 60_000_000)]
    with database.write() as session:
        session.add_all([agency(number, at) for number, at in enumerate(reversed(moments))])
    with database.read() as session:
        assert session.scalars(select(Agency.created_at).order_by(Agency.created_at)).all() == moments
    assert sorted(utc_text(moment) for moment in moments) == [utc_text(moment) for moment in moments]


def test_a_committed_row_survives_kill_9(database: Database) -> None:
    script = (
        "import os, sys; from datetime import UTC, datetime\n"
        "from evidence.database import Database; from evidence.models import Agency\n"
        "database = Database(sys.argv[1])\n"
        "def force(n): return Agency(id=n, name=n, kind='police', created_at=datetime(2026, 1, 1, tzinfo=UTC))\n"
        "with database.write() as session: session.add(force('kept'))\n"
        "with database.write() as session:\n"
        "    session.add(force('lost')); session.flush(); os.kill(os.getpid(), 9)\n"
    )
    url = database.engine.url.render_as_string(hide_password=False)
    assert subprocess.run([sys.executable, "-c", script, url], check=False).returncode == -9
    assert names(database) == ["kept"]


def test_sqlite_waits_for_the_disk_at_every_commit(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path}/db.sqlite3")
    with database.write() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2  # FULL
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
    database.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_any_spelling_of_a_postgresql_url_finds_its_driver(scheme: str) -> None:
    database = Database(f"{scheme}://dockline@localhost/dockline")
    assert database.engine.url.drivername == "postgresql+psycopg"
    assert not database.is_sqlite
    database.close()
