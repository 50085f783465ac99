"""Tiles and bundles against a log that another program wrote, and against the tree they stand for."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.checkpoint import Checkpoint
from custody.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from custody.note import Note
from custody.policy import Policy
from custody.tile import (
    BundleId,
    TileId,
    TileMalformed,
    TileMissing,
    TileReader,
    TreeEdge,
    bundles_of_growth,
    pack_entries,
    parse_path,
    read_bundle,
    read_tile,
    tiles_of_growth,
    unpack_entries,
)

TESSERA = json.loads((Path(__file__).parents[1] / "vectors/ledger/tessera-15-entry-log.json").read_text())
ENTRIES = [text.encode() for text in TESSERA["entries_utf8"]]
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(70_000)]


class Files(dict[str, bytes]):
    """Files of a log in memory."""

    def read(self, path: str) -> bytes:
        if path not in self:
            raise TileMissing(f"no file {path}")
        return self[path]


def grown(*sizes: int) -> tuple[TreeEdge, Files]:
    """A tree that was written at each of these sizes."""
    edge, files = TreeEdge(), Files()
    for size in sizes:
        files |= {tile.path: data for tile, data in edge.grow(LEAVES[edge.size : size])}
    return edge, files


def test_another_programs_log_is_rebuilt_to_the_byte() -> None:
    edge = TreeEdge()
    ((tile, data),) = edge.grow([leaf_hash(entry) for entry in ENTRIES])
    assert tile.path == "tile/0/000.p/15"
    assert data == base64.b64decode(TESSERA["tile_0_000.p_15_b64"])
    assert BundleId(0, 15).path == "tile/entries/000.p/15"
    assert pack_entries(ENTRIES) == base64.b64decode(TESSERA["entry_bundle_tile_entries_000.p_15_b64"])


@pytest.mark.parametrize("size", range(16))
def test_another_programs_checkpoint_is_verified_at_every_size(size: int) -> None:
    note = TESSERA["checkpoints"][str(size)].encode()
    policy = Policy.parse(f"log {TESSERA['vkey']}\nquorum none\n".encode())
    checkpoint = policy.verify(note).checkpoint
    assert checkpoint == Checkpoint("example.com/log/testdata", size, root_of(map(leaf_hash, ENTRIES[:size])))
    assert bytes(Note.parse(note)) == note


def test_proofs_are_made_from_another_programs_tile() -> None:
    files = Files({"tile/0/000.p/15": base64.b64decode(TESSERA["tile_0_000.p_15_b64"])})
    reader = TileReader(15, files.read)
    root = root_of(map(leaf_hash, ENTRIES))
    for index, entry in enumerate(ENTRIES):
        verify_inclusion(leaf_hash(entry), index, 15, inclusion_proof(index, 15, reader), root)


def test_seventy_thousand_entries_lie_in_the_tiles_that_the_specification_counts() -> None:
    tiles = list(tiles_of_growth(0, 70_000))
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert [tile for tile in tiles if tile.width < 256] == [TileId(0, 273, 112), TileId(1, 1, 17), TileId(2, 0, 1)]
    assert [tile for tile in tiles if tile.level == 1] == [TileId(1, 0), TileId(1, 1, 17)]


def test_a_full_tile_makes_a_partial_one_above() -> None:
    assert list(tiles_of_growth(0, 256)) == [TileId(0, 0), TileId(1, 0, 1)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TileId(0, 1234067), "tile/0/x001/x234/067"),
        (TileId(0, 0, 1), "tile/0/000.p/1"),
        (TileId(63, 999, 255), "tile/63/999.p/255"),
        (TileId(1, 1000), "tile/1/x001/000"),
        (BundleId(1234067, 7), "tile/entries/x001/x234/067.p/7"),
        (BundleId(0), "tile/entries/000"),
    ],
)
def test_a_path_says_which_file(tile: TileId | BundleId, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/1",
        "tile/64/000",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/../0/000",
    ],
)
def test_a_path_that_no_log_writes_is_refused(path: str) -> None:
    with pytest.raises(TileMalformed):
        parse_path(path)


@given(st.integers(0, 10**9), st.integers(0, 63), st.integers(1, 256))
def test_every_path_is_read_back(index: int, level: int, width: int) -> None:
    assert parse_path(TileId(level, index, width).path) == TileId(level, index, width)
    assert parse_path(BundleId(index, width).path) == BundleId(index, width)


@given(st.lists(st.integers(0, 3_000), min_size=1, max_size=5).map(sorted), st.data())
def test_a_tree_written_in_any_steps_proves_everything(sizes: list[int], data: st.DataObject) -> None:
    edge, files = grown(*sizes)
    size = sizes[-1]
    assert edge.root() == root_of(LEAVES[:size])
    if size:
        reader = TileReader(size, files.read, keep=2)
        index = data.draw(st.integers(0, size - 1))
        verify_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, reader), edge.root())
        earlier = data.draw(st.integers(1, size))
        proof = consistency_proof(earlier, size, reader)
        verify_consistency(earlier, root_at(earlier, reader), size, edge.root(), proof)


@given(st.integers(0, 3_000), st.integers(0, 3_000))
def test_growth_writes_exactly_the_tiles_it_announces(old: int, more: int) -> None:
    edge, _ = grown(old)
    assert [tile for tile, _ in edge.grow(LEAVES[old : old + more])] == list(tiles_of_growth(old, old + more))


@given(st.integers(0, 3_000), st.integers(1, 3_000))
def test_a_tree_goes_on_from_its_tiles(old: int, more: int) -> None:
    edge, files = grown(old)
    again = TreeEdge.read(old, files.read)
    assert again.root() == edge.root()
    assert again.grow(LEAVES[old : old + more]) == edge.grow(LEAVES[old : old + more])
    assert again.root() == root_of(LEAVES[: old + more])


def test_three_levels_of_tiles_agree_with_the_tree() -> None:
    edge, files = grown(65_535, 65_536, 65_537, 70_000)
    assert edge.root() == root_of(LEAVES)
    reader = TileReader(70_000, files.read)
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        verify_inclusion(LEAVES[index], index, 70_000, inclusion_proof(index, 70_000, reader), edge.root())


def test_the_bundles_of_a_growth_begin_with_the_one_that_was_unfinished() -> None:
    assert list(bundles_of_growth(300, 600)) == [BundleId(1), BundleId(2, 88)]
    assert list(bundles_of_growth(256, 512)) == [BundleId(1)]
    assert list(bundles_of_growth(7, 7)) == []


def test_a_partial_tile_that_was_tidied_away_is_cut_from_the_full_one() -> None:
    _, files = grown(256)
    assert read_tile(TileId(0, 0, 10), files.read) == b"".join(LEAVES[:10])
    files["tile/entries/000"] = pack_entries([b"x"] * 256)
    assert read_bundle(BundleId(0, 10), files.read) == [b"x"] * 10


def test_a_tile_that_is_nowhere_is_missing() -> None:
    with pytest.raises(TileMissing):
        read_tile(TileId(0, 0), Files().read)
    with pytest.raises(TileMissing):
        read_bundle(BundleId(0), Files().read)


def test_a_tile_of_the_wrong_length_is_malformed() -> None:
    with pytest.raises(TileMalformed):
        read_tile(TileId(0, 0, 2), Files({"tile/0/000.p/2": bytes(63)}).read)


@pytest.mark.parametrize(("level", "index"), [(0, 5), (0, -1), (3, 0), (1, 2)])
def test_a_node_outside_the_tree_is_missing(level: int, index: int) -> None:
    _, files = grown(5)
    with pytest.raises(TileMissing):
        TileReader(5, files.read)(level, index)


@given(st.lists(st.binary(max_size=300), max_size=300))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert unpack_entries(pack_entries(entries), len(entries)) == entries


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5), st.data())
def test_a_bundle_that_is_cut_is_malformed(entries: list[bytes], data: st.DataObject) -> None:
    bundle = pack_entries(entries)
    with pytest.raises(TileMalformed):
        unpack_entries(bundle[: data.draw(st.integers(0, len(bundle) - 1))], len(entries))


def test_a_bundle_with_something_behind_it_is_malformed() -> None:
    for extra in (b"\x00", b"\x00\x00"):
        with pytest.raises(TileMalformed):
            unpack_entries(pack_entries([b"one"]) + extra, 1)


def test_an_entry_of_65_535_bytes_fits_and_no_longer_one() -> None:
    assert unpack_entries(pack_entries([b"x" * 65_535]), 1) == [b"x" * 65_535]
    with pytest.raises(TileMalformed):
        pack_entries([b"x" * 65_536])


def test_a_leaf_that_is_no_hash_is_not_appended() -> None:
    edge = TreeEdge()
    with pytest.raises(TileMalformed):
        edge.grow([b"short"])
    assert edge.size == 0
