"""The sequencer: gives recorded entries their place in the tree, and publishes signed checkpoints over them.

One run has three steps, each safe to repeat after a kill at any line:

1. *Integrate*, one transaction: waiting entries, in the order of their rows, become records with a place, a number in
   their subject's history and the hash of its entry before; the tree's size and peaks move with them. From here on the
   bytes of every file of the log are fixed.
2. *Write files*: entry bundles and tiles of the growth, write-once. A second writer writes the same bytes.
3. *Publish*, one transaction: the checkpoint over them, signed.

Whoever holds the lease works; it runs out by itself when its holder dies. The lease only saves work: two sequencers at
once would still agree, because the first step is serialised by the database and the others follow from it.
"""

import os
import secrets
import socket
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from custody.checkpoint import Checkpoint
from custody.entry import wrap
from custody.ledger import log_signer
from custody.logfiles import LogFiles
from custody.merkle import CompactRange, leaf_hash
from custody.note import Note
from custody.signature import Signer, sign_note
from custody.tile import WIDTH, TileMalformed, TreeEdge, bundles_of_growth, pack_entries
from evidence.errors import Misconfigured
from evidence.ground import Ground
from evidence.models import Lease, LedgerCheckpoint, LedgerEntry, LedgerTree, SubjectHead

LEASE = "sequencer"
LEASE_TIME = timedelta(seconds=5)
BATCH = 5_000  # entries in one transaction: bounds how long other writers wait


class Sequencer:
    """Integrates and publishes. One object a process; not shared between threads."""

    def __init__(self, ground: Ground, signer: Signer | None = None) -> None:
        self._ground = ground
        self._signer = signer or log_signer(ground)
        self._files = LogFiles(ground.objects)
        self._edge: TreeEdge | None = None  # of the published tree; None: read it from the tiles
        self._holder = f"{socket.gethostname()[:40]}/{os.getpid()}/{secrets.token_hex(4)}"

    def run_once(self) -> int:
        """Do what there is to do; how many entries were published. ``0`` too when another holds the lease."""
        if not self._waiting():
            return 0
        integrated = self._integrate()
        if integrated is None:
            return 0
        return self._publish(*integrated)

    def release(self) -> None:
        """Give the lease up, so that another need not wait for it to run out."""
        with self._ground.database.write() as session:
            session.execute(
                update(Lease)
                .where(Lease.name == LEASE, Lease.holder == self._holder)
                .values(until=self._ground.clock.now())
            )

    def _waiting(self) -> bool:
        with self._ground.database.read() as session:
            tree = _tree(session)
            if tree.size > tree.published:
                return True
            return session.scalar(select(LedgerEntry.id).where(LedgerEntry.place.is_(None)).limit(1)) is not None

    def _integrate(self) -> tuple[str, int, int] | None:
        """Step 1. Returns origin, published size and integrated size, or ``None`` without the lease."""
        with self._ground.database.write() as session:
            if not self._take_lease(session):
                return None
            tree = _tree(session, lock=True)
            rows = session.execute(
                select(LedgerEntry.id, LedgerEntry.subject, LedgerEntry.act)
                .where(LedgerEntry.place.is_(None))
                .order_by(LedgerEntry.id)
                .limit(BATCH)
            ).all()
            if rows:
                self._give_places(session, tree, [(row[0], row[1], row[2]) for row in rows])
            return tree.origin, tree.published, tree.size

    def _give_places(self, session: Session, tree: LedgerTree, rows: list[tuple[int, str, bytes]]) -> None:
        heads = {head.subject: head for head in _heads(session, {subject for _, subject, _ in rows})}
        leaves: list[bytes] = []
        changes: list[dict[str, object]] = []
        for place, (row_id, subject, act) in enumerate(rows, tree.size):
            head = heads.get(subject)
            if head is None:
                head = heads[subject] = SubjectHead(subject=subject, count=0, head=b"")
                session.add(head)
            record = wrap(
                act, recorded=f"ent_{row_id}", subject=subject, sequence=head.count + 1, previous=head.head or None
            )
            leaf = leaf_hash(record)
            head.count, head.head = head.count + 1, leaf
            leaves.append(leaf)
            changes.append({"id": row_id, "place": place, "record": record})
        session.execute(update(LedgerEntry), changes)
        peaks = CompactRange.of(tree.size, [tree.peaks[at : at + 32] for at in range(0, len(tree.peaks), 32)])
        peaks.extend(leaves)
        tree.size, tree.peaks = peaks.size, b"".join(peaks.nodes)

    def _publish(self, origin: str, old: int, new: int) -> int:
        """Steps 2 and 3."""
        edge, self._edge = self._edge, None  # kept again only when all went well
        if edge is None or edge.size != old:
            edge = TreeEdge.read(old, self._files.read)
        records = self._records(old // WIDTH * WIDTH, new)
        for bundle in bundles_of_growth(old, new):
            first = bundle.index * WIDTH - old // WIDTH * WIDTH
            self._files.write(bundle.path, pack_entries(records[first : first + bundle.width]))
        for tile, data in edge.grow([leaf_hash(record) for record in records[old % WIDTH :]]):
            self._files.write(tile.path, data)
        checkpoint = Checkpoint(origin, new, edge.root())
        self._require_root(checkpoint)
        # Every file that the checkpoint promises is durable before anybody can see the checkpoint.
        note = Note(checkpoint.text, (sign_note(self._signer, origin, checkpoint.text),))
        with self._ground.database.write() as session:
            tree = _tree(session, lock=True)
            if tree.published < new:
                session.add(LedgerCheckpoint(size=new, note=bytes(note).decode(), at=self._ground.clock.now()))
                tree.published = new
        self._edge = edge
        return new - old

    def _records(self, first: int, end: int) -> list[bytes]:
        with self._ground.database.read() as session:
            found = session.scalars(
                select(LedgerEntry.record)
                .where(LedgerEntry.place >= first, LedgerEntry.place < end)
                .order_by(LedgerEntry.place)
            ).all()
        records = [record for record in found if record is not None]
        if len(records) != end - first:
            raise TileMalformed(f"the ledger has {len(records)} of the entries {first} to {end}")
        return records

    def _require_root(self, checkpoint: Checkpoint) -> None:
        """Two independent computations must agree before anything is signed: tiles here, peaks in the database."""
        with self._ground.database.read() as session:
            tree = _tree(session)
        if tree.size != checkpoint.size:
            return  # another sequencer has gone on; its own run compares
        peaks = [tree.peaks[at : at + 32] for at in range(0, len(tree.peaks), 32)]
        if CompactRange.of(tree.size, peaks).root() != checkpoint.root:
            raise TileMalformed(
                "the tiles of the log do not lead to the tree that the database knows; nothing was signed"
            )

    def _take_lease(self, session: Session) -> bool:
        now = self._ground.clock.now()
        lease = session.get(Lease, LEASE, with_for_update=True)
        if lease is None:
            session.add(Lease(name=LEASE, holder=self._holder, until=now + LEASE_TIME))
            return True
        if lease.holder != self._holder and now < lease.until <= now + LEASE_TIME:
            return False  # a lease from the far future is a jumped clock, not a holder
        lease.holder, lease.until = self._holder, now + LEASE_TIME
        return True


def _tree(session: Session, *, lock: bool = False) -> LedgerTree:
    query = select(LedgerTree)
    tree = session.scalar(query.with_for_update() if lock else query)
    if tree is None:
        raise Misconfigured("the ledger was not opened yet", advice="Start the installation once with: dockline up")
    return tree


def _heads(session: Session, subjects: set[str]) -> list[SubjectHead]:
    ordered = sorted(subjects)
    found: list[SubjectHead] = []
    for at in range(0, len(ordered), 500):  # SQLite bounds the parameters of a statement
        part = ordered[at : at + 500]
        found += session.scalars(select(SubjectHead).where(SubjectHead.subject.in_(part)).with_for_update())
    return found


def published_size(session: Session) -> int:
    """How many entries the newest checkpoint covers."""
    return session.scalar(select(func.max(LedgerTree.published))) or 0
