"""Commitments: a personal value stands in the ledger as SHA-256(salt || value), and can be erased elsewhere.

The value and its salt of 32 random bytes live in a table that can be erased (UK GDPR article 17, DPA 2018 s.47). While
they live, anyone who is shown both can check them against the entry; once they are gone, 256 unknown bits stand before
the value, so that not even a guess ("was it this officer?") can be tried. Without the salt, a name or a collar number
would be found by trying them all.
"""

import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from evidence.errors import BadInput, DocklineError

SALT_SIZE = 32
_TEXT = re.compile(r"salted-sha256:[0-9a-f]{64}")


class NotACommitment(BadInput):
    """A text is not a commitment of the form ``salted-sha256:<64 hex digits>``, or a salt has not 32 bytes."""

    code = "not-a-commitment"


class CommitmentMismatch(DocklineError):
    """A value and salt that were shown are not those that were committed to."""

    code = "commitment-mismatch"
    advice = "The value shown is not the one in the ledger. Rely on the ledger, and find out where the other came from."


@dataclass(frozen=True, slots=True)
class Commitment:
    """A salted commitment to a text. Its text form is ``salted-sha256:`` and 64 lower-case hexadecimal digits."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise NotACommitment(f"a commitment has 32 bytes, not {len(self.value)}")

    @classmethod
    def of(cls, value: str, salt: bytes) -> Self:
        """Commit to the UTF-8 bytes of a text, exactly as it is given, under a salt of :data:`SALT_SIZE` bytes."""
        if len(salt) != SALT_SIZE:
            raise NotACommitment(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
        return cls(sha256(salt + value.encode()).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raises :class:`NotACommitment`."""
        if not _TEXT.fullmatch(text):
            raise NotACommitment(f"not a commitment: {text[:90]!r}")
        return cls(bytes.fromhex(text[14:]))

    def open(self, value: str, salt: bytes) -> None:
        """Return only if this is the commitment to that value and salt; raises :class:`CommitmentMismatch`."""
        if Commitment.of(value, salt) != self:
            raise CommitmentMismatch("the value and salt do not belong to this commitment")

    def __str__(self) -> str:
        return f"salted-sha256:{self.value.hex()}"


def new_salt() -> bytes:
    """A fresh salt from the operating system's generator; one for each value, never shared between values."""
    return secrets.token_bytes(SALT_SIZE)
