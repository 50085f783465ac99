"""The tree against RFC 6962's published vectors, against its definition, and against forgers."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.merkle import (
    EMPTY_ROOT,
    CompactRange,
    MalformedProof,
    MerkleError,
    NotAnExtension,
    NotInTree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    parents,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/ledger/rfc6962-proof-vectors.json").read_text())
DUMMY_ROOTS = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"
SIZES = st.integers(1, 300)


def unpack(value: str | None) -> bytes:
    return base64.b64decode(value or "")


def unpack_all(values: list[str] | None) -> list[bytes]:
    return [unpack(value) for value in values or ()]


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"entry %d" % number) for number in range(count)]


def mth(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word."""
    if not hashes:
        return EMPTY_ROOT
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return node_hash(mth(hashes[:k]), mth(hashes[k:]))


class Nodes:
    """All perfect subtrees of some leaves, by definition."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.hashes = hashes

    def __call__(self, level: int, index: int) -> bytes:
        part = self.hashes[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "only perfect subtrees are asked for"
        return mth(part)


def test_there_are_196_vectors_of_which_184_must_be_refused() -> None:
    every = VECTORS["inclusion"] + VECTORS["consistency"]
    assert len(every) == 196
    assert sum(vector["wantErr"] for vector in every) == 184


@pytest.mark.parametrize("vector", VECTORS["inclusion"], ids=lambda vector: vector["id"])
def test_inclusion_agrees_with_the_published_vector(vector: dict[str, Any]) -> None:
    given = (
        unpack(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        unpack_all(vector["proof"]),
        unpack(vector["root"]),
    )
    if vector["wantErr"]:
        with pytest.raises(MerkleError):
            verify_inclusion(*given)
    else:
        verify_inclusion(*given)


@pytest.mark.parametrize("vector", VECTORS["consistency"], ids=lambda vector: vector["id"])
def test_consistency_agrees_with_the_published_vector(vector: dict[str, Any]) -> None:
    size1, size2 = vector["size1"], vector["size2"]
    root1, root2 = unpack(vector["root1"]), unpack(vector["root2"])
    proof = unpack_all(vector["proof"])
    if vector["id"] == DUMMY_ROOTS:  # its roots are dummies of 12 bytes: see the vectors' README
        with pytest.raises(MalformedProof):
            verify_consistency(size1, root1, size2, root2, proof)
        root1, root2 = root1.ljust(32), root2.ljust(32)
    if vector["wantErr"]:
        with pytest.raises(MerkleError):
            verify_consistency(size1, root1, size2, root2, proof)
    else:
        verify_consistency(size1, root1, size2, root2, proof)


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_leaf_is_not_a_node() -> None:
    left, right = leaves(2)
    assert leaf_hash(left + right) != node_hash(left, right)


@given(SIZES)
def test_a_growing_tree_has_the_root_of_the_definition(size: int) -> None:
    hashes = leaves(size)
    assert root_of(hashes) == mth(hashes)
    assert root_at(size, Nodes(hashes)) == mth(hashes)


@given(SIZES, st.data())
def test_every_leaf_can_be_proven(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    proof = inclusion_proof(index, size, Nodes(hashes))
    verify_inclusion(hashes[index], index, size, proof, mth(hashes))
    assert len(proof) <= (size - 1).bit_length()


@given(SIZES, st.data())
def test_every_earlier_tree_can_be_proven_contained(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    hashes = leaves(size)
    proof = consistency_proof(earlier, size, Nodes(hashes))
    verify_consistency(earlier, mth(hashes[:earlier]), size, mth(hashes), proof)


@given(SIZES, st.data())
def test_a_proof_of_one_entry_proves_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size))
    hashes = leaves(size)
    proof = inclusion_proof(index, size, Nodes(hashes))
    if other != index:
        with pytest.raises(MerkleError):
            verify_inclusion(hashes[index], other, size, proof, mth(hashes))
    with pytest.raises(NotInTree):
        verify_inclusion(leaf_hash(b"never logged"), index, size, proof, mth(hashes))


@given(st.integers(2, 300), st.data())
def test_a_proof_with_any_bit_turned_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    proof = inclusion_proof(index, size, Nodes(hashes))
    where = data.draw(st.integers(0, len(proof) - 1))
    bit = data.draw(st.integers(0, 255))
    proof[where] = (int.from_bytes(proof[where], "big") ^ 1 << bit).to_bytes(32, "big")
    with pytest.raises(NotInTree):
        verify_inclusion(hashes[index], index, size, proof, mth(hashes))


@given(SIZES, st.data())
def test_a_proof_that_is_cut_or_stretched_is_malformed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    hashes = leaves(size)
    proof = inclusion_proof(index, size, Nodes(hashes))
    for wrong in (proof[:-1], [*proof, bytes(32)]):
        if wrong != proof:
            with pytest.raises(MalformedProof):
                verify_inclusion(hashes[index], index, size, wrong, mth(hashes))


@given(st.integers(2, 300), st.data())
def test_a_rewritten_history_is_no_extension(size: int, data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, earlier - 1))
    old = leaves(size)
    new = [*old[:changed], leaf_hash(b"rewritten"), *old[changed + 1 :]]
    proof = consistency_proof(earlier, size, Nodes(new))
    with pytest.raises(NotAnExtension):
        verify_consistency(earlier, mth(old[:earlier]), size, mth(new), proof)


@given(st.integers(0, 300), st.integers(0, 40))
def test_a_tree_goes_on_from_its_peaks(size: int, more: int) -> None:
    hashes = leaves(size + more)
    before = CompactRange()
    before.extend(hashes[:size])
    after = CompactRange.of(size, before.nodes)
    after.extend(hashes[size:])
    assert after.root() == mth(hashes)
    assert CompactRange.read(size, Nodes(hashes)).nodes == before.nodes


@pytest.mark.parametrize(("size", "peaks"), [(3, 1), (4, 2), (-1, 0), (0, 1)])
def test_peaks_that_do_not_fit_the_size_are_refused(size: int, peaks: int) -> None:
    with pytest.raises(MalformedProof):
        CompactRange.of(size, [bytes(32)] * peaks)


def test_a_peak_that_is_no_hash_is_refused() -> None:
    with pytest.raises(MalformedProof):
        CompactRange.of(1, [b"short"])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_nothing_outside_the_tree_can_be_proven(index: int, size: int) -> None:
    with pytest.raises(MalformedProof):
        inclusion_proof(index, size, Nodes(leaves(4)))
    with pytest.raises(MalformedProof):
        verify_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("size1", "size2"), [(0, 4), (5, 4), (-1, 4)])
def test_an_empty_or_larger_earlier_tree_proves_nothing(size1: int, size2: int) -> None:
    with pytest.raises(MalformedProof):
        consistency_proof(size1, size2, Nodes(leaves(4)))
    with pytest.raises(MalformedProof):
        verify_consistency(size1, bytes(32), size2, bytes(32), [])


def test_an_odd_last_hash_has_no_parent_yet() -> None:
    one, two, three = leaves(3)
    assert parents(one + two + three) == node_hash(one, two)
