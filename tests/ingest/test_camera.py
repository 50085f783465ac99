"""A camera's folder is read to its last file and never left, whatever lies in it."""

import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.camera import CLIPS, MAX_DEPTH, CameraGone, FileChanged, Found, Look, Settling, look, opened, require_same
from ingest.camera_facts import camera_time, facts_of
from ingest.names import checked_name


def write(folder: Path, name: str | bytes, data: bytes = b"footage", mtime: float | None = None) -> None:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))


def names(seen: Look) -> dict[str, str]:
    return {file.name: file.kind for file in seen.files}


def why(seen: Look) -> dict[str, str]:
    return {one.name: one.why for one in seen.left}


def only(folder: Path) -> Found:
    (file,) = look(folder).files
    return file


# Finding


@pytest.mark.parametrize("ending", sorted(CLIPS))
def test_a_clip_is_known_by_its_ending_in_any_case(tmp_path: Path, ending: str) -> None:
    write(tmp_path, f"DCIM/100/A.{ending.upper()}")
    assert names(look(tmp_path)) == {f"DCIM/100/A.{ending.upper()}": "clip"}


@pytest.mark.parametrize(
    "name", ["a.gpx", "a.nmea", "a.json", "a.csv", "a.vtt", "a.srt", "a.key", "a.txt", "a.jpg", "bookmark_1_2"]
)
def test_what_lies_beside_a_clip_comes_too(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    assert names(look(tmp_path)) == {name: "sidecar"}


def test_what_is_not_brought_in_is_told_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, "clip.mp4.part")
    write(tmp_path, "noending")
    os.mkfifo(tmp_path / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(".", os.O_RDONLY)
        os.chdir(tmp_path)
        server.bind("socket.mp4")
        os.fchdir(here)
        os.close(here)
        seen = look(tmp_path)
    assert seen.files == ()
    assert set(why(seen)) == {"clip.mp4.part", "noending", "pipe.mp4", "socket.mp4"}
    assert "not a file" in why(seen)["pipe.mp4"]


def test_what_systems_leave_on_a_card_is_no_evidence(tmp_path: Path) -> None:
    for name in ("System Volume Information/x.json", ".Trashes/1.mp4", "$RECYCLE.BIN/2.mp4", "._clip.mp4"):
        write(tmp_path, name)
    assert look(tmp_path) == Look()


def test_a_link_is_never_followed_neither_to_a_file_nor_to_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "outside/secret.mp4", b"secret")
    card = tmp_path / "card"
    card.mkdir()
    (card / "file.mp4").symlink_to(tmp_path / "outside/secret.mp4")
    (card / "folder").symlink_to(tmp_path / "outside")
    (card / "loop").symlink_to(card)
    seen = look(card)
    assert seen.files == ()
    assert all("not followed" in words for words in why(seen).values())
    assert len(seen.left) == 3


def test_a_link_that_takes_a_file_s_place_after_it_was_found_is_not_opened(tmp_path: Path) -> None:
    write(tmp_path, "outside/a.mp4")
    write(tmp_path, "card/sub/a.mp4")
    file = only(tmp_path / "card")
    (tmp_path / "card/sub/a.mp4").unlink()
    (tmp_path / "card/sub").rmdir()
    (tmp_path / "card/sub").symlink_to(tmp_path / "outside")
    with pytest.raises(CameraGone), opened(tmp_path / "card", file):
        pass


def test_a_pipe_that_takes_a_file_s_place_makes_nobody_wait(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4")
    file = only(tmp_path)
    (tmp_path / "a.mp4").unlink()
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(FileChanged), opened(tmp_path, file):
        pass


def test_names_that_are_not_text_are_found_opened_and_labelled(tmp_path: Path) -> None:
    raw = [b"caf\xe9.mp4", b"new\nline.mp4", b"\xff\xfe/\x80.mp4", "a\u202eb.mp4".encode(), b"back\\slash.mp4"]
    for name in raw:
        write(tmp_path, name, name)
    seen = look(tmp_path)
    assert {file.path for file in seen.files} == set(raw)
    assert {checked_name(file.name) for file in seen.files} >= {
        "caf\\xe9.mp4",
        "new\\u000aline.mp4",
        "back\\\\slash.mp4",
    }
    for file in seen.files:
        with opened(tmp_path, file) as descriptor:
            assert os.read(descriptor, 100) == file.path


def test_folders_without_end_end(tmp_path: Path) -> None:
    write(tmp_path, "/".join("d" * 1 for _ in range(MAX_DEPTH + 3)) + "/a.mp4")
    seen = look(tmp_path)
    assert seen.files == ()
    assert "deep" in next(iter(why(seen).values()))


def test_a_folder_that_is_not_there_is_a_camera_that_is_not_docked(tmp_path: Path) -> None:
    assert not look(tmp_path / "nothing").is_there
    assert look(tmp_path).is_there


def test_an_empty_file_is_found_like_any_other(tmp_path: Path) -> None:
    write(tmp_path, "empty.mp4", b"")
    assert only(tmp_path).size == 0


# Waiting


def test_a_file_is_settled_when_two_looks_apart_show_the_same(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4", mtime=1_000)
    settling = Settling(0.3)
    assert settling.settled(look(tmp_path), 10.0) == ()
    assert settling.settled(look(tmp_path), 10.2) == ()
    assert settling.settled(look(tmp_path), 10.5) == look(tmp_path).files


def test_a_file_that_grows_is_waited_for_while_its_neighbours_go_on(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4")
    write(tmp_path, "b.mp4")
    settling = Settling(0.3)
    for at in (1.0, 2.0, 3.0):
        with (tmp_path / "b.mp4").open("ab") as file:
            file.write(b"more")
        settled = settling.settled(look(tmp_path), at)
    assert [file.name for file in settled] == ["a.mp4"]
    assert len(settling.settled(look(tmp_path), 3.5)) == 2


def test_a_file_that_went_and_came_back_is_waited_for_anew(tmp_path: Path) -> None:
    write(tmp_path, "a.mp4")
    settling, seen = Settling(0.3), look(tmp_path)
    settling.settled(seen, 1.0)
    settling.settled(Look(), 2.0)
    assert settling.settled(seen, 3.0) == ()


@pytest.mark.parametrize("change", ["grows", "is touched", "is replaced"])
def test_a_change_while_a_file_is_read_is_noticed(tmp_path: Path, change: str) -> None:
    write(tmp_path, "a.mp4", mtime=1_000)
    file = only(tmp_path)
    with opened(tmp_path, file) as descriptor:
        require_same(descriptor, file)
        if change == "grows":
            write(tmp_path, "a.mp4", b"footage and more")
        else:
            os.utime(tmp_path / "a.mp4", (2_000, 2_000))
        with pytest.raises(FileChanged):
            require_same(descriptor, file)


# What the camera says


def found(name: str, mtime_ns: int = 1_700_000_000_000_000_000) -> Found:
    return Found(name.encode(), name, 1, mtime_ns, "clip")


@pytest.mark.parametrize(
    "name",
    ["20261122_190431.mp4", "2026-11-22_19-04-31.mp4", "2026_1122_190431_001A.MP4", "20261122T190431Z_ab12.mkv",
     "DVR01_4711_20261122190431_0001.mp4", "VID-2026.11.22 19.04.31.mov", "DCIM/REC20261122190431.avi"],
)  # fmt: skip
def test_a_clip_s_name_tells_when_it_began(name: str) -> None:
    assert camera_time(found(name)) == "2026-11-22T19:04:31.000000Z"


@pytest.mark.parametrize("name", ["0001.mp4", "20261345_999999.mp4", "12345678901234567890.mp4", "20260231_120000.mp4"])
def test_without_a_time_in_the_name_the_directory_s_is_taken(name: str) -> None:
    assert camera_time(found(name)) == "2023-11-14T22:13:20.000000Z"


def test_a_clock_at_1970_or_in_the_future_is_taken_down_as_it_is() -> None:
    assert camera_time(found("a.mp4", 0)) == "1970-01-01T00:00:00.000000Z"
    assert camera_time(found("20991231_235959.mp4")) == "2099-12-31T23:59:59.000000Z"


@given(st.integers(-(2**63), 2**63 - 1), st.binary(min_size=1, max_size=60).filter(lambda raw: b"\0" not in raw))
def test_no_time_and_no_name_is_too_odd(mtime_ns: int, raw: bytes) -> None:
    told = camera_time(Found(raw, "x", 1, mtime_ns, "clip"))
    assert told is None or len(told) == 27


def test_a_camera_tells_its_number_its_officer_and_its_clock_in_a_file(tmp_path: Path) -> None:
    write(
        tmp_path, "camera.json", json.dumps({"serial": "BWC-00412", "officer": 4711, "clock_offset_ms": -1200}).encode()
    )
    facts = facts_of(tmp_path, look(tmp_path).files)
    assert (facts.serial, facts.officer, facts.clock_offset_ms) == ("BWC-00412", "4711", -1200)


def test_what_was_given_by_hand_wins_over_what_the_camera_says(tmp_path: Path) -> None:
    write(tmp_path, "camera.json", b'{"serial": "BWC-00412", "officer": "4711"}')
    facts = facts_of(tmp_path, look(tmp_path).files, serial="X1", officer="22")
    assert (facts.serial, facts.officer) == ("X1", "22")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 60_000, b'{"serial": ["a"], "clock_offset_ms": true}', b"x" * 70_000],
)
def test_a_camera_file_that_cannot_be_read_tells_nothing_and_stops_nothing(tmp_path: Path, data: bytes) -> None:
    write(tmp_path / "card", "camera.json", data)
    facts = facts_of(tmp_path / "card", look(tmp_path / "card").files)
    assert (facts.serial, facts.officer, facts.clock_offset_ms) == ("", "", None)


def test_names_of_known_makes_tell_number_and_officer_when_all_agree(tmp_path: Path) -> None:
    write(tmp_path / "card", "4711_B8A44F01_20261122T190400Z/20261122T190431Z_1.mkv")
    facts = facts_of(tmp_path / "card", look(tmp_path / "card").files)
    assert (facts.serial, facts.officer) == ("B8A44F01", "4711")
    write(tmp_path / "card", "4712_B8A44F02_20261122T190400Z/20261122T190431Z_1.mkv")
    assert facts_of(tmp_path / "card", look(tmp_path / "card").files).serial == ""
    write(tmp_path / "gat", "DVR01_4711_20261122190431_0001.mp4")
    assert facts_of(tmp_path / "gat", look(tmp_path / "gat").files).officer == "4711"


def test_the_folder_s_own_name_is_the_number_when_it_looks_like_one(tmp_path: Path) -> None:
    for name, serial in (("BWC-00412", "BWC-00412"), ("camera", ""), ("USB DISK", "")):
        (tmp_path / name).mkdir()
        assert facts_of(tmp_path / name, ()).serial == serial


def test_what_hides_something_in_a_number_is_left_out(tmp_path: Path) -> None:
    assert facts_of(tmp_path, (), serial="BWC\u202e-1\n").serial == "BWC -1"
    assert len(facts_of(tmp_path, (), serial="x" * 500).serial) == 120
