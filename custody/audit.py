"""Verifying a whole ledger from its exported files: checkpoint, tiles and entry bundles, and nothing else.

The tree is computed twice in one pass, once from the entries and once from the hashes in the level-0 tiles. Whichever
of the two leads to the signed root is the truth, and the other is compared with it: so an altered entry is told from an
altered tile, and each is named. Memory stays flat but for one line a subject, whose history is followed on the way.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from custody.checkpoint import Checkpoint
from custody.entry import NotAnEntry, Record
from custody.merkle import HASH_SIZE, leaf_hash
from custody.note import NoteError
from custody.policy import Policy, VerifiedCheckpoint
from custody.report import Report, StaysOpen, VerificationFailed, Walk
from custody.tile import (
    WIDTH,
    BundleId,
    ReadFile,
    TileError,
    TileId,
    TreeEdge,
    read_bundle,
    read_tile,
    tile_width,
)
from custody.verify import check_witnesses, open_checkpoint, since_when

CHECKPOINT = "checkpoint"  # path of the newest signed checkpoint below the log's prefix
NAMED = 5  # how many of many faults a report names

Progress = Callable[[int], None]


def _quietly(done: int) -> None:
    """Tell nobody how far it has come."""


def verify_log(read: ReadFile, policy: Policy, earlier: Sequence[bytes] = (), progress: Progress = _quietly) -> Report:
    """Verify a whole ledger from its files; ``read`` answers them by path and raises ``TileMissing``.

    1. A log that the policy trusts signed the checkpoint.
    2. The witnesses that the policy demands cosigned it.
    3. Since when it must have been so.
    4. All entries are there.
    5. The entries lead to the root that was signed.
    6. The tiles say what the entries say.
    7. Every entry is a record of an act that the vocabulary knows.
    8. Every subject's history is numbered without a gap, each entry naming the one before.
    9. The checkpoints that were seen earlier are contained; open when ``earlier`` gives none.

    ``progress`` is called with the number of entries read so far. The caller still owes that ``policy`` comes from a
    body it trusts.
    """
    walk = Walk("a whole ledger")
    under = walk.step("Check who signed the checkpoint", _open, read, policy)  # 1
    walk.step("Check the witnesses", check_witnesses, under, policy)  # 2
    walk.step("Find out since when", since_when, under)  # 3
    seen = _earlier(earlier, policy)
    audit = None if under is None else Audit(read, under.checkpoint, [tree.size for tree in seen.good])
    if audit is not None:
        audit.run(progress)
    walk.step("Find all entries", Audit.entries_there, audit)  # 4
    walk.step("Compute the tree from the entries", Audit.root_from_entries, audit)  # 5
    walk.step("Compare the tiles", Audit.tiles_agree, audit)  # 6
    walk.step("Read every entry", Audit.entries_readable, audit)  # 7
    walk.step("Follow every history", Audit.histories_whole, audit)  # 8
    walk.step("Look for the checkpoints seen earlier", Audit.contains, audit, seen)  # 9
    return walk.report()


@dataclass(slots=True)
class Faults:
    """Counts faults and keeps the first few by name."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Take note of one."""
        self.count += 1
        if len(self.first) < NAMED:
            self.first.append(name)

    def __str__(self) -> str:
        more = f" and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return "; ".join(self.first) + more


@dataclass(slots=True)
class Seen:
    """Checkpoints that were seen earlier: those with a good signature, and those without."""

    good: list[Checkpoint] = field(default_factory=list)
    bad: Faults = field(default_factory=Faults)


class Audit:
    """One pass over a log's files, and what it found."""

    def __init__(self, read: ReadFile, signed: Checkpoint, stops: Sequence[int] = ()) -> None:
        self._read = read
        self._signed = signed
        self._stops = sorted({*stops, signed.size})
        self._from_entries = _Tree(read, signed.size, self._stops)
        self._from_tiles = _Tree(read, signed.size, self._stops)
        self._missing = Faults()
        self._entries_differ = Faults()
        self._tiles_differ = Faults()
        self._unreadable = Faults()
        self._broken = Faults()
        self._heads: dict[str, tuple[int, bytes]] = {}

    def run(self, progress: Progress = _quietly) -> None:
        """Read everything once."""
        size = self._signed.size
        for index in range(-(-size // WIDTH)):
            width = tile_width(0, index, size)
            leaves = self._read_leaves(BundleId(index, width))
            hashes = self._read_hashes(TileId(0, index, width))
            if leaves is not None and hashes is not None and leaves != hashes:
                self._note_difference(index, leaves, hashes)
            for low, high in self._pieces(index * WIDTH, index * WIDTH + width):
                self._from_entries.grow(leaves, low - index * WIDTH, high - index * WIDTH)
                self._from_tiles.grow(hashes, low - index * WIDTH, high - index * WIDTH)
            progress(index * WIDTH + width)

    def entries_there(self) -> tuple[str, None]:
        """Step 4; raises :class:`~custody.report.VerificationFailed`, as all of them do."""
        if self._missing.count:
            raise VerificationFailed(f"Entries are missing or cut off: {self._missing}")
        return f"All {self._signed.size} entries are there.", None

    def root_from_entries(self) -> tuple[str, None]:
        """Step 5."""
        if self._from_entries.root == self._signed.root:
            return "The entries lead to exactly the root that was signed: not one of them was changed.", None
        if self._from_entries.root is None:
            raise VerificationFailed("The root cannot be computed, because entries are missing")
        if self._from_tiles.root == self._signed.root:
            raise VerificationFailed(f"Entries are not those that were signed for: {self._entries_differ}")
        if self._entries_differ.count or self._from_tiles.root is None:
            raise VerificationFailed(
                f"Neither entries nor tiles lead to the root that was signed. They differ at: {self._entries_differ}"
            )
        raise VerificationFailed(
            "Entries and tiles agree with each other, but it is another ledger that was signed for"
        )

    def tiles_agree(self) -> tuple[str, None]:
        """Step 6. Tiles can be made again from the entries; a fault here alone loses nothing."""
        if self._from_entries.root == self._signed.root:
            wrong = _joined(self._tiles_differ, self._from_entries.differ)
        else:
            wrong = self._from_tiles.differ
        if wrong.count:
            raise VerificationFailed(f"Tiles are missing or do not say what the entries say: {wrong}")
        return "All tiles say what the entries say.", None

    def entries_readable(self) -> tuple[str, None]:
        """Step 7."""
        if self._unreadable.count:
            raise VerificationFailed(f"Not entries as this ledger writes them: {self._unreadable}")
        return f"Each of the {self._signed.size} entries tells an act in the vocabulary of this ledger.", None

    def histories_whole(self) -> tuple[str, None]:
        """Step 8."""
        if self._broken.count:
            raise VerificationFailed(f"Histories with a gap or an exchanged entry: {self._broken}")
        if self._missing.count or self._unreadable.count:
            raise VerificationFailed("Histories cannot be followed where entries are missing or cannot be read")
        return f"The histories of {len(self._heads)} subjects are whole: nothing was left out of them.", None

    def contains(self, seen: Seen) -> tuple[str, None]:
        """Step 9."""
        if seen.bad.count:
            raise VerificationFailed(f"A checkpoint that was seen earlier is not good itself: {seen.bad}")
        if not seen.good:
            raise StaysOpen(
                "No earlier checkpoint was given. Whether this ledger was cut short or begun anew takes a checkpoint "
                "that somebody kept, such as the one in any receipt or proof."
            )
        roots = self._from_entries.roots
        if self._from_entries.root != self._signed.root:
            roots = self._from_tiles.roots
        for tree in seen.good:
            self._require_contained(tree, roots.get(tree.size))
        sizes = ", ".join(str(tree.size) for tree in sorted(seen.good, key=lambda tree: tree.size))
        return f"The ledger still begins with what was signed for earlier, at {sizes} entries.", None

    def _require_contained(self, tree: Checkpoint, root: bytes | None) -> None:
        if tree.origin != self._signed.origin:
            raise VerificationFailed(f"The earlier checkpoint is of another ledger, {tree.origin[:80]}")
        if tree.size > self._signed.size:
            raise VerificationFailed(
                f"This ledger was cut short: {tree.size} entries were signed for, and {self._signed.size} are shown"
            )
        if tree.root != root:
            raise VerificationFailed(
                f"This is not the ledger that was signed for earlier: its first {tree.size} entries were other ones"
            )

    def _read_leaves(self, bundle: BundleId) -> list[bytes] | None:
        try:
            entries = read_bundle(bundle, self._read)
        except TileError as wrong:
            self._missing.add(f"{bundle.path} ({wrong})")
            return None
        leaves = [leaf_hash(entry) for entry in entries]
        for number, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), bundle.index * WIDTH):
            self._follow(number, entry, leaf)
        return leaves

    def _read_hashes(self, tile: TileId) -> list[bytes] | None:
        try:
            data = read_tile(tile, self._read)
        except TileError as wrong:
            self._tiles_differ.add(f"{tile.path} ({wrong})")
            self._from_tiles.differ.add(f"{tile.path} ({wrong})")
            return None
        return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]

    def _follow(self, number: int, entry: bytes, leaf: bytes) -> None:
        try:
            record = Record.parse(entry)
        except NotAnEntry as wrong:
            self._unreadable.add(f"entry {number} ({wrong})")
            return
        count, head = self._heads.get(record.subject, (0, None))
        if record.sequence != count + 1:
            self._broken.add(f"entry {number} is number {record.sequence} about {record.subject}, after number {count}")
        elif record.previous != head:
            self._broken.add(f"entry {number} does not follow number {count} about {record.subject}")
        self._heads[record.subject] = (record.sequence, leaf)

    def _note_difference(self, index: int, leaves: Sequence[bytes], hashes: Sequence[bytes]) -> None:
        self._tiles_differ.add(TileId(0, index, len(hashes)).path)
        for at, (leaf, other) in enumerate(zip(leaves, hashes, strict=True), index * WIDTH):
            if leaf != other:
                self._entries_differ.add(f"entry {at}")

    def _pieces(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Cut a run of entries at the sizes of earlier checkpoints, so that the roots there can be noted."""
        for stop in self._stops:
            if low < stop < high:
                yield low, stop
                low = stop
        yield low, high


class _Tree:
    """The tree as one source tells it, compared with the tiles above level 0 as it grows."""

    def __init__(self, read: ReadFile, size: int, stops: Sequence[int]) -> None:
        self._read = read
        self._size = size
        self._stops = frozenset(stops)
        self._edge: TreeEdge | None = TreeEdge()
        self.differ = Faults()
        self.roots: dict[int, bytes] = {0: TreeEdge().root()}

    @property
    def root(self) -> bytes | None:
        """The root of the whole, or ``None`` when the source had a hole."""
        return self.roots.get(self._size) if self._edge is not None else None

    def grow(self, leaves: Sequence[bytes] | None, low: int, high: int) -> None:
        """Take the leaves from ``low`` to ``high``; a source that gives none has a hole, and no root from there on."""
        if leaves is None or self._edge is None:
            self._edge = None
            return
        for tile, data in self._edge.grow(leaves[low:high]):
            if tile.level and tile.width == tile_width(tile.level, tile.index, self._size):
                self._compare(tile, data)
        if self._edge.size in self._stops:
            self.roots[self._edge.size] = self._edge.root()

    def _compare(self, tile: TileId, data: bytes) -> None:
        try:
            if read_tile(tile, self._read) != data:
                self.differ.add(tile.path)
        except TileError as wrong:
            self.differ.add(f"{tile.path} ({wrong})")


def _open(read: ReadFile, policy: Policy) -> tuple[str, VerifiedCheckpoint]:
    return open_checkpoint(read(CHECKPOINT), policy)


def _earlier(notes: Sequence[bytes], policy: Policy) -> Seen:
    seen = Seen()
    for number, note in enumerate(notes, 1):
        try:
            seen.good.append(policy.open(note).checkpoint)
        except NoteError as wrong:
            seen.bad.add(f"number {number} of those given ({wrong})")
    return seen


def _joined(one: Faults, other: Faults) -> Faults:
    return Faults(one.count + other.count, (one.first + other.first)[:NAMED])
