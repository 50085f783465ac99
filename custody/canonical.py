"""Canonical JSON: one value, one sequence of bytes, so that a signature or a hash means the same to everyone.

The rules are our own and narrow. A value is an object whose members are strings, integers or such objects again:
no floats, no true, false or null (what is absent is left out), no arrays. Keys are lower-case ASCII words, sorted,
each once; there is no white space; text is UTF-8 without escapes except those JSON demands; integers stay within
2**53 - 1 either way. What comes out is therefore also canonical under RFC 8785, and readers of that standard agree.
Reading is strict: bytes that would not be written this way are refused, even where JSON would forgive them.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

from evidence.errors import BadInput

MAX_INTEGER = 2**53 - 1  # beyond it, other programs read JSON numbers as rounded doubles (RFC 8785 section 3.2.2.3)
MAX_DEPTH = 6

Value: TypeAlias = "str | int | Mapping[str, Value]"

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_write = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class NotCanonical(BadInput):
    """A value cannot be written as canonical JSON, or bytes are not written that way."""

    code = "not-canonical"
    advice = "Do not mend it by hand: a canonical entry is written by a program and never edited."


def encode(value: Mapping[str, Value]) -> bytes:
    """The canonical bytes of an object; raises :class:`NotCanonical` for what the rules leave out."""
    _check(value, 1)
    try:
        return _write.encode(value).encode()
    except UnicodeEncodeError as wrong:
        raise NotCanonical("a text holds half of a surrogate pair") from wrong


def encode_text(text: str) -> bytes:
    """The canonical bytes of one string, quotes included; raises :class:`NotCanonical`."""
    try:
        return _write.encode(text).encode()
    except UnicodeEncodeError as wrong:
        raise NotCanonical("a text holds half of a surrogate pair") from wrong


def decode(data: bytes) -> dict[str, Any]:
    """The object that was written as exactly these bytes; raises :class:`NotCanonical` for any others."""
    try:
        value = json.loads(data.decode(), parse_float=_refuse, parse_constant=_refuse)
        if type(value) is not dict:
            raise NotCanonical("the outermost value is not an object")
        # Whatever JSON forgives (blanks, order, doubled keys, escapes, 1.0) comes out of here as other bytes.
        if encode(value) != data:
            raise NotCanonical("the bytes are not the canonical form of what they say")
    except (ValueError, RecursionError) as wrong:
        raise NotCanonical(f"not JSON in UTF-8: {str(wrong)[:120]}") from wrong
    return value


def _check(value: Mapping[str, Value], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotCanonical(f"objects lie more than {MAX_DEPTH} deep")
    for key, member in value.items():
        if type(key) is not str or not _KEY.fullmatch(key):
            raise NotCanonical(f"not a lower-case word: {key!r:.80}")
        kind = type(member)
        if kind is str:
            continue
        if kind is dict:
            _check(member, depth + 1)  # type: ignore[arg-type]
        elif kind is not int or not -MAX_INTEGER <= member <= MAX_INTEGER:  # type: ignore[operator]
            raise NotCanonical(f"{key} is neither a string, an integer within 2**53 nor an object")


def _refuse(text: str) -> NoReturn:
    raise NotCanonical(f"only integers are numbers here, not {text[:40]}")
