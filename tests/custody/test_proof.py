"""Proof files and receipts: what a dock and a court hold in their hands."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.entry import NotAnEntry
from custody.merkle import MalformedProof, MerkleError, NotInTree
from custody.note import NoteError
from custody.policy import NotByTrustedLog, QuorumMissing
from custody.proof import ReceiptRefused, TlogProof, verify_receipt
from evidence.digest import Digest
from tests.custody.logs import SmallLog, log_of, made, stored

ACTS = [stored(f"rec_{number}", b"clip %d" % number) for number in range(300)]
LOG = log_of(ACTS)
HASH = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize("index", [0, 1, 255, 256, 299])
def test_a_receipt_says_what_was_stored_and_where_that_stands(index: int) -> None:
    receipt = verify_receipt(LOG.proof(index), LOG.entries[index], LOG.policy)
    assert receipt.digest == Digest.of(b"clip %d" % index)
    assert receipt.recording == f"rec_{index}"
    assert receipt.record.act == ACTS[index]
    assert receipt.index == index
    assert receipt.under.checkpoint == LOG.checkpoint
    receipt.require_file(Digest.of(b"clip %d" % index))


def test_a_receipt_for_another_file_wipes_nothing() -> None:
    receipt = verify_receipt(LOG.proof(7), LOG.entries[7], LOG.policy)
    with pytest.raises(ReceiptRefused, match="is for the file"):
        receipt.require_file(Digest.of(b"clip 8"))


def test_a_proof_of_anything_but_storage_is_no_receipt() -> None:
    log = log_of([stored("rec_1"), made("rec_1", b"proxy")])
    with pytest.raises(ReceiptRefused, match="rendition_made"):
        verify_receipt(log.proof(1), log.entries[1], log.policy)


def test_something_in_the_log_that_is_no_entry_is_no_receipt() -> None:
    log = SmallLog()
    log.append(b"stored, honestly")
    log.publish()
    with pytest.raises(NotAnEntry):
        verify_receipt(log.proof(0), log.entries[0], log.policy)


def test_an_entry_that_is_not_in_the_log_has_no_receipt() -> None:
    forged = LOG.entries[7].replace(b"rec_7", b"rec_8")
    with pytest.raises(NotInTree):
        verify_receipt(LOG.proof(7), forged, LOG.policy)


def test_a_proof_of_one_entry_is_no_receipt_for_another() -> None:
    with pytest.raises(NotInTree):
        verify_receipt(LOG.proof(7), LOG.entries[8], LOG.policy)


def test_a_receipt_by_a_log_that_is_not_trusted_wipes_nothing() -> None:
    imposter = log_of(ACTS)  # same origin, same entries, another key
    with pytest.raises(NotByTrustedLog):
        verify_receipt(imposter.proof(7), imposter.entries[7], LOG.policy)


def test_a_receipt_can_demand_the_witnesses() -> None:
    log = SmallLog()
    log.add(stored("rec_1"))
    log.publish()
    with pytest.raises(QuorumMissing):
        verify_receipt(log.proof(0), log.entries[0], log.witnessed_policy)
    log.publish(log.cosigned())
    assert verify_receipt(log.proof(0), log.entries[0], log.witnessed_policy).under.witnesses == {
        "court": 1_795_000_000
    }


def test_a_proof_file_reads_as_specified() -> None:
    log = log_of([stored("rec_1"), stored("rec_2")])
    head, _, checkpoint = log.proof(1).partition(b"\n\n")
    first, index, sibling = head.decode().split("\n")
    assert (first, index) == ("c2sp.org/tlog-proof@v1", "index 1")
    assert len(base64.b64decode(sibling)) == 32
    assert checkpoint == log.files["checkpoint"]


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(max_size=200),
    st.none() | st.binary(max_size=100),
)
def test_a_proof_file_is_read_back(index: int, hashes: tuple[bytes, ...], note: bytes, extra: bytes | None) -> None:
    proof = TlogProof(index, hashes, note, extra)
    assert TlogProof.parse(bytes(proof)) == proof


def test_extra_data_is_carried_and_not_believed() -> None:
    proof = replace(TlogProof.parse(LOG.proof(7)), extra=b"anything at all")
    assert b"\nextra " in bytes(proof)
    assert verify_receipt(bytes(proof), LOG.entries[7], LOG.policy).recording == "rec_7"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "index 0",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0",
        " c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\r\nindex 0",
        f"c2sp.org/tlog-proof@v1\n{HASH}",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex ",
        "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex 1.0",
        "c2sp.org/tlog-proof@v1\nindex 0 ",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808",
        "c2sp.org/tlog-proof@v1\nextra ?\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH[:-4]}",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH} ",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        "c2sp.org/tlog-proof@v1\nindex 0\n\udcff",
    ],
)
def test_a_file_that_is_no_proof_is_refused(head: str) -> None:
    data = head.encode("utf-8", "surrogateescape") + b"\n\n" + LOG.files["checkpoint"]
    with pytest.raises(MalformedProof):
        verify_receipt(data, LOG.entries[0], LOG.policy)


def test_a_proof_without_a_checkpoint_is_refused() -> None:
    with pytest.raises(MalformedProof):
        TlogProof.parse(b"c2sp.org/tlog-proof@v1\nindex 0\n")


def test_a_file_that_is_far_too_long_is_refused() -> None:
    with pytest.raises(MalformedProof):
        TlogProof.parse(b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + b"x" * 2_000_000)


@given(st.integers(0, 299), st.data())
def test_a_receipt_with_any_byte_changed_is_refused(index: int, data: st.DataObject) -> None:
    good = LOG.proof(index)
    where = data.draw(st.integers(0, len(good) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != good[where]))
    with pytest.raises((MerkleError, NoteError)):
        verify_receipt(good[:where] + bytes((byte,)) + good[where + 1 :], LOG.entries[index], LOG.policy)


@given(st.integers(0, 299), st.data())
def test_a_receipt_that_is_cut_is_refused(index: int, data: st.DataObject) -> None:
    good = LOG.proof(index)
    with pytest.raises((MerkleError, NoteError)):
        verify_receipt(good[: data.draw(st.integers(0, len(good) - 1))], LOG.entries[index], LOG.policy)
