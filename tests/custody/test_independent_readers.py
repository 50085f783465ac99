"""What this ledger writes, read by a program that others wrote: proofbundle, an implementation of the C2SP formats."""

import pytest
from proofbundle import merkle as theirs
from proofbundle.checkpoint import verify_checkpoint, verify_cosignature, verify_witnessed_checkpoint
from proofbundle.tlogproof import verify_tlog_proof

from custody.merkle import consistency_proof, inclusion_proof, leaf_hash
from custody.tile import TileReader
from tests.custody.logs import SmallLog, log_of, stored

LOG = SmallLog()
for _number in range(300):
    LOG.add(stored(f"rec_{_number}"))
LOG.publish(LOG.cosigned())
NOTE = LOG.files["checkpoint"].decode()
READER = TileReader(300, LOG.read)


def test_another_program_accepts_our_checkpoint() -> None:
    assert verify_checkpoint(NOTE, str(LOG.key))["ok"]


def test_another_program_accepts_our_witnesss_cosignature() -> None:
    assert verify_cosignature(NOTE, str(LOG.witness_key))["ok"]
    found = verify_witnessed_checkpoint(NOTE, str(LOG.key), [str(LOG.witness_key)], threshold=1)
    assert found["ok"]


@pytest.mark.parametrize("index", [0, 1, 127, 255, 256, 299])
def test_another_program_accepts_our_proof_file(index: int) -> None:
    proof = LOG.proof(index).decode()
    found = verify_tlog_proof(proof, LOG.entries[index], str(LOG.key), [str(LOG.witness_key)], threshold=1)
    assert found["ok"], found
    wrong = verify_tlog_proof(proof, LOG.entries[index - 1], str(LOG.key), [str(LOG.witness_key)], threshold=1)
    assert not wrong["ok"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 64, 255, 256, 257, 300])
def test_another_program_computes_our_roots_and_proofs(size: int) -> None:
    log = log_of(stored(f"rec_{number}") for number in range(size))
    reader = TileReader(size, log.read)
    assert theirs.merkle_tree_hash(log.entries) == log.checkpoint.root
    for index in {0, size // 2, size - 1}:
        assert theirs.inclusion_proof(log.entries, index) == inclusion_proof(index, size, reader)
    for earlier in {1, size // 2 or 1, size}:
        assert theirs.consistency_proof(log.entries, earlier) == consistency_proof(earlier, size, reader)


def test_another_program_hashes_a_leaf_as_we_do() -> None:
    assert theirs.leaf_hash(LOG.entries[0]) == leaf_hash(LOG.entries[0])
