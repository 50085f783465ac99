"""Signed notes (c2sp.org/signed-note, commit 5ba5ee83): a text, an empty line, and signature lines below it.

A note is UTF-8 without control characters other than newline. The text ends with a newline and may hold empty lines;
the last empty line of all divides it from the signatures. A signature line is an em dash (U+2014), a space, the key's
name, a space, and base64 of the four bytes of the key's identifier followed by the signature. A name is not empty and
holds no Unicode space and no plus. This module takes notes apart and puts them together; :mod:`custody.signature` knows
keys.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self

from evidence.errors import DocklineError

MAX_NOTE = 1_000_000  # bytes: the specification asks verifiers for a limit of their own
MAX_SIGNATURES = 64  # lines; at least 16 must be accepted

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f]")


class NoteError(DocklineError):
    """A signed note cannot be relied on."""

    code = "note"
    advice = "Do not rely on it; ask for it again, and keep this copy for whoever investigates."


class MalformedNote(NoteError):
    """Bytes are not a signed note, or a text or a key's name cannot stand in one."""

    code = "malformed-note"


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature: the key's name, the four bytes of its identifier, and what its algorithm made of the text."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"

    @classmethod
    def parse(cls, line: str) -> Self:
        """Read a line without its newline; raises :class:`MalformedNote`."""
        parts = line.removeprefix(_DASH).split(" ")
        if not line.startswith(_DASH) or len(parts) != 2:
            raise MalformedNote(f"not a signature line: {line[:80]!r}")
        blob = decode_base64(parts[1])
        if len(blob) < 5:
            raise MalformedNote(f"no signature stands in the line of {parts[0][:80]!r}")
        return cls(checked_key_name(parts[0]), blob[:4], blob[4:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, none of them verified yet."""

    text: bytes
    signatures: tuple[SignatureLine, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take a signed note apart; raises :class:`MalformedNote` unless it has the form to the byte."""
        if len(data) > MAX_NOTE:
            raise MalformedNote(f"a note has at most {MAX_NOTE} bytes here, not {len(data)}")
        _require_plain_text(data)
        text, divider, block = data.rpartition(b"\n\n")
        if not divider or not block.endswith(b"\n"):
            raise MalformedNote("no signature lines stand below an empty line")
        lines = block.decode().split("\n")[:-1]  # not splitlines(), which also cuts at U+2028 and U+0085
        if len(lines) > MAX_SIGNATURES:
            raise MalformedNote(f"a note has at most {MAX_SIGNATURES} signatures here, not {len(lines)}")
        return cls(text + b"\n", tuple(SignatureLine.parse(line) for line in lines))

    def __bytes__(self) -> bytes:
        return self.text + b"\n" + "".join(map(str, self.signatures)).encode()


def checked_text(text: bytes) -> bytes:
    """Return a text that can be signed as a note; raises :class:`MalformedNote` for any other."""
    _require_plain_text(text)
    if not text.endswith(b"\n"):
        raise MalformedNote("the text of a note ends with a newline")
    return text


def checked_key_name(name: str) -> str:
    """Return a name that can stand in a signature line and a verifier key; raises :class:`MalformedNote`."""
    if not name or "+" in name or any(letter.isspace() or letter < " " for letter in name):
        raise MalformedNote(f"not the name of a key: {name[:80]!r}")
    return name


def decode_base64(text: str) -> bytes:
    """Standard base64 (RFC 4648 section 4), padded, in its one proper spelling; raises :class:`MalformedNote`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise MalformedNote(f"not base64: {text[:80]!r}") from wrong
    if base64.b64encode(data).decode() != text:  # stray bits behind the last byte would give one value two spellings
        raise MalformedNote(f"not base64 as it is written: {text[:80]!r}")
    return data


def decode_hash(text: str) -> bytes:
    """A SHA-256 hash in base64; raises :class:`MalformedNote`."""
    value = decode_base64(text)
    if len(value) != 32:
        raise MalformedNote(f"a SHA-256 hash has 32 bytes, not {len(value)}")
    return value


def decode_number(text: str) -> int:
    """An ASCII decimal below 2**63 without leading zeroes; raises :class:`MalformedNote`."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise MalformedNote(f"not a decimal number: {text[:40]!r}")
    value = int(text)
    if value >= 1 << 63:
        raise MalformedNote(f"the number is too large: {text}")
    return value


def _require_plain_text(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        raise MalformedNote("not UTF-8") from wrong
    if _CONTROL.search(data):
        raise MalformedNote("a control character other than newline")
