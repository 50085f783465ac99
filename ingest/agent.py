"""The dock's own program: announces a camera's files, brings several in at a time, and says which are safe.

A *docking* is what was found on a camera at one time and is not safe yet. It is written down before it is announced, so
a dock that loses power goes on with the same one; files that appear later, when all is done, are another docking. A
file that is safe is not sent again. That it is still the same file is known by inode and change time, which no program
can set; where a file system keeps neither, the file is read again and its digest compared.
"""

import os
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from evidence.clock import Clock, utc_text
from evidence.errors import DocklineError
from ingest.agent_state import DockingRecord, DockState, FileRecord, FileState, Identity
from ingest.camera import CameraGone, FileChanged, Found, opened
from ingest.camera_facts import CameraFacts, facts_of, modified_at
from ingest.delivery import AnnounceAgain, Delivery, digest_of
from ingest.line import Line, LineError, Listing, NotLetIn, SentAway
from ingest.progress import GaveUp, Patience, Progress, Quiet, Tries
from ingest.sender import Reading, Stopped

STREAMS = 2  # files that are sent at once
_PROVERS = 4  # receipts that are waited for at once
_BATCH = 1_000  # files of one announcement


@dataclass(frozen=True, slots=True)
class Options:
    """What a person told the dock, which wins over what the camera says of itself."""

    camera: str = ""
    officer: str = ""
    reference: str = ""
    streams: int = STREAMS


@dataclass(frozen=True, slots=True)
class Result:
    """How a file stands at the end of a round. ``seconds`` count from the moment the round began.

    ``is_final`` is false when another round may bring it further at once.
    """

    name: str
    size: int
    state: str
    digest: str = ""
    recording: str = ""
    words: str = ""
    seconds: float = 0.0
    is_final: bool = True

    @property
    def safe_to_wipe(self) -> bool:
        """Only ever true for a file whose receipt was verified here."""
        return self.state == FileState.SAFE


class Agent:
    """One dock's program, at work on one folder at a time."""

    def __init__(
        self, line: Line, state: DockState, identity: Identity, clock: Clock, options: Options | None = None, *,
        progress: Progress | None = None, patience: Patience | None = None, stop: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._line = line
        self._state = state
        self._clock = clock
        self._options = options or Options()
        self._progress = progress or Quiet()
        self._patience = patience or Patience()
        self.stop = stop or threading.Event()
        self._way = Delivery(line, state, identity, clock, self._progress, self._patience, self.stop)
        self._opened: set[str] = set()  # dockings that were opened in this run
        self._refused: NotLetIn | None = None
        line.speak_as(identity.dock, state.signer)

    def bring_in(self, folder: Path, files: Sequence[Found], seen_at: datetime | None = None) -> list[Result]:
        """Bring settled files of one camera in, as far as it goes now.

        Raises :class:`~ingest.line.NotLetIn` when the dock is not let in, and :class:`~ingest.sender.Stopped`.
        """
        begun = time.monotonic()
        facts = facts_of(folder, files, serial=self._options.camera, officer=self._options.officer)
        results: list[Result] = []
        pending: list[Found] = []
        for file in files:
            known = self._state.safe_record(facts.serial, file)
            if known is not None and self._is_unchanged(folder, known, file):
                results.append(_result(known, 0.0))
            else:
                pending.append(file)
        for result in results:
            self._progress.told(result.name, result.state)
        if pending:
            results += self._bring_pending(folder, facts, pending, seen_at or self._clock.now(), begun)
        return results

    # Dockings

    def _bring_pending(
        self, folder: Path, facts: CameraFacts, files: list[Found], seen_at: datetime, begun: float
    ) -> list[Result]:
        docking = self._docking_for(facts, files, seen_at)
        records = {file.name: self._record_for(folder, docking, file) for file in files}
        try:
            docking, listings = self._announced(docking, files)
        except SentAway as wrong:
            return [_result(replace(one, state=FileState.REFUSED, words=str(wrong)), begun) for one in records.values()]
        except GaveUp as wrong:
            return [_failed(file, "waiting", wrong, begun) for file in files]
        work = [(file, self._listed(records[file.name], listings[file.name]), listings[file.name]) for file in files]
        return self._in_threads(folder, docking, work)

    def _listed(self, record: FileRecord, listing: Listing) -> FileRecord:
        """The record under the identifier that the server gave; begun anew when that was another one before."""
        if record.file_id == listing.id:
            return record
        anew = replace(record, state=FileState.FOUND, upload="", manifest="", signature="", recording="")
        return self._state.save(anew if record.file_id else record, file_id=listing.id)

    def _docking_for(self, facts: CameraFacts, files: Iterable[Found], seen_at: datetime) -> DockingRecord:
        newest = self._state.newest_docking(facts.serial)
        if newest is not None and self._goes_on(newest, files):
            return replace(newest, reference=self._options.reference or newest.reference)
        docking = DockingRecord(
            facts.serial, facts.officer, self._options.reference, utc_text(seen_at), facts.clock_offset_ms
        )
        self._opened.add(docking.key)
        return self._state.save_docking(docking)

    def _goes_on(self, docking: DockingRecord, files: Iterable[Found]) -> bool:
        """Whether these files belong to a docking: one of them is unfinished there, and none is another one by now."""
        there = {record.path: record for record in self._state.files_of(docking.key)}
        known = [(there[path], file) for file in files if (path := os.fsdecode(file.path)) in there]
        if any(record.is_safe for record, _ in known):
            return False
        unfinished = [(record, file) for record, file in known if not record.is_settled]
        return any(record.is_of(file) or docking.key in self._opened for record, file in unfinished)

    def _record_for(self, folder: Path, docking: DockingRecord, file: Found) -> FileRecord:
        path = os.fsdecode(file.path)
        for record in self._state.files_of(docking.key):
            is_same = record.path == path and record.is_of(file) and not record.is_settled
            if is_same and self._is_unchanged(folder, record, file):
                return record
        return self._state.save(FileRecord.new(docking, file))

    def _announced(
        self, docking: DockingRecord, files: Sequence[Found]
    ) -> tuple[DockingRecord, dict[str, Listing]]:  # fmt: skip
        tries = Tries(self._patience, self.stop)
        listings: dict[str, Listing] = {}
        for at in range(0, len(files), _BATCH):
            said = [_told_of(file) for file in files[at : at + _BATCH]]
            docking, found = self._announce(docking, said, tries)
            listings |= found
        return docking, listings

    def _announce(
        self, docking: DockingRecord, said: list[dict[str, object]], tries: Tries
    ) -> tuple[DockingRecord, dict[str, Listing]]:
        while not self.stop.is_set():
            try:
                docking_id, listings = self._line.announce(docking, said)
            except (NotLetIn, SentAway):
                raise
            except LineError as wrong:
                self._progress.told("", "waiting", str(wrong))
                tries.again(wrong)
                continue
            if missing := {str(one["name"]) for one in said} - listings.keys():
                raise SentAway(f"the server's answer does not list {min(missing)}")
            if docking.id != docking_id:
                docking = self._state.save_docking(replace(docking, id=docking_id))
            return docking, listings
        raise Stopped

    # Files

    def _in_threads(
        self, folder: Path, docking: DockingRecord, work: list[tuple[Found, FileRecord, Listing]]
    ) -> list[Result]:
        begun = time.monotonic()
        with ThreadPoolExecutor(self._options.streams) as senders, ThreadPoolExecutor(_PROVERS) as provers:
            waiting: set[Future[Result | FileRecord]] = {
                senders.submit(self._bring_one, folder, docking, *item, begun) for item in work
            }
            results: list[Result] = []
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    value = future.result()
                    if isinstance(value, FileRecord):
                        waiting.add(provers.submit(self._prove_one, value, begun))
                    else:
                        results.append(value)
        if self._refused is not None:
            raise self._refused
        if self.stop.is_set():
            raise Stopped
        return sorted(results, key=lambda result: result.name)

    def _bring_one(
        self, folder: Path, docking: DockingRecord, file: Found, record: FileRecord, listing: Listing, begun: float
    ) -> Result | FileRecord:
        """A record when its receipt is to be waited for, a result when it goes no further."""
        try:
            if record.state in {FileState.FOUND, FileState.SEALED}:
                if listing.state == "stored" and listing.recording and not record.upload:
                    record = self._way.adopt(folder, record, file, listing.recording)
                else:
                    record = self._way.bring(folder, docking, record, file)
            return _result(record, begun) if record.is_settled else record
        except DocklineError as wrong:
            return self._not_brought(file, wrong, begun)
        except Stopped:
            return _result(record, begun)

    def _prove_one(self, record: FileRecord, begun: float) -> Result:
        try:
            return _result(self._way.prove(record), begun)
        except DocklineError as wrong:
            self._halt_for(wrong)
            return _result(replace(record, words=f"{wrong} {wrong.advice}"), begun)
        except Stopped:
            return _result(record, begun)

    def _not_brought(self, file: Found, wrong: DocklineError, begun: float) -> Result:
        self._halt_for(wrong)
        states: dict[type[DocklineError], str] = {
            FileChanged: "changing", CameraGone: "unreadable", AnnounceAgain: "waiting", GaveUp: "waiting",
        }  # fmt: skip
        state = states.get(type(wrong), "waiting")
        self._progress.told(file.name, state, str(wrong))
        return _failed(file, state, wrong, begun)

    def _halt_for(self, wrong: DocklineError) -> None:
        if isinstance(wrong, NotLetIn):
            self._refused = wrong
            self.stop.set()

    def _is_unchanged(self, folder: Path, record: FileRecord, file: Found) -> bool:
        """Whether what was written down of a file holds for it as it is now."""
        if not record.digest or (record.trace == file.trace and file.trace):
            return True
        try:
            with opened(folder, file) as descriptor:
                return str(digest_of(Reading(descriptor, file), self.stop)) == record.digest
        except (CameraGone, FileChanged):
            return False


def _told_of(file: Found) -> dict[str, object]:
    listed: dict[str, object] = {"name": file.name, "size": file.size, "kind": file.kind}
    at = modified_at(file)
    return listed if at is None else {**listed, "modified_at": at}


def _result(record: FileRecord, begun: float) -> Result:
    seconds = time.monotonic() - begun if begun else 0.0
    return Result(
        record.name, record.size, record.state.value, record.digest, record.recording, record.words, round(seconds, 3)
    )


def _failed(file: Found, state: str, wrong: DocklineError, begun: float) -> Result:
    is_final = isinstance(wrong, GaveUp | NotLetIn)
    seconds = round(time.monotonic() - begun, 3)
    return Result(file.name, file.size, state, words=f"{wrong} {wrong.advice}", seconds=seconds, is_final=is_final)
