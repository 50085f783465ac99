"""One file's way from the camera to a receipt: begin, send, sign, hand in; and, apart from it, prove.

Every step is written down before the next one. Only :meth:`Delivery.prove` ever makes a file safe, and only by a
receipt that it has verified against the ledger's key of this dock's enrolment, the digest that this dock took, and the
recording that the receipt was asked for. Whatever the server says otherwise is a reason to wait or to tell a person.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from custody.policy import Policy
from custody.proof import ReceiptRefused, TlogProof, verify_receipt
from custody.signature import VerifierKey
from evidence.clock import Clock, utc_text
from evidence.digest import Digest
from evidence.errors import DocklineError
from ingest.agent_state import DockingRecord, DockState, FileRecord, FileState, Identity
from ingest.camera import Found, opened, require_same
from ingest.camera_facts import camera_time
from ingest.line import AskAgain, Line, LineError, Misunderstood, NotLetIn, SentAway, TryAgain, UploadGone
from ingest.manifest import Manifest, sign
from ingest.progress import Patience, Progress, Tries
from ingest.sender import Reading, Stopped, send

RECEIPT_WAIT = 5.0  # seconds that one question for a receipt stays open
_PAUSE = 0.05  # seconds between two questions, should the server not wait
_DOUBTS = 3  # receipts that do not hold before a person is told


class AnnounceAgain(DocklineError):
    """The server does not know the file as it was announced."""

    code = "announce-again"
    advice = "The dock announces the file again by itself."


@dataclass(frozen=True, slots=True)
class Delivery:
    """What it takes to bring files in. Threads share it."""

    line: Line
    state: DockState
    identity: Identity
    clock: Clock
    progress: Progress
    patience: Patience
    stop: threading.Event

    def bring(self, folder: Path, docking: DockingRecord, record: FileRecord, file: Found) -> FileRecord:
        """Take a file as far as the server's word goes: stored, set aside, or refused.

        Raises :class:`~ingest.progress.GaveUp`, :class:`~ingest.sender.Stopped`, :class:`~ingest.line.NotLetIn`,
        :class:`AnnounceAgain`, and what the camera does.
        """
        tries = Tries(self.patience, self.stop)
        with opened(folder, file) as descriptor:
            reading = Reading(descriptor, file)
            while True:
                self._go_on()
                try:
                    record = self._sealed(docking, record, reading, descriptor, tries)
                    return self._handed_in(record)
                except NotLetIn:
                    raise
                except SentAway as wrong:
                    return self._end(record, FileState.REFUSED, str(wrong))
                except LineError as wrong:
                    record = self._after(record, wrong)
                    self.progress.told(file.name, "waiting", str(wrong))
                    tries.again(wrong)

    def adopt(self, folder: Path, record: FileRecord, file: Found, recording: str) -> FileRecord:
        """The server has this file already: take its digest here, so that its receipt can be judged."""
        with opened(folder, file) as descriptor:
            digest = digest_of(Reading(descriptor, file), self.stop)
            require_same(descriptor, file)
        return self.state.save(record, state=FileState.STORED, digest=str(digest), recording=recording)

    def prove(self, record: FileRecord) -> FileRecord:
        """Wait for the receipt of a stored file and verify it: the file is safe, or stays stored, with the reason."""
        tries, doubts = Tries(self.patience, self.stop), 0
        while True:
            self._go_on()
            try:
                receipt = self.line.receipt(record.recording, RECEIPT_WAIT)
                if receipt is None:
                    self.stop.wait(_PAUSE)
                    continue
                return self._safe(record, *receipt)
            except NotLetIn:
                raise
            except LineError as wrong:
                self.progress.told(record.name, "waiting", str(wrong))
                tries.again(wrong)
            except DocklineError as wrong:  # a receipt that does not hold, for whatever reason
                doubts += 1
                if doubts >= _DOUBTS:
                    return self._end(record, FileState.STORED, f"The receipt does not hold: {wrong}. {wrong.advice}")
                tries.again(wrong)

    # The steps

    def _sealed(
        self, docking: DockingRecord, record: FileRecord, reading: Reading, descriptor: int, tries: Tries
    ) -> FileRecord:
        """All bytes sent and the manifest signed."""
        if record.state is not FileState.FOUND:
            return record
        offset = 0
        if record.upload:
            offset = self.line.offset(record.upload, record.size)
        else:
            record = self.state.save(record, upload=self._begun(record))
            if reading.hashed:  # this is not the first try
                offset = self.line.offset(record.upload, record.size)
        tries.reached(offset)
        self.progress.told(record.name, "sending")
        send(reading, self.line, record.upload, offset, lambda at: self.progress.sent(record.name, at), self.stop)
        require_same(descriptor, reading.file)  # what is signed for is what the camera had from the first byte on
        text = self._manifest(docking, record, reading).canonical()
        sealed = self.state.save(
            record, state=FileState.SEALED, digest=str(reading.digest), manifest=text,
            signature=sign(self.state.signer, text),
        )  # fmt: skip
        self.progress.told(record.name, sealed.state)
        return sealed

    def _begun(self, record: FileRecord) -> str:
        try:
            return self.line.begin(record.file_id, record.name, record.size)
        except (AskAgain, UploadGone) as wrong:
            raise AnnounceAgain(str(wrong)) from wrong

    def _manifest(self, docking: DockingRecord, record: FileRecord, reading: Reading) -> Manifest:
        return Manifest(
            dock=self.identity.dock, docking=docking.id, camera=docking.camera, officer=docking.officer,
            name=record.name, size=record.size, digest=reading.digest, kind=record.kind,
            taken_at=utc_text(self.clock.now()), camera_time=camera_time(reading.file),
            clock_offset_ms=docking.clock_offset_ms,
        )  # fmt: skip

    def _handed_in(self, record: FileRecord) -> FileRecord:
        answer = self.line.hand_in(record.upload, record.manifest, record.signature)
        if answer.state in {"stored", "duplicate"} and answer.recording:
            stored = self.state.save(record, state=FileState.STORED, recording=answer.recording, words="")
            self.progress.told(record.name, stored.state)
            return stored
        if answer.state in {"quarantined", "refused"}:
            return self._end(record, FileState(answer.state), answer.words)
        if answer.state == "receiving":
            raise _BytesMissing(answer.words or "The server asks for part of the file again.")
        raise Misunderstood(f"the answer tells an unknown state: {answer.state[:40]!r}")

    def _after(self, record: FileRecord, wrong: LineError) -> FileRecord:
        """Where to go on after a refusal: from what was written down last."""
        record = self.state.record(record.docking, record.path)
        if isinstance(wrong, UploadGone):
            return self.state.save(record, state=FileState.FOUND, upload="", manifest="", signature="")
        if isinstance(wrong, _BytesMissing):
            return self.state.save(record, state=FileState.FOUND, manifest="", signature="")
        if isinstance(wrong, AskAgain) and record.state is FileState.SEALED:
            raise AnnounceAgain(str(wrong)) from wrong
        return record

    def _safe(self, record: FileRecord, proof: bytes, entry: bytes) -> FileRecord:
        # The dock's whole promise: 1 in the ledger whose key was pinned, 2 says stored, 3 this file, 4 this recording.
        policy = Policy((VerifierKey.parse(self.identity.log_vkey),))
        receipt = verify_receipt(proof, entry, policy)  # 1, 2
        receipt.require_file(Digest.parse(record.digest))  # 3
        if receipt.recording != record.recording:  # 4
            raise ReceiptRefused(f"the receipt is for {receipt.recording}, not for {record.recording}")
        parsed = TlogProof.parse(proof)
        kept = TlogProof(parsed.index, parsed.hashes, parsed.checkpoint, entry)
        self.state.keep_receipt(record.recording, bytes(kept))
        # From here on the file is safe: the receipt lies on the dock's own disk as well.
        return self._end(record, FileState.SAFE, "")

    def _end(self, record: FileRecord, state: FileState, words: str) -> FileRecord:
        ended = self.state.save(record, state=state, words=words)
        self.progress.told(record.name, state, words)
        return ended

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped


class _BytesMissing(TryAgain):
    """The manifest is there and some bytes are not."""

    code = "bytes-missing"


def digest_of(reading: Reading, stop: threading.Event) -> Digest:
    """Read a file to its end for its digest."""
    buffer = memoryview(bytearray(1024 * 1024))
    while reading.hashed < reading.file.size:
        if stop.is_set():
            raise Stopped
        reading.read(buffer, reading.hashed)
    return reading.digest
