"""Verifying what travels: one file with its proof, or the history of one exhibit, offline and against one's own policy.

Each public function follows a numbered plan that stands in its docstring; the numbers stand again at the code, and come
back in the :class:`~custody.report.Report`. The whole ledger is :mod:`custody.audit`'s business. Nothing here reads
files or clocks: bytes go in, a report comes out, the same every time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from custody.entry import Record
from custody.merkle import leaf_hash
from custody.policy import Policy, VerifiedCheckpoint
from custody.proof import TlogProof
from custody.report import Report, StaysOpen, VerificationFailed, Walk
from custody.vocabulary import MEANINGS
from evidence.digest import Digest
from evidence.errors import DocklineError

Opened = dict[bytes, VerifiedCheckpoint]  # by the bytes of the signed note: proofs often share one


def verify_file(digest: Digest, entry: bytes, proof: bytes, policy: Policy) -> Report:
    """Verify a file, by the digest that the caller took of it, against a ledger entry and its proof.

    1. The entry is one of this ledger's entries, and says in words what happened.
    2. The file is, to the bit, one that the entry names.
    3. The proof is a proof.
    4. A log that the policy trusts signed the checkpoint.
    5. The witnesses that the policy demands cosigned it.
    6. The entry is in the log under that checkpoint.
    7. Since when it must have been there.
    8. Open: whether the ledger holds more about the same subject.

    The caller still owes that ``digest`` was taken of the very file, and that ``policy`` comes from a body it trusts.
    """
    walk = Walk("a file with its proof")
    record = walk.step("Read the ledger entry", read_entry, entry)  # 1
    walk.step("Compare the file with the entry", _compare, digest, record)  # 2
    parsed = walk.step("Read the proof", _read_proof, proof)  # 3
    under = walk.step("Check who signed the checkpoint", _open_proof, parsed, policy)  # 4
    walk.step("Check the witnesses", check_witnesses, under, policy)  # 5
    walk.step("Find the entry in the ledger", _include, parsed, entry, under)  # 6
    walk.step("Find out since when", since_when, under)  # 7
    walk.step("Ask whether anything is left out", _one_entry_only, record)  # 8
    return walk.report()


def verify_history(entries: Sequence[tuple[bytes, bytes]], policy: Policy) -> Report:
    """Verify the history of one exhibit or recording: its entries in order, each with its proof.

    1. All are entries of this ledger, about one subject.
    2. They are numbered from 1 without a gap, and each names the one before by its hash.
    3. Every proof is a proof.
    4. A log that the policy trusts signed every checkpoint.
    5. The witnesses that the policy demands cosigned every one.
    6. Every entry is in the log under its checkpoint.
    7. All stand under one checkpoint, so that nobody was shown two ledgers.
    8. Open: whether there are later entries.

    The caller still owes that ``policy`` comes from a body it trusts.
    """
    walk = Walk("the history of one subject")
    bodies, proofs = [entry for entry, _ in entries], [proof for _, proof in entries]
    records = walk.step("Read the ledger entries", _read_entries, bodies)  # 1
    walk.step("Follow the chain of the history", _follow, records, bodies)  # 2
    parsed = walk.step("Read the proofs", _read_proofs, proofs)  # 3
    opened = walk.step("Check who signed the checkpoints", _open_all, parsed, policy)  # 4
    walk.step("Check the witnesses", _witness_all, opened, policy)  # 5
    walk.step("Find the entries in the ledger", _include_all, parsed, bodies, opened)  # 6
    walk.step("Compare the checkpoints", _one_ledger, opened)  # 7
    walk.step("Ask whether anything is left out", _later_entries, records)  # 8
    return walk.report()


def read_entry(entry: bytes) -> tuple[str, Record]:
    """Read an entry and tell it in words; raises :class:`~custody.entry.NotAnEntry`."""
    record = Record.parse(entry)
    act = record.act
    told = f"Entry {record.sequence} about {record.subject} says: {MEANINGS[act.what].words}"
    whom = f" To {act.recipient.role}, {act.recipient.agency}." if act.recipient else ""
    return f"{told} At {act.at}, by {act.who.role}, {act.who.agency}.{whom}", record


def open_checkpoint(note: bytes, policy: Policy) -> tuple[str, VerifiedCheckpoint]:
    """See that a trusted log signed a checkpoint; raises what :meth:`custody.policy.Policy.open` raises."""
    under = policy.open(note)
    tree = under.checkpoint
    return f"The ledger {tree.origin} signed for {tree.size} entries, with the key {under.log.key_id.hex()}.", under


def check_witnesses(under: VerifiedCheckpoint, policy: Policy) -> tuple[str, None]:
    """See that the quorum cosigned; raises :class:`~custody.report.StaysOpen` when the policy asks for nobody."""
    policy.require_quorum(under)
    if policy.quorum is None:
        raise StaysOpen(
            "The policy asks for no witnesses, so only the ledger's keeper vouches that everyone is shown one ledger."
        )
    return f"Cosigned by {', '.join(sorted(under.witnesses))}: they saw this ledger only ever grow.", None


def since_when(under: VerifiedCheckpoint) -> tuple[str, None]:
    """The earliest time at which somebody outside vouches for the checkpoint; stays open when nobody does."""
    if not under.witnesses:
        raise StaysOpen("All times are the ledger's own word: no witness and no time authority vouches for them here.")
    name, at = min(under.witnesses.items(), key=lambda item: item[1])
    return f"It was there at the latest at {_utc(at)}, as {name} states.", None


def _compare(digest: Digest, record: Record) -> tuple[str, None]:
    act = record.act
    if act.on.get("digest") == str(digest):
        return f"The file has the digest {digest}, as the entry says.", None
    if act.using.get("output") == str(digest):
        return f"The file has the digest {digest}: the entry names it as what was made, not as the original.", None
    if act.using.get("input") == str(digest):
        return f"The file has the digest {digest}: the entry names it as what something else was made from.", None
    raise VerificationFailed(f"The file has the digest {digest}, which the entry does not name: it is another file")


def _read_proof(proof: bytes) -> tuple[str, TlogProof]:
    parsed = TlogProof.parse(proof)
    return f"It is a proof for entry {parsed.index} of a ledger, with {len(parsed.hashes)} hashes.", parsed


def _open_proof(proof: TlogProof, policy: Policy) -> tuple[str, VerifiedCheckpoint]:
    return open_checkpoint(proof.checkpoint, policy)


def _include(proof: TlogProof, entry: bytes, under: VerifiedCheckpoint) -> tuple[str, None]:
    proof.verify_inclusion(entry, under)
    return f"The entry is number {proof.index}, from 0, of the {under.checkpoint.size} that were signed for.", None


def _one_entry_only(record: Record) -> tuple[str, None]:
    before = "It is the first one" if record.sequence == 1 else f"It is number {record.sequence}"
    raise StaysOpen(
        f"This is one entry about {record.subject}. {before}; what else there is takes the whole ledger, or the index "
        "of exhibits, to answer."
    )


def _read_entries(entries: Sequence[bytes]) -> tuple[str, list[Record]]:
    records = []
    for number, entry in enumerate(entries, 1):
        with _entry_named(number):
            records.append(Record.parse(entry))
    subjects = sorted({record.subject for record in records})
    if len(subjects) != 1:
        raise VerificationFailed(f"The entries are about {len(subjects)} subjects instead of one")
    return f"There are {len(records)} entries, all about {subjects[0]}.", records


def _follow(records: Sequence[Record], entries: Sequence[bytes]) -> tuple[str, None]:
    previous: bytes | None = None
    for number, (record, entry) in enumerate(zip(records, entries, strict=True), 1):
        if record.sequence != number:
            raise VerificationFailed(f"Entry {number} of the history is not there: number {record.sequence} is")
        if record.previous != previous:
            raise VerificationFailed(f"Entry {number} does not follow the one before it: one of the two was exchanged")
        previous = leaf_hash(entry)
    return f"Entries 1 to {len(records)} are all there, and each names the one before.", None


def _read_proofs(proofs: Sequence[bytes]) -> tuple[str, list[TlogProof]]:
    parsed = []
    if not proofs:
        raise VerificationFailed("There are no proofs")
    for number, proof in enumerate(proofs, 1):
        with _entry_named(number):
            parsed.append(TlogProof.parse(proof))
    return f"There is a proof for each of the {len(parsed)} entries.", parsed


def _open_all(proofs: Sequence[TlogProof], policy: Policy) -> tuple[str, Opened]:
    opened: Opened = {}
    for number, proof in enumerate(proofs, 1):
        if proof.checkpoint not in opened:
            with _entry_named(number):
                opened[proof.checkpoint] = policy.open(proof.checkpoint)
    told = {f"{item.checkpoint.origin}, {item.checkpoint.size} entries" for item in opened.values()}
    return f"Signed by a trusted ledger: {'; '.join(sorted(told))}.", opened


def _witness_all(opened: Opened, policy: Policy) -> tuple[str, None]:
    told = [check_witnesses(under, policy)[0] for under in opened.values()]
    return told[0], None


def _include_all(proofs: Sequence[TlogProof], entries: Sequence[bytes], opened: Opened) -> tuple[str, None]:
    for number, (proof, entry) in enumerate(zip(proofs, entries, strict=True), 1):
        with _entry_named(number):
            proof.verify_inclusion(entry, opened[proof.checkpoint])
    return f"All {len(proofs)} entries are in the ledger at the places that their proofs name.", None


def _one_ledger(opened: Opened) -> tuple[str, None]:
    roots: dict[tuple[str, int], bytes] = {}
    for tree in (under.checkpoint for under in opened.values()):
        if roots.setdefault((tree.origin, tree.size), tree.root) != tree.root:
            raise VerificationFailed(f"There are two different ledgers of {tree.size} entries, both signed for")
    if len(roots) > 1:
        raise StaysOpen(
            f"The proofs stand under {len(roots)} checkpoints. That the later only add to the earlier takes a "
            "consistency proof, or the whole ledger, to show."
        )
    return "All proofs stand under one and the same checkpoint.", None


def _later_entries(records: Sequence[Record]) -> tuple[str, None]:
    raise StaysOpen(
        f"Entries 1 to {len(records)} were handed in. Whether there is an entry {len(records) + 1} takes the whole "
        "ledger, or the index of exhibits, to answer."
    )


@contextmanager
def _entry_named(number: int) -> Iterator[None]:
    """Say of an error in which entry of the history it was found."""
    try:
        yield
    except DocklineError as wrong:
        raise VerificationFailed(f"Entry {number} of the history: {wrong}", advice=wrong.advice) from wrong


def _utc(at: int) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"second {at} after 1970"
