"""What a dock says is on a camera is taken whole, once, and with a note where it is odd."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from custody.entry import Act
from evidence.ground import Ground
from evidence.models import DockedFile, Docking, LedgerEntry, PersonalValue, Upload
from ingest import refusals, upload
from ingest.docking import Announced, Announcement, Listed, announce
from ingest.refusals import DockRefused
from tests.ingest.docks import enrolled

AT = datetime(2026, 11, 22, 22, 9, tzinfo=UTC)
CLIP = Listed("DCIM/0001.mp4", 1_000, "clip", AT - timedelta(hours=3))
SAID = Announcement("BWC-00412", "4711", "", AT, None, (CLIP,))


def docked(ground: Ground) -> list[Act]:
    with ground.database.read() as session:
        return [Act.parse(act) for act in session.scalars(select(LedgerEntry.act).filter_by(kind="docked"))]


def row_of(ground: Ground, said: Announced, name: str = CLIP.name) -> DockedFile:
    with ground.database.read() as session:
        return session.get_one(DockedFile, said.files[name].id)


def test_an_announcement_lists_every_file_as_expected(ground: Ground) -> None:
    _, dock = enrolled(ground)
    said = announce(ground, dock, SAID)
    assert said.files[CLIP.name].state == "expected"
    row = row_of(ground, said)
    assert (row.docking_id, row.size, row.kind, row.note) == (said.docking, 1_000, "clip", "")


def test_the_ledger_hears_once_that_the_camera_was_docked_and_by_whom_only_as_a_commitment(ground: Ground) -> None:
    _, dock = enrolled(ground)
    for _ in range(3):
        announce(ground, dock, SAID)
    (act,) = docked(ground)
    assert act.subject == f"dock:{dock.id}"
    assert act.on["camera"] == "BWC-00412"
    with ground.database.read() as session:
        assert session.get_one(PersonalValue, act.using["officer"]).value == "4711"
    assert b"4711" not in act.canonical().replace(b"salted", b"")


def test_the_same_announcement_again_changes_nothing(ground: Ground) -> None:
    _, dock = enrolled(ground)
    assert announce(ground, dock, SAID) == announce(ground, dock, SAID)


def test_more_files_join_the_same_docking(ground: Ground) -> None:
    _, dock = enrolled(ground)
    first = announce(ground, dock, SAID)
    both = announce(ground, dock, replace(SAID, files=(CLIP, replace(CLIP, name="DCIM/0002.mp4"))))
    assert both.docking == first.docking
    assert both.files[CLIP.name] == first.files[CLIP.name]
    assert len(both.files) == 2


def test_another_camera_another_time_and_another_dock_are_other_dockings(ground: Ground) -> None:
    (_, dock), (_, other) = enrolled(ground), enrolled(ground)
    later = replace(SAID, docked_at=AT + timedelta(hours=8))
    found = {
        announce(ground, dock, SAID).docking,
        announce(ground, dock, replace(SAID, camera="BWC-00413")).docking,
        announce(ground, dock, later).docking,
        announce(ground, other, SAID).docking,
    }
    assert len(found) == 4


def test_a_reference_is_added_and_never_taken_away_or_replaced(ground: Ground) -> None:
    _, dock = enrolled(ground)
    announce(ground, dock, SAID)
    said = announce(ground, dock, replace(SAID, reference="21AB1234525"))
    assert row_of(ground, said).reference == "21AB1234525"
    announce(ground, dock, SAID)
    announce(ground, dock, replace(SAID, reference="99ZZ9999999"))
    assert row_of(ground, said).reference == "21AB1234525"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"modified_at": datetime(1970, 1, 1, tzinfo=UTC)}, "1970"),
        ({"modified_at": AT + timedelta(days=400)}, "ahead"),
        ({"size": 0}, "empty"),
    ],
)
def test_what_is_odd_about_a_file_is_noted_and_never_a_reason_to_refuse_it(ground: Ground, change, word: str) -> None:
    _, dock = enrolled(ground)
    said = announce(ground, dock, replace(SAID, files=(replace(CLIP, **change),)))
    assert word in row_of(ground, said).note
    assert said.files[CLIP.name].state == "expected"


def test_an_officer_nobody_knows_and_a_camera_without_a_number_are_welcome(ground: Ground) -> None:
    _, dock = enrolled(ground)
    said = announce(ground, dock, replace(SAID, camera="", officer="9999"))
    assert said.files[CLIP.name].state == "expected"
    assert docked(ground)[0].on["camera"] == "unknown"


@pytest.mark.parametrize("off", [timedelta(days=900), -timedelta(days=20_000)])
def test_a_dock_s_clock_that_is_wrong_is_in_the_ledger(ground: Ground, off: timedelta) -> None:
    _, dock = enrolled(ground)
    announce(ground, dock, replace(SAID, docked_at=AT + off))
    assert "differ by" in docked(ground)[0].using["note"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\u202eb.mp4", "x" * 401, ""])
def test_a_name_that_travels_is_refused_with_all_that_came_with_it(ground: Ground, name: str) -> None:
    _, dock = enrolled(ground)
    with pytest.raises(DockRefused) as caught:
        announce(ground, dock, replace(SAID, files=(CLIP, replace(CLIP, name=name))))
    assert caught.value.refusal is refusals.NAME_TRAVELS
    with ground.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Docking)) == 0


def test_a_name_that_is_listed_twice_is_refused(ground: Ground) -> None:
    _, dock = enrolled(ground)
    with pytest.raises(DockRefused, match="twice"):
        announce(ground, dock, replace(SAID, files=(CLIP, CLIP)))


@pytest.mark.parametrize("size", [1_000, 0])
@pytest.mark.parametrize("change", [{"size": 2_000}, {"modified_at": AT}])
def test_a_file_that_the_camera_was_still_writing_is_begun_anew(ground: Ground, change, size: int) -> None:
    _, dock = enrolled(ground)
    file = announce(ground, dock, replace(SAID, files=(replace(CLIP, size=size),))).files[CLIP.name].id
    first = upload.begin(ground, dock, file, size, {})
    grown = replace(CLIP, **change)
    announce(ground, dock, replace(SAID, files=(grown,)))
    again = upload.begin(ground, dock, file, grown.size, {})
    assert again.id != first.id
    with ground.database.read() as session:
        assert session.get_one(Upload, first.id).state == "abandoned"


def test_an_upload_on_its_way_is_left_alone_when_nothing_has_changed(ground: Ground) -> None:
    _, dock = enrolled(ground)
    file = announce(ground, dock, SAID).files[CLIP.name].id
    first = upload.begin(ground, dock, file, CLIP.size, {})
    assert announce(ground, dock, SAID).files[CLIP.name].state == "uploading"
    assert upload.begin(ground, dock, file, CLIP.size, {}).id == first.id


def test_what_is_stored_is_not_unsaid_by_another_announcement(ground: Ground) -> None:
    _, dock = enrolled(ground)
    said = announce(ground, dock, SAID)
    with ground.database.write() as session:
        row = session.get_one(DockedFile, said.files[CLIP.name].id)
        row.state, row.recording_id = "stored", "rec_" + "0" * 32
    again = announce(ground, dock, replace(SAID, files=(replace(CLIP, size=5),)))
    assert again.files[CLIP.name].state == "stored"
    assert row_of(ground, again).size == 1_000
