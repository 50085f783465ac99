"""The sequencer: gives recorded entries their place in the tree, and publishes signed checkpoints over them.

One run has three steps, each safe to repeat after a kill at any line, and a fourth that may fail:

1. *Integrate*, a transaction for each batch: waiting entries, in the order of their rows, become records with a place,
   a number in their subject's history and the hash of its entry before; the tree's size and peaks move with them. From
   here on the bytes of every file of the log are fixed.
2. *Write files*: entry bundles and tiles of the growth, write-once. A second writer writes the same bytes.
3. *Publish*, one transaction: the checkpoint over them, signed.
4. *Tidy*: partial tiles that a full one has superseded (:mod:`custody.partials`).

Whoever holds the lease works; it runs out by itself when its holder dies. The lease only saves work: two sequencers at
once would still agree, because the first step is serialised by the database and the others follow from it.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from custody.checkpoint import Checkpoint
from custody.entry import wrap
from custody.ledger import log_signer
from custody.logfiles import LogFiles
from custody.merkle import CompactRange, leaf_hash
from custody.note import Note
from custody.partials import Partials
from custody.signature import Signer, sign_note
from custody.tile import WIDTH, TileMalformed, TreeEdge, bundles_of_growth, pack_entries
from evidence.errors import Conflict, Misconfigured
from evidence.ground import Ground
from evidence.models import Lease, LedgerCheckpoint, LedgerEntry, LedgerTree, SubjectHead

LEASE = "sequencer"
LEASE_TIME = timedelta(seconds=5)
BATCH = 2_500  # entries in one transaction: bounds how long other writers wait
GROWTH = 50_000  # entries between two checkpoints: bounds the memory of a run, and what a store that was down leaves

_PLACE = (
    update(LedgerEntry)
    .where(LedgerEntry.id == bindparam("row"))
    .values(place=bindparam("new_place"), record=bindparam("new_record"))
)
_HEAD = (
    update(SubjectHead)
    .where(SubjectHead.subject == bindparam("of"))
    .values(count=bindparam("new_count"), head=bindparam("new_head"))
)


class LedgerRolledBack(Conflict):
    """The store holds files of a larger tree than the database knows: the database is an older copy."""

    code = "ledger-rolled-back"
    advice = (
        "Nothing was signed. Restore the newest copy of the database: checkpoints that were handed out cannot be taken "
        "back, and another ledger under the same name would be a forgery."
    )


@dataclass(frozen=True, slots=True)
class Growth:
    """What a run publishes: the tree grown from ``old`` to ``new`` entries, with the peaks that the database keeps."""

    origin: str
    old: int
    new: int
    peaks: tuple[bytes, ...]

    @classmethod
    def of(cls, tree: LedgerTree) -> Self:
        """What stands between the published tree and the integrated one."""
        return cls(tree.origin, tree.published, tree.size, _peaks(tree))

    def root(self) -> bytes:
        """The root of the grown tree, as the database has it."""
        return CompactRange.of(self.new, self.peaks).root()


class Sequencer:
    """Integrates and publishes. One object a process; not shared between threads."""

    def __init__(self, ground: Ground, signer: Signer | None = None, *, growth: int = GROWTH) -> None:
        """``growth`` is the most that is published at once, in entries."""
        self._ground = ground
        self._growth = growth
        self._signer = signer or log_signer(ground)
        self._files = LogFiles(ground.objects)
        self._partials = Partials(ground.database, self._files)
        self._edge: TreeEdge | None = None  # of the published tree; None: read it from the tiles
        self._holder = f"{socket.gethostname()[:40]}/{os.getpid()}/{secrets.token_hex(4)}"

    def run_once(self) -> int:
        """Do what there is to do; how many entries were published. ``0`` too when another holds the lease."""
        if not self._waiting():
            return 0
        growth = self._integrate()
        if growth is None or growth.old == growth.new:
            return 0
        self._publish(growth)
        self._partials.discard(growth.old)
        return growth.new - growth.old

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

    def _integrate(self) -> Growth | None:
        """Step 1, batch by batch. ``None`` without the lease."""
        growth: Growth | None = None
        while True:
            with self._ground.database.write() as session:
                if not self._take_lease(session):
                    return growth
                tree = _tree(session, lock=True)
                rows = _waiting_rows(session, min(BATCH, self._growth - (tree.size - tree.published)))
                if rows:
                    _give_places(session, tree, rows)
                growth = Growth.of(tree)
            if len(rows) < BATCH:
                return growth

    def _publish(self, growth: Growth) -> None:
        """Steps 2 and 3."""
        edge, self._edge = self._edge, None  # kept again only when all went well
        if edge is None or edge.size != growth.old:
            self._require_no_later_files()
            edge = TreeEdge.read(growth.old, self._files.read)
        self._write_files(growth, edge)
        checkpoint = Checkpoint(growth.origin, growth.new, edge.root())
        # Two independent computations must agree before anything is signed: tiles here, peaks in the database.
        if checkpoint.root != growth.root():
            raise TileMalformed(
                "the tiles of the log do not lead to the tree that the database knows; nothing was signed"
            )
        # Every file that the checkpoint promises is durable before anybody can see the checkpoint.
        note = Note(checkpoint.text, (sign_note(self._signer, growth.origin, checkpoint.text),))
        with self._ground.database.write() as session:
            tree = _tree(session, lock=True)
            if tree.published < growth.new:
                session.add(LedgerCheckpoint(size=growth.new, note=bytes(note).decode(), at=self._ground.clock.now()))
                tree.published = growth.new
        self._edge = edge

    def _write_files(self, growth: Growth, edge: TreeEdge) -> None:
        """Step 2; moves ``edge`` on."""
        start = growth.old // WIDTH * WIDTH
        records = self._records(start, growth.new)
        files = edge.grow([leaf_hash(record) for record in records[growth.old - start :]])
        for bundle in bundles_of_growth(growth.old, growth.new):
            first = bundle.index * WIDTH - start
            self._files.write(bundle.path, pack_entries(records[first : first + bundle.width]))
        for tile, data in files:
            self._files.write(tile.path, data)

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

    def _require_no_later_files(self) -> None:
        """A database restored from an older copy must not begin a second history beside the one that was handed out.

        Files are written after their entries were integrated, so a database that is not older knows of all of them.
        """
        size = self._integrated()
        while self._files.go_beyond(size):
            seen, size = size, self._integrated()
            if seen == size:
                raise LedgerRolledBack(f"the log has files beyond the {size} entries that the database knows")

    def _integrated(self) -> int:
        with self._ground.database.read() as session:
            return _tree(session).size

    def _take_lease(self, session: Session) -> bool:
        now = self._ground.clock.now()
        lease = session.get(Lease, LEASE, with_for_update=True)
        if lease is None:
            return _first_lease(session, Lease(name=LEASE, holder=self._holder, until=now + LEASE_TIME))
        if lease.holder != self._holder and now < lease.until <= now + LEASE_TIME:
            return False  # a lease from the far future is a jumped clock, not a holder
        lease.holder, lease.until = self._holder, now + LEASE_TIME
        return True


def published_size(session: Session) -> int:
    """How many entries the newest checkpoint covers."""
    return session.scalar(select(func.max(LedgerTree.published))) or 0


def _first_lease(session: Session, lease: Lease) -> bool:
    try:
        with session.begin_nested():
            session.add(lease)
    except IntegrityError:  # another sequencer was quicker
        return False
    return True


def _tree(session: Session, *, lock: bool = False) -> LedgerTree:
    query = select(LedgerTree)
    tree = session.scalar(query.with_for_update() if lock else query)
    if tree is None:
        raise Misconfigured("the ledger was not opened yet", advice="Start the installation once with: dockline up")
    return tree


def _peaks(tree: LedgerTree) -> tuple[bytes, ...]:
    return tuple(tree.peaks[at : at + 32] for at in range(0, len(tree.peaks), 32))


def _waiting_rows(session: Session, most: int) -> list[tuple[int, str, bytes]]:
    if most <= 0:
        return []
    query = select(LedgerEntry.id, LedgerEntry.subject, LedgerEntry.act).where(LedgerEntry.place.is_(None))
    return [(row[0], row[1], row[2]) for row in session.execute(query.order_by(LedgerEntry.id).limit(most))]


def _give_places(session: Session, tree: LedgerTree, rows: list[tuple[int, str, bytes]]) -> None:
    known = _heads(session, {subject for _, subject, _ in rows})
    heads = dict(known)
    leaves: list[bytes] = []
    places: list[dict[str, object]] = []
    for place, (row_id, subject, act) in enumerate(rows, tree.size):
        count, previous = heads.get(subject, (0, None))
        record = wrap(act, recorded=f"ent_{row_id}", subject=subject, sequence=count + 1, previous=previous)
        leaf = leaf_hash(record)
        heads[subject] = count + 1, leaf
        leaves.append(leaf)
        places.append({"row": row_id, "new_place": place, "new_record": record})
    connection = session.connection()  # rows by the thousand go past the unit of work
    connection.execute(_PLACE, places)
    changed = [{"of": of, "new_count": heads[of][0], "new_head": heads[of][1]} for of in known]
    if changed:
        connection.execute(_HEAD, changed)
    fresh = [{"subject": of, "count": heads[of][0], "head": heads[of][1]} for of in heads.keys() - known.keys()]
    if fresh:
        connection.execute(insert(SubjectHead), fresh)
    peaks = CompactRange.of(tree.size, _peaks(tree))
    peaks.extend(leaves)
    tree.size, tree.peaks = peaks.size, b"".join(peaks.nodes)


def _heads(session: Session, subjects: set[str]) -> dict[str, tuple[int, bytes | None]]:
    """The ends of these subjects' histories, where they have one. The lock on the tree's row guards them as well."""
    ordered = sorted(subjects)
    found: dict[str, tuple[int, bytes | None]] = {}
    for at in range(0, len(ordered), 500):  # SQLite bounds the parameters of a statement
        query = select(SubjectHead.subject, SubjectHead.count, SubjectHead.head)
        for subject, count, head in session.execute(query.where(SubjectHead.subject.in_(ordered[at : at + 500]))):
            found[subject] = count, head
    return found
