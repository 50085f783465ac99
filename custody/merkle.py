"""The Merkle tree of RFC 6962 (SHA-256): growing it, proving from it, and checking proofs without it.

Nothing in here knows where hashes are kept. A tree grows as a :class:`CompactRange`, which remembers only the roots of
its perfect subtrees; proofs are made from a reader that answers "the root of the perfect subtree at this level and
index"; and verification needs nothing but the proof. Verification raises, so that a forgotten ``if`` cannot accept a
forged proof, and it is strict where a textbook is lax: every hash has 32 bytes, an index lies inside its tree, a proof
has exactly as many hashes as its tree demands, and an empty earlier tree proves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Self

from evidence.errors import DocklineError

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()
LEAF_PREFIX = b"\x00"  # RFC 6962 section 2.1: leaves and nodes are hashed apart, so that neither can pass as the other
NODE_PREFIX = b"\x01"

NodeReader = Callable[[int, int], bytes]
"""Answers the root of the perfect subtree of ``2**level`` leaves at an index of its level: ``reader(level, index)``."""


class MerkleError(DocklineError):
    """A tree or a proof is not what it says it is."""

    code = "merkle"
    advice = "Do not rely on this proof; ask for it again, and keep this copy for whoever investigates."


class MalformedProof(MerkleError):
    """A proof, a hash or a size cannot belong to any tree."""

    code = "malformed-proof"


class NotInTree(MerkleError):
    """An inclusion proof leads to another root: the entry is not in that tree at that place."""

    code = "not-in-tree"


class NotAnExtension(MerkleError):
    """A consistency proof fails: the later tree does not contain the earlier one unchanged."""

    code = "not-an-extension"
    advice = "One of the two histories was rewritten. Keep both checkpoints and tell the log's auditor."


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry as a leaf: SHA-256 over 0x00 and the entry."""
    return sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 over 0x01 and its two children."""
    return sha256(NODE_PREFIX + left + right).digest()


def parents(hashes: bytes) -> bytes:
    """The level above a run of concatenated hashes; an odd last hash has no parent yet and is left out."""
    pairs = range(0, len(hashes) // 64 * 64, 64)
    return b"".join([sha256(NODE_PREFIX + hashes[at : at + 64]).digest() for at in pairs])


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes (not entries); that of no leaves is SHA-256 of nothing."""
    tree = CompactRange()
    tree.extend(leaf_hashes)
    return tree.root()


class CompactRange:
    """A growing tree that remembers only the roots of its perfect subtrees, largest first: log2(size) hashes."""

    __slots__ = ("_nodes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    @classmethod
    def of(cls, size: int, nodes: Sequence[bytes]) -> Self:
        """Take up a tree again from its size and :attr:`nodes`; raises :class:`MalformedProof` when they do not fit."""
        if size < 0 or len(nodes) != size.bit_count():
            raise MalformedProof(f"a tree of {size} leaves does not have {len(nodes)} perfect subtrees")
        for node in nodes:
            _require_hash(node)
        tree = cls()
        tree.size = size
        tree._nodes = list(nodes)
        return tree

    @classmethod
    def read(cls, size: int, reader: NodeReader) -> Self:
        """Take up a tree of a size again from wherever its nodes are kept."""
        return cls.of(size, _perfect_nodes(0, size, reader))

    @property
    def nodes(self) -> tuple[bytes, ...]:
        """Roots of the perfect subtrees from left to right, one for each bit that is set in the size."""
        return tuple(self._nodes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes at the right, in order. Amortised one node hash a leaf."""
        nodes, size = self._nodes, self.size
        for leaf in leaves:
            node, left = leaf, size
            while left & 1:
                node = sha256(NODE_PREFIX + nodes.pop() + node).digest()
                left >>= 1
            nodes.append(node)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return _fold(self._nodes) if self._nodes else EMPTY_ROOT


def root_at(size: int, reader: NodeReader) -> bytes:
    """The root of the first ``size`` leaves."""
    return _subtree(0, size, reader) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, reader: NodeReader) -> list[bytes]:
    """The hashes that lead from a leaf to the root of a tree of ``size`` leaves, sibling first (RFC 6962, 2.1.1).

    Raises :class:`MalformedProof` when the index does not lie inside the tree.
    """
    if not 0 <= index < size:
        raise MalformedProof(f"there is no entry {index} in a tree of {size}")
    proof: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(_subtree(middle, high, reader))
            high = middle
        else:
            proof.append(_subtree(low, middle, reader))
            low = middle
    return proof[::-1]


def consistency_proof(size1: int, size2: int, reader: NodeReader) -> list[bytes]:
    """The hashes that show a tree of ``size1`` leaves unchanged inside one of ``size2`` (RFC 6962, 2.1.2).

    Raises :class:`MalformedProof` unless ``0 < size1 <= size2``.
    """
    if not 0 < size1 <= size2:
        raise MalformedProof(f"nothing can be proven between trees of {size1} and {size2}")
    proof: list[bytes] = []
    low, high = 0, size2
    while size1 != high:
        middle = low + _split(high - low)
        if size1 <= middle:
            proof.append(_subtree(middle, high, reader))
            high = middle
        else:
            proof.append(_subtree(low, middle, reader))
            low = middle
    if low:  # otherwise the last subtree is the whole earlier tree, whose root the verifier brings along
        proof.append(_subtree(low, high, reader))
    return proof[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2); raises :class:`MalformedProof`."""
    if not 0 <= index < size:
        raise MalformedProof(f"there is no entry {index} in a tree of {size}")
    _require_hash(leaf)
    node, place, last = leaf, index, size - 1
    for sibling in proof:
        _require_hash(sibling)
        if not last:
            raise MalformedProof(f"{len(proof)} hashes are too many for entry {index} of {size}")
        if place & 1 or place == last:
            node = node_hash(sibling, node)
            place, last = _climb_past_missing(place, last)
        else:
            node = node_hash(node, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise MalformedProof(f"{len(proof)} hashes are too few for entry {index} of {size}")
    return node


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return only if the leaf hash is at that index of the tree with that root and size.

    Raises :class:`NotInTree` when the proof leads elsewhere, :class:`MalformedProof` when it can lead nowhere.
    """
    _require_hash(root)
    if root_from_inclusion(leaf, index, size, proof) != root:
        raise NotInTree(f"the proof for entry {index} does not lead to the root of the tree of {size}")


def verify_consistency(size1: int, root1: bytes, size2: int, root2: bytes, proof: Sequence[bytes]) -> None:
    """Return only if the later tree begins with the earlier one, unchanged (RFC 9162, 2.1.4.2).

    Raises :class:`NotAnExtension` when the proof shows otherwise, :class:`MalformedProof` when it can show nothing;
    an empty earlier tree is the latter, because everything extends it.
    """
    if not 0 < size1 <= size2:
        raise MalformedProof(f"nothing can be proven between trees of {size1} and {size2}")
    for item in (root1, root2, *proof):
        _require_hash(item)
    if size1 == size2:
        if proof:
            raise MalformedProof("two trees of one size need no proof, yet there is one")
        if root1 != root2:
            raise NotAnExtension(f"there are two different trees of {size1} entries")
        return
    got1, got2 = _roots_from_consistency(size1, root1, size2, proof)
    if got1 != root1:
        raise NotAnExtension(f"the proof does not lead to the root of the earlier tree of {size1}")
    if got2 != root2:
        raise NotAnExtension(f"the proof does not lead to the root of the later tree of {size2}")


def _roots_from_consistency(size1: int, root1: bytes, size2: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        raise MalformedProof(f"no hashes are too few between trees of {size1} and {size2}")
    place, last = size1 - 1, size2 - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if not last:
            raise MalformedProof(f"{len(proof)} hashes are too many between trees of {size1} and {size2}")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            place, last = _climb_past_missing(place, last)
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last:
        raise MalformedProof(f"{len(proof)} hashes are too few between trees of {size1} and {size2}")
    return old, new


def _climb_past_missing(place: int, last: int) -> tuple[int, int]:
    """At the right edge a node without a right sibling is its own parent: skip those levels."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _require_hash(value: bytes) -> None:
    if len(value) != HASH_SIZE:
        raise MalformedProof(f"a SHA-256 hash has {HASH_SIZE} bytes, not {len(value)}")


def _split(width: int) -> int:
    """The largest power of two that is smaller than a width of at least two: where RFC 6962 splits a tree."""
    return 1 << (width - 1).bit_length() - 1


def _perfect_nodes(low: int, high: int, reader: NodeReader) -> list[bytes]:
    nodes = []
    while low < high:
        level = (high - low).bit_length() - 1
        nodes.append(reader(level, low >> level))
        low += 1 << level
    return nodes


def _subtree(low: int, high: int, reader: NodeReader) -> bytes:
    return _fold(_perfect_nodes(low, high, reader))


def _fold(nodes: Sequence[bytes]) -> bytes:
    """The root over perfect subtrees of falling size: the smaller ones on the right hang together first."""
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root
