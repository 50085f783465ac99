"""``dockline verify``, ``fsck`` and ``export-log`` as they are typed: exit codes, and words that name the fault."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from custody.entry import Act, ActKind
from custody.keys import FileSigner
from custody.ledger import machine, prepare_log, receipt, record
from custody.sequencer import Sequencer
from custody.signature import ED25519, VerifierKey
from dockline.cli import app
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground

CLIP = b"frames of a street at night" * 500


@dataclass(frozen=True, slots=True)
class Handed:
    """What somebody has who verifies: a file, its proof, a copy of the log, and the key from another source."""

    file: Path
    log: Path
    key: str
    data: Path

    @property
    def proof(self) -> Path:
        return self.file.with_name(f"{self.file.name}.tlog-proof")


@pytest.fixture
def handed(ground: Ground, tmp_path: Path) -> Handed:
    key = prepare_log(ground)
    with ground.database.write() as session:
        entries = [
            record(session, _stored(ground, f"rec_{number}", CLIP if number == 7 else b"%d" % number), ground.clock)
            for number in range(300)
        ]
    Sequencer(ground).run_once()
    given = receipt(ground, entries[7])
    assert given is not None
    there = Handed(tmp_path / "clip.mp4", tmp_path / "log", str(key), ground.settings.data)
    there.file.write_bytes(CLIP)
    there.proof.write_bytes(given.as_file())
    assert run("export-log", there.log, "--data", there.data).exit_code == 0
    return there


def _stored(ground: Ground, recording: str, content: bytes) -> Act:
    on = {"recording": recording, "digest": str(Digest.of(content))}
    return Act(ActKind.STORED, utc_text(ground.clock.now()), machine(ground, "dock", "dok_1"), on)


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def flip(path: Path, at: int = -40) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def failed_steps(result: Result) -> list[int]:
    told = json.loads(result.stdout)
    assert told["holds"] is (result.exit_code == 0)
    return [step["number"] for step in told["steps"] if step["outcome"] == "failed"]


# A file with its proof


def test_a_file_with_its_proof_holds_and_every_step_is_numbered_and_explained(handed: Handed) -> None:
    result = run("verify", handed.file, "--key", handed.key)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    numbers = [line.split(".")[0].strip() for line in lines if line.lstrip()[:1].isdigit()]
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert len(numbers) >= 4
    assert "What was asked holds." in result.output


def test_the_proof_may_lie_elsewhere_and_the_key_in_a_file(handed: Handed, tmp_path: Path) -> None:
    proof, key = handed.proof.rename(tmp_path / "other.proof"), tmp_path / "force.vkey"
    key.write_text(f"{handed.key}\n")
    assert run("verify", handed.file, "--proof", proof, "--key", key).exit_code == 0


def test_one_json_object_tells_the_steps(handed: Handed) -> None:
    result = run("verify", handed.file, "--key", handed.key, "--json")
    told = json.loads(result.stdout)
    assert told["holds"] is True
    assert all(step.keys() == {"number", "title", "outcome", "meaning"} for step in told["steps"])


def test_a_flipped_bit_in_the_file_is_named(handed: Handed) -> None:
    flip(handed.file)
    result = run("verify", handed.file, "--key", handed.key)
    assert result.exit_code == 3
    assert "FAILED" in result.output
    assert "DO NOT RELY ON IT" in result.output
    assert len(failed_steps(run("verify", handed.file, "--key", handed.key, "--json"))) == 1


@pytest.mark.parametrize("line", [1, 3, 5, -2])
def test_a_flipped_bit_in_the_proof_never_passes(handed: Handed, line: int) -> None:
    lines = handed.proof.read_text("utf-8").splitlines(keepends=True)
    place = len(lines[line]) // 2
    letter = "B" if lines[line][place] != "B" else "C"
    lines[line] = lines[line][:place] + letter + lines[line][place + 1 :]
    handed.proof.write_text("".join(lines), "utf-8")
    assert run("verify", handed.file, "--key", handed.key).exit_code in {1, 3}


def test_the_proof_of_another_file_does_not_pass(handed: Handed, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another clip")
    assert run("verify", other, "--proof", handed.proof, "--key", handed.key).exit_code == 3


def test_another_key_of_the_same_name_does_not_pass(handed: Handed) -> None:
    name = VerifierKey.parse(handed.key).name
    forged = VerifierKey(name, ED25519, FileSigner.generate().public_key)
    result = run("verify", handed.file, "--key", forged, "--json")
    assert result.exit_code == 3
    assert [step["title"] for step in json.loads(result.stdout)["steps"] if step["outcome"] == "failed"] == [
        "Check who signed the checkpoint"
    ]


@pytest.mark.parametrize("missing", ["key", "proof", "file", "whole key"])
def test_what_is_missing_is_said_with_what_to_do(handed: Handed, missing: str) -> None:
    words: list[object] = ["verify", handed.file, "--key", handed.key]
    if missing == "key":
        words = words[:2]
    elif missing == "proof":
        handed.proof.unlink()
    elif missing == "file":
        handed.file.unlink()
    else:
        words[3] = handed.key[:-5]
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert "What to do: " in result.output


# A folder that holds a log


def test_an_exported_log_holds(handed: Handed) -> None:
    assert (handed.log / "log.vkey").read_text() == f"{handed.key}\n"
    result = run("verify", handed.log, "--key", handed.log / "log.vkey")
    assert result.exit_code == 0, result.output
    assert "301" in result.output


SPOILT: dict[str, Callable[[Path], object]] = {
    "a bit of an entry": lambda log: flip(log / "tile/entries/000", 400),
    "a bit of a tile": lambda log: flip(log / "tile/0/000"),
    "a bit of a partial tile": lambda log: flip(log / "tile/0/001.p/45"),
    "a bit of an upper tile": lambda log: flip(log / "tile/1/000.p/1", 3),
    "a bit of the checkpoint's root": lambda log: _spoil_root(log / "checkpoint"),
    "a lost bundle": lambda log: (log / "tile/entries/000").unlink(),
    "a lost tile": lambda log: (log / "tile/0/000").unlink(),
    "a lost checkpoint": lambda log: (log / "checkpoint").unlink(),
    "a bundle cut short": lambda log: (log / "tile/entries/001.p/45").write_bytes(
        (log / "tile/entries/001.p/45").read_bytes()[:-1]
    ),
    "two exchanged bundles": lambda log: shutil.copyfile(log / "tile/entries/000", log / "tile/entries/001.p/45"),
}


def _spoil_root(checkpoint: Path) -> None:
    lines = checkpoint.read_text("utf-8").split("\n")
    lines[2] = ("B" if lines[2][0] != "B" else "C") + lines[2][1:]
    checkpoint.write_text("\n".join(lines), "utf-8")


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_log_does_not_pass(handed: Handed, what: str) -> None:
    SPOILT[what](handed.log)
    result = run("verify", handed.log, "--key", handed.key, "--json")
    assert result.exit_code == 3, result.output
    assert failed_steps(result)


def test_an_exported_log_under_another_key_does_not_pass(handed: Handed) -> None:
    name = VerifierKey.parse(handed.key).name
    forged = VerifierKey(name, ED25519, FileSigner.generate().public_key)
    assert run("verify", handed.log, "--key", forged).exit_code == 3


def test_a_log_that_has_published_nothing_is_not_exported(ground: Ground, tmp_path: Path) -> None:
    prepare_log(ground)
    result = run("export-log", tmp_path / "log", "--data", ground.settings.data)
    assert result.exit_code == 1
    assert "has not published anything yet" in result.output


# An installation


def test_a_check_of_an_installation_names_what_disagrees(handed: Handed) -> None:
    tile = handed.data / "store" / "objects" / "log" / "tile" / "0" / "000"
    tile.chmod(0o600)
    flip(tile)
    result = run("fsck", "--data", handed.data, "--json")
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["well"] is False
    assert any("tile" in finding["what"] and "tile/0/000" in finding["words"] for finding in told["findings"])
    plain = run("fsck", "--data", handed.data)
    assert plain.exit_code == 3
    assert "things are wrong." in plain.output


def test_a_check_of_an_installation_that_agrees_says_so(ground: Ground) -> None:
    prepare_log(ground)
    Sequencer(ground).run_once()
    result = run("fsck", "--data", ground.settings.data)
    assert result.exit_code == 0, result.output
    assert "Store, tables and ledger agree." in result.output
