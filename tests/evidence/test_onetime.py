"""One-time codes forgive what people do to them, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.errors import BadInput
from evidence.onetime import ALPHABET, code_hash, new_code, normalised
from evidence.sealing import hash_secret


def test_a_code_is_five_groups_of_four_without_letters_that_look_like_digits() -> None:
    code = new_code()
    assert [len(group) for group in code.split("-")] == [4] * 5
    assert not set("ILOU") & set(code)


def test_two_codes_are_never_the_same() -> None:
    assert len({new_code() for _ in range(1000)}) == 1000


@given(st.text(ALPHABET, min_size=20, max_size=20))
def test_case_blanks_dashes_and_lookalikes_do_not_matter(digits: str) -> None:
    sloppy = " ".join(digits.lower().replace("0", "o").replace("1", "l")[at : at + 5] for at in range(0, 20, 5))
    assert normalised(sloppy) == normalised(digits)
    assert normalised(normalised(digits)) == normalised(digits)


def test_a_code_is_kept_as_the_hash_of_its_normal_form() -> None:
    code = new_code()
    assert code_hash(code.lower().replace("-", " ")) == hash_secret(code)


@pytest.mark.parametrize(
    "typed", ["", "7KQ2", "7KQ2-M0XD-93BZ-HN4T-V8R", "7KQ2-M0XD-93BZ-HN4T-V8RU", "ß" * 20, "x" * 10**6]
)
def test_what_cannot_be_a_code_is_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        normalised(typed)
