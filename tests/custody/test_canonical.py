"""Canonical JSON: one value, one sequence of bytes, and nobody else's idea of it."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from custody.canonical import MAX_INTEGER, NotCanonical, decode, encode, encode_text

KEYS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = TEXTS | st.integers(-MAX_INTEGER, MAX_INTEGER)
VALUES = st.dictionaries(KEYS, LEAVES | st.dictionaries(KEYS, LEAVES, max_size=3), max_size=5)


@given(VALUES)
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert decode(encode(value)) == value


@given(VALUES)
def test_an_independent_writer_of_rfc_8785_writes_the_same(value: dict[str, Any]) -> None:
    assert encode(value) == rfc8785.dumps(value)


@given(VALUES, st.randoms())
def test_the_order_of_keys_makes_no_difference(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert encode(dict(items)) == encode(value)


@given(TEXTS)
def test_a_text_alone_is_written_as_it_is_inside(text: str) -> None:
    assert b'{"a":' + encode_text(text) + b"}" == encode({"a": text})


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.0},
        {"a": 1.5},
        {"a": True},
        {"a": None},
        {"a": ["x"]},
        {"a": MAX_INTEGER + 1},
        {"a": -MAX_INTEGER - 1},
        {"A": "x"},
        {"": "x"},
        {"a b": "x"},
        {"1a": "x"},
        {1: "x"},
        {"a": "\ud800"},
        {"a": b"x"},
        {"a" * 65: "x"},
        {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}},
    ],
    ids=str,
)
def test_a_value_that_the_rules_leave_out_is_not_written(value: Any) -> None:
    with pytest.raises(NotCanonical):
        encode(value)


def test_half_of_a_surrogate_pair_alone_is_not_written() -> None:
    with pytest.raises(NotCanonical):
        encode_text("\udfff")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b"1",
        b"null",
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":true}',
        b'{"a":null}',
        b'{"a":[]}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a": 1}',
        b'{"a":1} ',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b'{"b":1,"a":1}',
        b'{"a":1,"a":1}',
        b'{"a":"x","a":"y"}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        '{"a":1}'.encode("utf-16"),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_bytes_that_are_not_the_one_spelling_are_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


@given(VALUES, st.data())
def test_no_other_spelling_of_a_value_is_read(value: dict[str, Any], data: st.DataObject) -> None:
    other = json.dumps(value, indent=data.draw(st.sampled_from([None, 1]))).encode()
    if other != encode(value):
        with pytest.raises(NotCanonical):
            decode(other)
