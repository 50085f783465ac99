"""The ledger as the other rooms use it: record an act, commit to a personal value, ask for a receipt.

Three states, three words. *Recorded*: the act's row is committed, in the same transaction as the rows it describes;
from then on it cannot be lost. *Integrated*: it has its place in the tree. *Published*: it lies under a signed
checkpoint, and can be proven to anybody. :mod:`custody.sequencer` does the second and the third; nobody waits on a
lock to record.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from custody import merkle
from custody.commitment import Commitment, new_salt
from custody.entry import Act, ActKind, Party
from custody.keys import FileSigner
from custody.logfiles import LogFiles
from custody.proof import TlogProof
from custody.signature import ED25519, Signer, VerifierKey
from custody.tile import TileReader
from evidence.clock import Clock, utc_text
from evidence.errors import Misconfigured
from evidence.ground import Ground
from evidence.models import LedgerCheckpoint, LedgerEntry, LedgerTree, PersonalValue

KEY_FILE = "log.pem"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An inclusion proof with its checkpoint (tlog-proof), and the entry's own bytes."""

    proof: bytes
    entry: bytes
    place: int

    def as_file(self) -> bytes:
        """One file for a person to keep: the proof with the entry itself as its extra data, which the proof proves."""
        parsed = TlogProof.parse(self.proof)
        return bytes(TlogProof(parsed.index, parsed.hashes, parsed.checkpoint, self.entry))


def record(session: Session, act: Act, clock: Clock) -> int:
    """Write an act into the caller's transaction; returns the entry's row id. Recorded once that has committed."""
    row = LedgerEntry(kind=act.what.value, subject=act.subject, act=act.canonical(), recorded_at=clock.now())
    session.add(row)
    session.flush()
    return row.id


def commit_value(session: Session, owner: str, value: str) -> Commitment:
    """The commitment to a personal value of an owner (``person:per_...``), made on first use.

    One person's acts carry one commitment, so that erasing one row reaches them all and every proof stays valid.
    """
    there = _commitment(session, owner, value)
    if there is not None:
        return there
    salt = new_salt()
    made = Commitment.of(value, salt)
    try:
        with session.begin_nested():
            session.add(PersonalValue(commitment=str(made), owner=owner, salt=salt, value=value))
    except IntegrityError:  # another transaction was quicker
        found = _commitment(session, owner, value)
        if found is None:
            raise
        return found
    return made


def receipt(ground: Ground, entry_id: int) -> Receipt | None:
    """The receipt of an entry under the newest checkpoint; ``None`` while it is not published."""
    with ground.database.read() as session:
        row = session.get(LedgerEntry, entry_id)
        newest = newest_checkpoint(session)
        if row is None or row.place is None or row.record is None or newest is None or row.place >= newest.size:
            return None
        place, entry, size, note = row.place, row.record, newest.size, newest.note
    reader = TileReader(size, LogFiles(ground.objects).read)
    hashes = tuple(merkle.inclusion_proof(place, size, reader))
    return Receipt(bytes(TlogProof(place, hashes, note.encode())), entry, place)


def newest_checkpoint(session: Session) -> LedgerCheckpoint | None:
    """The newest published checkpoint."""
    return session.scalar(select(LedgerCheckpoint).order_by(LedgerCheckpoint.size.desc()).limit(1))


def prepare_log(ground: Ground) -> VerifierKey:
    """Make the log's key and open the log on first use; afterwards only check them. Returns the log's public key.

    Raises :class:`~custody.keys.KeyMissing` when the log is there and its key is not: another key would be another log.
    """
    path = ground.settings.data / "keys" / KEY_FILE
    with ground.database.read() as session:
        tree = session.scalar(select(LedgerTree))
    signer = FileSigner.load_or_create(path) if tree is None else FileSigner.load(path)
    if tree is None:
        origin = ground.settings.log_origin or f"dockline.local/{signer.public_key.hex()[:12]}"
        tree = _open_log(ground, origin, signer)
    if ground.settings.log_origin not in {"", tree.origin}:
        raise Misconfigured(
            f"the ledger here is {tree.origin}, not {ground.settings.log_origin}",
            advice="Remove the setting log_origin, or use the data folder that belongs to it.",
        )
    key = VerifierKey(tree.origin, ED25519, signer.public_key)
    if str(key) != tree.vkey:
        raise Misconfigured(
            f"{path} is not the key of the ledger {tree.origin}", advice="Restore the key that belongs to it."
        )
    (ground.settings.data / "log.vkey").write_text(f"{key}\n", encoding="ascii")
    return key


def log_signer(ground: Ground) -> Signer:
    """The key that signs checkpoints."""
    return FileSigner.load(ground.settings.data / "keys" / KEY_FILE)


def log_key(ground: Ground) -> VerifierKey:
    """The log's public key, with which everybody checks its checkpoints. Raises when the log was never opened."""
    with ground.database.read() as session:
        tree = session.scalar(select(LedgerTree))
    if tree is None:
        raise Misconfigured("the ledger was not opened yet", advice="Start the installation once with: dockline up")
    return VerifierKey.parse(tree.vkey)


def machine(ground: Ground, role: str, name: str) -> Party:
    """A machine of this installation as the one who acted."""
    return Party(role=role, agency=ground.settings.agency, machine=name)


def _open_log(ground: Ground, origin: str, signer: Signer) -> LedgerTree:
    with ground.database.write() as session:
        there: LedgerTree | None = session.scalar(select(LedgerTree))
        if there is not None:  # another process was quicker
            return there
        key = VerifierKey(origin, ED25519, signer.public_key)
        tree = LedgerTree(origin=origin, vkey=str(key), size=0, peaks=b"", published=0)
        session.add(tree)
        act = Act(
            what=ActKind.LOG_OPENED,
            at=utc_text(ground.clock.now()),
            who=machine(ground, "ledger", "sequencer"),
            on={"log": origin},
            using={"public_key": signer.public_key.hex()},
        )
        record(session, act, ground.clock)
    return tree


def _commitment(session: Session, owner: str, value: str) -> Commitment | None:
    found = session.scalar(
        select(PersonalValue.commitment).where(PersonalValue.owner == owner, PersonalValue.value == value)
    )
    return None if found is None else Commitment.parse(found)
