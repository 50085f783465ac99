"""An exported log, read by a program in another language on a library of others: Go's x/mod/sumdb, from Debian."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from custody.ledger import prepare_log, receipt
from custody.sequencer import Sequencer
from dockline.console import Console
from dockline.verifying import export
from evidence.ground import Ground
from tests.custody.test_ledger import fill

LIBRARY = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog")
SOURCE = Path(__file__).parent / "go" / "readlog.go"

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not LIBRARY.is_dir(),
    reason="Go and x/mod are not here: apt-get install golang-go golang-golang-x-mod-dev",
)


@pytest.fixture(scope="session")
def readlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    there = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    command = ["go", "build", "-o", str(folder / "readlog"), str(SOURCE)]
    subprocess.run(command, check=True, env={**os.environ, **there}, cwd=folder)
    return folder / "readlog"


@pytest.fixture
def exported(ground: Ground, tmp_path: Path) -> tuple[Path, str]:
    """A log that grew in several steps, the first partial tiles of which were tidied away; and a proof beside it."""
    key = prepare_log(ground)
    sequencer, entries = Sequencer(ground), []
    for count in (99, 250, 200, 60):
        entries += fill(ground, count)
        sequencer.run_once()
    given = receipt(ground, entries[300])
    assert given is not None
    (tmp_path / "clip.tlog-proof").write_bytes(given.as_file())
    export(ground.settings.data, tmp_path / "log", Console())
    return tmp_path / "log", str(key)


def read(readlog: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([readlog, *map(str, words)], capture_output=True, text=True, check=False)


def test_go_accepts_our_checkpoint_tiles_entries_and_proof_file(exported: tuple[Path, str], readlog: Path) -> None:
    log, key = exported
    proof = log.with_name("clip.tlog-proof")
    done = read(readlog, log, key, 0, 1, 255, 256, 511, 512, 609, proof)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("610 entries, signed by ")


@pytest.mark.parametrize("file", ["checkpoint", "tile/0/000", "tile/0/002.p/98", "tile/entries/001", "tile/1/000.p/2"])
def test_go_refuses_what_was_tampered_with(exported: tuple[Path, str], readlog: Path, file: str) -> None:
    log, key = exported
    data = bytearray((log / file).read_bytes())
    data[45] ^= 1
    (log / file).write_bytes(data)
    assert read(readlog, log, key, 0, 256, 600).returncode == 1
