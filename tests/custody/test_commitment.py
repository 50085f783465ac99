"""Commitments: open to whoever is shown value and salt, shut to everybody else."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.commitment import Commitment, CommitmentMismatch, NotACommitment, new_salt


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(min_size=32, max_size=32))
def test_a_commitment_is_the_hash_of_salt_and_value(value: str, salt: bytes) -> None:
    made = Commitment.of(value, salt)
    assert made.value == sha256(salt + value.encode()).digest()
    assert Commitment.parse(str(made)) == made
    made.open(value, salt)


def test_another_value_or_another_salt_does_not_open_it() -> None:
    salt = new_salt()
    made = Commitment.of("PC 1234 Smith", salt)
    for value, other in (("PC 1235 Smith", salt), ("PC 1234 Smith", new_salt())):
        with pytest.raises(CommitmentMismatch):
            made.open(value, other)


def test_one_value_under_two_salts_cannot_be_linked() -> None:
    assert Commitment.of("Smith", new_salt()) != Commitment.of("Smith", new_salt())


def test_a_salt_has_32_bytes() -> None:
    assert len(new_salt()) == 32
    with pytest.raises(NotACommitment):
        Commitment.of("Smith", b"short")


@pytest.mark.parametrize(
    "text",
    ["", "salted-sha256:", "sha256:" + "a" * 64, "salted-sha256:" + "A" * 64, "salted-sha256:" + "a" * 64 + "\n"],
)
def test_a_text_that_is_no_commitment_is_refused(text: str) -> None:
    with pytest.raises(NotACommitment):
        Commitment.parse(text)


def test_a_commitment_has_32_bytes() -> None:
    with pytest.raises(NotACommitment):
        Commitment(b"short")
