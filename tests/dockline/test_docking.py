"""``dockline dock`` as a person and a script meet it: words, one JSON object, an exit code that can be relied on."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console as RichConsole

from dockline.console import Console
from dockline.docking import run
from dockline.docking_screen import Bars, Lines, screen_for, summary_lines
from evidence.errors import DocklineError
from evidence.onetime import NotACode, new_code
from ingest.agent import Result
from ingest.camera import CameraGone, Found, Left
from ingest.line import NotLetIn
from tests.ingest.fake_server import FakeServer


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "BWC-7"
    folder.mkdir()
    (folder / "0001.mp4").write_bytes(os.urandom(5_000))
    return folder


def dock(fake: FakeServer, card: Path, tmp_path: Path, **more) -> int:
    given = {
        "watch": card, "server": fake.url, "enrol": new_code(), "state": tmp_path / "state", "camera": "",
        "officer": "", "reference": "", "once": True, "as_json": False, **more,
    }  # fmt: skip
    return run(**given)


def test_with_once_and_json_one_object_says_what_is_safe(fake, card, tmp_path, capsys) -> None:
    (card / "notes.xyz").write_bytes(b"?")
    assert dock(fake, card, tmp_path, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["safe"], told["reasons"], told["server"]) == (True, [], fake.url)
    (file,) = told["files"]
    assert file["safe_to_wipe"]
    assert {"name", "size", "digest", "state", "recording", "safe_to_wipe", "seconds", "words"} == file.keys()
    assert told["left"] == [{"name": "notes.xyz", "why": "is of a kind that is not known here"}]


def test_in_words_the_last_line_says_that_all_is_safe(fake, card, tmp_path, capsys) -> None:
    assert dock(fake, card, tmp_path) == 0
    out = capsys.readouterr().out
    assert "Enrolled with Example Police" in out
    assert "The file is safe to wipe: it has a receipt that was verified here." in out


def test_what_is_not_safe_ends_with_1_and_a_reason(fake, card, tmp_path, capsys) -> None:
    fake.outcome["0001.mp4"] = "quarantined"
    assert dock(fake, card, tmp_path) == 1
    out = capsys.readouterr().out
    assert "NOT SAFE  0001.mp4: set aside: do not wipe. It is quarantined." in out
    assert "Do not wipe the camera" in out


def test_a_revoked_dock_ends_with_1_and_lists_every_file_as_not_safe(fake, card, tmp_path, capsys) -> None:
    fake.instead["announce"] = [(403, {"code": "dock-revoked", "detail": "This dock was revoked.", "advice": "Ask."})]
    assert dock(fake, card, tmp_path, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert [file["safe_to_wipe"] for file in told["files"]] == [False]
    assert "This dock was revoked. Ask." in told["reasons"]


def test_after_enrolment_neither_server_nor_code_is_needed(fake, card, tmp_path) -> None:
    dock(fake, card, tmp_path)
    assert dock(fake, card, tmp_path, server="", enrol="") == 0
    assert fake.calls.count("enrol") == 1


def test_a_code_for_a_dock_that_is_enrolled_is_not_used_up(fake, card, tmp_path, capsys) -> None:
    dock(fake, card, tmp_path)
    dock(fake, card, tmp_path)
    assert "enrolled already" in capsys.readouterr().out
    assert fake.calls.count("enrol") == 1


@pytest.mark.parametrize("given", [{"enrol": ""}, {"server": ""}])
def test_a_dock_that_is_not_enrolled_is_told_how(fake, card, tmp_path, given) -> None:
    with pytest.raises(NotLetIn) as caught:
        dock(fake, card, tmp_path, **given)
    assert "--enrol" in caught.value.advice


def test_a_code_that_cannot_be_one_is_not_even_sent(fake, card, tmp_path) -> None:
    with pytest.raises(NotACode):
        dock(fake, card, tmp_path, enrol="12345")
    assert fake.calls == []


def test_a_folder_that_is_not_there_is_named(fake, tmp_path) -> None:
    with pytest.raises(CameraGone, match="nothing-here"):
        dock(fake, tmp_path / "nothing-here", tmp_path)


def test_an_empty_camera_is_no_failure(fake, tmp_path, capsys) -> None:
    (tmp_path / "empty").mkdir()
    assert dock(fake, tmp_path / "empty", tmp_path) == 0
    assert "nothing to bring in" in capsys.readouterr().out


def test_a_server_that_has_moved_is_followed_and_the_ledger_s_key_stays(fake, card, tmp_path) -> None:
    dock(fake, card, tmp_path)
    identity = tmp_path / "state/identity.json"
    key = json.loads(identity.read_text())["log_vkey"]
    dock(fake, card, tmp_path, server=fake.url.replace("127.0.0.1", "localhost"), enrol="")
    told = json.loads(identity.read_text())
    assert (told["server"], told["log_vkey"]) == (fake.url.replace("127.0.0.1", "localhost"), key)


def test_another_ledger_behind_the_same_address_makes_nothing_safe(fake, card, tmp_path, capsys) -> None:
    dock(fake, card, tmp_path)
    (card / "0002.mp4").write_bytes(b"more footage")
    other = FakeServer()
    other.dock, other.public_key = fake.dock, fake.public_key
    assert dock(fake, card, tmp_path, server=other.url, enrol="") == 1
    assert "receipt does not hold" in capsys.readouterr().out
    other.close()


# The screen

FILE = Found(b"0001.mp4", "0001.mp4", 5_000, 1, "clip")


def test_a_pipe_gets_lines_and_a_terminal_gets_bars() -> None:
    assert isinstance(screen_for(Console()), Lines)
    console = Console()
    console.rich = RichConsole(file=io.StringIO(), force_terminal=True)
    assert isinstance(screen_for(console), Bars)


def test_bars_show_bytes_and_words_for_each_file() -> None:
    console = RichConsole(file=io.StringIO(), force_terminal=True, width=160)
    with Bars(console) as bars:
        bars.found([FILE, Found(b"x", "[bold]x.mp4", 10, 1, "clip")], [Left("pipe", "is not a file")])
        bars.sent(FILE.name, 2_500)
        bars.told(FILE.name, "waiting", "No room [yet].")
        bars.told("", "waiting", "The server does not answer.")
        bars.told(FILE.name, "safe")
        bars.summary([Result(FILE.name, 5_000, "safe")], [], "")
    shown = console.file.getvalue()
    assert "safe to wipe" in shown
    assert "[bold]x.mp4" in shown
    assert "5.0/5.0" in shown or "4.9/4.9" in shown
    assert "pipe is not brought in" in shown


def test_lines_tell_a_thing_once_however_often_it_is_tried(capsys) -> None:
    lines = Lines(Console())
    for _ in range(5):
        lines.told("a.mp4", "waiting", "The server does not answer.")
    assert capsys.readouterr().out.count("does not answer") == 1


def test_the_summary_never_says_all_when_one_is_missing() -> None:
    told = summary_lines([Result("a", 1, "safe"), Result("b", 1, "stored", words="No receipt.")], [Left("c", "x")], "")
    assert told[0] == "NOT SAFE  b: stored, waiting for the receipt. No receipt."
    assert "All 2 files" in summary_lines([Result("a", 1, "safe"), Result("b", 1, "safe")], [], "")[0]
    assert "1 of 2" in told[1]
    assert "1 file on the camera was not brought in" in told[2]


def test_every_refusal_to_begin_is_an_error_with_advice() -> None:
    assert all(issubclass(kind, DocklineError) for kind in (NotLetIn, CameraGone, NotACode))
