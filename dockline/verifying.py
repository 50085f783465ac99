"""``dockline verify``, ``fsck`` and ``export-log``: reading files and showing what :mod:`custody` finds in them."""

import hashlib
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn

from custody.audit import verify_log
from custody.fsck import Severity, check
from custody.ledger import log_key, newest_checkpoint
from custody.logfiles import LogFiles
from custody.policy import Policy
from custody.proof import SUFFIX, TlogProof
from custody.report import Outcome, Report
from custody.tile import (
    TileMissing,
    bundles_of_growth,
    pack_entries,
    parse_path,
    read_bundle,
    read_tile,
    tiles_of_growth,
)
from custody.verify import verify_file
from dockline.console import Console
from dockline.installation import open_installation
from evidence.digest import Digest
from evidence.errors import BadInput, NotFound

_MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.NOT_REACHED: "not reached", Outcome.OPEN: "open"}
_PIECE = 4 * 1024 * 1024


def verify_path(what: Path, proof: Path | None, keys: list[str], console: Console) -> int:
    """Verify a file with its proof, or a folder that holds a log; 3 when a step fails."""
    policy = read_policy(keys)
    if what.is_dir():
        report = _folder(what, policy, console)
    elif what.is_file():
        report = _file(what, proof or what.with_name(what.name + SUFFIX), policy)
    else:
        raise NotFound(f"there is nothing at {what}", advice="Name a file that has a proof, or a folder with a log.")
    show(report, console)
    return 0 if report.holds else 3


def read_policy(keys: list[str]) -> Policy:
    """The keys to trust: public keys (vkeys), files that hold one, or a tlog-policy file. Raises :class:`BadInput`."""
    if not keys:
        raise BadInput(
            "no key to trust was given",
            advice="Give --key with the ledger's public key, from a source you trust, not from whoever sent the file.",
        )
    texts = [Path(key).read_text(encoding="utf-8") if Path(key).is_file() else key for key in keys]
    if len(texts) == 1 and any(line.startswith(("log ", "quorum ")) for line in texts[0].splitlines()):
        return Policy.parse(texts[0].encode())
    logs = "".join(f"log {text.strip()}\n" for text in texts)
    return Policy.parse(f"{logs}quorum none\n".encode())


def show(report: Report, console: Console) -> None:
    """Print a report, step by step."""
    if console.as_json:
        console.result(report.value())
        return
    console.say(f"Verifying {report.of}:")
    for step in report.steps:
        console.say(f"{step.number:3}. {step.title}: {_MARKS[step.outcome]}")
        console.say(f"     {step.meaning}")
    if report.holds:
        console.say("What was asked holds. Questions marked open are not answered by what was handed in.")
    else:
        numbers = ", ".join(str(step.number) for step in report.failed)
        console.say(f"DO NOT RELY ON IT: step {numbers} failed.")


def check_installation(data: Path, rate: int, console: Console) -> int:
    """Run the check of a whole installation; 3 when something is wrong."""
    ground = open_installation(data)
    with Progress(TextColumn("{task.description}"), console=console.rich, transient=True) as progress:
        task = progress.add_task("checking the ledger")
        findings = list(check(ground, rate=rate, progress=lambda what, _: progress.update(task, description=what)))
    ground.database.close()
    wrong = [finding for finding in findings if finding.severity is Severity.WRONG]
    if console.as_json:
        rows = [{"severity": str(row.severity), "what": row.what, "words": row.words} for row in findings]
        console.result({"well": not wrong, "findings": rows})
    else:
        for finding in findings:
            console.say(f"{finding.severity}: {finding.what}: {finding.words}")
        console.say(f"{len(wrong)} things are wrong." if wrong else "Store, tables and ledger agree.")
    return 3 if wrong else 0


def export(data: Path, to: Path, console: Console) -> int:
    """Write checkpoint, tiles and entry bundles as files, with the public key beside them."""
    ground = open_installation(data)
    files = LogFiles(ground.objects)
    with ground.database.read() as session:
        newest = newest_checkpoint(session)
    if newest is None:
        raise NotFound("the ledger has not published anything yet", advice="Start it with: dockline up")
    for tile in tiles_of_growth(0, newest.size):
        _write(to / tile.path, read_tile(tile, files.read))
    for bundle in bundles_of_growth(0, newest.size):
        _write(to / bundle.path, pack_entries(read_bundle(bundle, files.read)))
    _write(to / "checkpoint", newest.note.encode())
    _write(to / "log.vkey", f"{log_key(ground)}\n".encode())
    ground.database.close()
    console.say(f"{newest.size} entries written to {to}. Check them with: dockline verify {to} --key {to / 'log.vkey'}")
    console.say("Whoever checks should have the key from another source than this folder.")
    return 0


def _file(what: Path, proof: Path, policy: Policy) -> Report:
    if not proof.is_file():
        raise NotFound(f"there is no proof at {proof}", advice="Download it from the exhibit's continuity, or name it.")
    data = proof.read_bytes()
    entry = TlogProof.parse(data).extra
    if entry is None:
        raise BadInput(
            f"{proof} does not carry the ledger entry that it proves",
            advice="Download the proof from the exhibit's continuity: that one carries it.",
        )
    return verify_file(_digest(what), entry, data, policy)


def _digest(what: Path) -> Digest:
    running = hashlib.sha256()
    with what.open("rb") as file:
        while piece := file.read(_PIECE):
            running.update(piece)
    return Digest(running.digest())


def _folder(what: Path, policy: Policy, console: Console) -> Report:
    def read(path: str) -> bytes:
        if path != "checkpoint":
            parse_path(path)  # nothing but the log's own paths is ever opened
        try:
            return (what / path).read_bytes()
        except FileNotFoundError as wrong:
            raise TileMissing(f"the log has no file {path}") from wrong

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console.rich, transient=True) as progress:
        task = progress.add_task("reading entries", total=None)
        return verify_log(read, policy, progress=lambda done: progress.update(task, completed=done))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
