"""The tree as static files: tiles and entry bundles of C2SP ``tlog-tiles`` (c2sp.org/tlog-tiles, commit 5ba5ee83).

A tile holds up to 256 hashes side by side. At level 0 they are the leaf hashes; at each level above, every hash is the
root of one *full* tile below. An entry bundle holds the entries under one level-0 tile, each after its length as a
big-endian uint16. Files never change: the rightmost tile of a level is written again under a path that carries its
width whenever it has grown. From these files any program can make any proof.

:class:`TreeEdge` is the writing side (what must be written when a tree grows), :class:`TileReader` the reading side
(a node reader for :mod:`custody.merkle`).
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from custody.merkle import EMPTY_ROOT, HASH_SIZE, CompactRange, node_hash, parents
from evidence.errors import DocklineError

WIDTH = 256  # hashes in a full tile
HEIGHT = 8  # levels of the tree inside a tile
MAX_ENTRY = 0xFFFF  # bytes: an entry's length is a uint16

_PATH = re.compile(
    r"tile/(entries|0|[1-9]\d?)/((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII
)  # fmt: skip

ReadFile = Callable[[str], bytes]
"""Answers the bytes of a file of the log by its path; raises :class:`TileMissing` when there is none."""


class TileError(DocklineError):
    """A file of the log is not what its path says."""

    code = "tile"
    advice = "Run `dockline fsck`; the entries themselves may be whole, and tiles can be made again from them."


class TileMissing(TileError):
    """A file that a tree of this size must have is not there."""

    code = "tile-missing"


class TileMalformed(TileError):
    """A tile, a bundle or a path does not have the form of ``tlog-tiles``."""

    code = "tile-malformed"


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """Which tile: its level (0 to 63), its index within the level, and how many hashes it holds (1 to 256)."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix, such as ``tile/0/x001/x234/067.p/112``."""
        return f"tile/{self.level}/{_index_path(self.index)}{_width_path(self.width)}"

    @property
    def full(self) -> Self:
        """The same tile at its full width."""
        return type(self)(self.level, self.index)


@dataclass(frozen=True, slots=True, order=True)
class BundleId:
    """Which entry bundle: its index, and how many entries it holds (1 to 256)."""

    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix, such as ``tile/entries/000.p/15``."""
        return f"tile/entries/{_index_path(self.index)}{_width_path(self.width)}"

    @property
    def full(self) -> Self:
        """The same bundle at its full width."""
        return type(self)(self.index)


def parse_path(path: str) -> TileId | BundleId:
    """Read a path below the log's prefix; raises :class:`TileMalformed` for any that no log would write."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise TileMalformed(f"not the path of a tile: {path[:80]!r}")
    level, groups, last, partial = found.groups()
    width = int(partial) if partial else WIDTH
    index = int(groups.replace("x", "").replace("/", "") + last)
    if (level != "entries" and int(level) > 63) or (partial and width >= WIDTH) or groups.startswith("x000/"):
        raise TileMalformed(f"not the path of a tile: {path[:80]!r}")
    return BundleId(index, width) if level == "entries" else TileId(int(level), index, width)


def bundles_of_growth(old: int, new: int) -> Iterator[BundleId]:
    """The entry bundles that must be written when a log grows from ``old`` to ``new`` entries, left to right."""
    yield from (BundleId(index, width) for index, width in _grown(old, new))


def tiles_of_growth(old: int, new: int) -> Iterator[TileId]:
    """The tiles that must be written when a tree grows from ``old`` to ``new`` leaves, level by level."""
    level = 0
    while new:
        yield from (TileId(level, index, width) for index, width in _grown(old, new))
        level, old, new = level + 1, old // WIDTH, new // WIDTH


def pack_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle; raises :class:`TileMalformed` for an entry of more than 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise TileMalformed(f"an entry has at most {MAX_ENTRY} bytes, not {len(entry)}")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def unpack_entries(bundle: bytes, width: int) -> list[bytes]:
    """The entries of a bundle; raises :class:`TileMalformed` unless there are exactly ``width`` and nothing else."""
    entries: list[bytes] = []
    at, end = 0, len(bundle)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        if start > end or at > end:
            raise TileMalformed(f"the bundle is cut off inside entry {len(entries)}")
        entries.append(bundle[start:at])
    if len(entries) != width:
        raise TileMalformed(f"the bundle holds {len(entries)} entries instead of {width}")
    return entries


def tile_root(tile: bytes) -> bytes:
    """The root over a full tile's 256 hashes."""
    while len(tile) > HASH_SIZE:
        tile = parents(tile)
    return tile


class TreeEdge:
    """The right edge of a tiled tree: for each level the hashes of its rightmost, unfinished tile.

    It is all that a writer must remember, at most 8 KiB a level, and can be read back from the tiles.
    """

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[bytearray] = []

    @classmethod
    def read(cls, size: int, read: ReadFile) -> Self:
        """Take up a tree of ``size`` leaves again from its partial tiles."""
        edge = cls()
        edge.size = size
        level = 0
        while size:
            width = size % WIDTH
            tile = read_tile(TileId(level, size // WIDTH, width), read) if width else b""
            edge._levels.append(bytearray(tile))
            level, size = level + 1, size // WIDTH
        return edge

    def grow(self, leaves: Sequence[bytes]) -> list[tuple[TileId, bytes]]:
        """Append leaf hashes; the tiles to write now, exactly those of :func:`tiles_of_growth`, with their bytes."""
        written: list[tuple[TileId, bytes]] = []
        fresh = b"".join(leaves)
        if len(fresh) != len(leaves) * HASH_SIZE:
            raise TileMalformed("a leaf hash has 32 bytes")
        level, count = 0, self.size
        while fresh:
            tiles = self._grow_level(level, count, fresh)
            written += tiles
            fresh = b"".join([tile_root(data) for tile, data in tiles if tile.width == WIDTH])
            level, count = level + 1, count // WIDTH
        self.size += len(leaves)
        return written

    def _grow_level(self, level: int, count: int, fresh: bytes) -> list[tuple[TileId, bytes]]:
        if level == len(self._levels):
            self._levels.append(bytearray())
        row = self._levels[level]
        row += fresh
        step = WIDTH * HASH_SIZE
        whole = len(row) // step
        first = count // WIDTH
        tiles = [(TileId(level, first + at), bytes(row[at * step : (at + 1) * step])) for at in range(whole)]
        del row[: whole * step]
        if row:
            tiles.append((TileId(level, first + whole, len(row) // HASH_SIZE), bytes(row)))
        return tiles

    def root(self) -> bytes:
        """The root of the whole tree."""
        root: bytes | None = None
        for row in self._levels:
            part = CompactRange()
            part.extend(_hashes(bytes(row)))
            for node in reversed(part.nodes):
                root = node if root is None else node_hash(node, root)
        return EMPTY_ROOT if root is None else root


class TileReader:
    """Reads nodes of a tree of a given size out of its tiles; call it as a node reader of :mod:`custody.merkle`.

    Tiles are kept in memory with the levels inside them, the latest used first, about 16 KiB each.
    """

    def __init__(self, size: int, read: ReadFile, *, keep: int = 64) -> None:
        self._size = size
        self._read = read
        self._keep = keep
        self._tiles: OrderedDict[TileId, list[bytes]] = OrderedDict()

    def __call__(self, level: int, index: int) -> bytes:
        """The root of the perfect subtree at a level and index; raises :class:`TileMissing` outside the tree."""
        if index < 0 or (index + 1) << level > self._size:
            raise TileMissing(f"a tree of {self._size} has no node {index} at level {level}")
        row, inside = divmod(level, HEIGHT)
        first = index << inside  # the leftmost of the tile's hashes below this node
        tile = TileId(row, first // WIDTH, tile_width(row, first // WIDTH, self._size))
        start = ((first % WIDTH) >> inside) * HASH_SIZE
        return self._levels(tile, inside)[inside][start : start + HASH_SIZE]

    def _levels(self, tile: TileId, inside: int) -> list[bytes]:
        levels = self._tiles.get(tile)
        if levels is None:
            levels = self._tiles[tile] = [read_tile(tile, self._read)]
            if len(self._tiles) > self._keep:
                self._tiles.popitem(last=False)
        else:
            self._tiles.move_to_end(tile)
        while len(levels) <= inside:
            levels.append(parents(levels[-1]))
        return levels


def tile_width(level: int, index: int, size: int) -> int:
    """How many hashes the tile at a level and index holds in a tree of ``size`` leaves; 0 when it has none."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def read_tile(tile: TileId, read: ReadFile) -> bytes:
    """The hashes of a tile; a partial one that was tidied away is cut from its full successor.

    Raises :class:`TileMissing` or :class:`TileMalformed`.
    """
    try:
        data = read(tile.path)
        wanted = tile.width
    except TileMissing:
        if tile.width == WIDTH:
            raise
        data = read(tile.full.path)
        wanted = WIDTH
    if len(data) != wanted * HASH_SIZE:
        raise TileMalformed(f"{tile.path} has {len(data)} bytes instead of {wanted * HASH_SIZE}")
    return data[: tile.width * HASH_SIZE]


def read_bundle(bundle: BundleId, read: ReadFile) -> list[bytes]:
    """The entries of a bundle, with the same fallback and errors as :func:`read_tile`."""
    try:
        return unpack_entries(read(bundle.path), bundle.width)
    except TileMissing:
        if bundle.width == WIDTH:
            raise
        return unpack_entries(read(bundle.full.path), WIDTH)[: bundle.width]


def _grown(old: int, new: int) -> Iterator[tuple[int, int]]:
    if old < new:
        yield from ((index, WIDTH) for index in range(old // WIDTH, new // WIDTH))
        if new % WIDTH:
            yield new // WIDTH, new % WIDTH


def _index_path(index: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _width_path(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def _hashes(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
