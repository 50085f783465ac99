"""The identifiers of the field, parsed once into frozen types.

A *URN* (Unique Reference Number) names a case for police, prosecution and courts: two digits of force, two letters of
unit, five digits of serial, two of year, such as ``21AB1234525``. Others occur in practice, so the shape is a warning
and never a refusal. An *exhibit reference* is the producer's initials and a number, ``JAS/1``; a working copy of it
adds letters, ``JAS/1A``.
"""

import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Self

from evidence.errors import NotAnIdentifier

_URN = re.compile(r"\d{2}[A-Z]{2}\d{7}")
_EXHIBIT = re.compile(r"([A-Z]{1,5})/([1-9]\d{0,4})([A-Z]{0,2})")
_ID = re.compile(r"[a-z]{2,5}_[0-9a-f]{32}")


def new_id(prefix: str) -> str:
    """A fresh identifier: a prefix of two to five letters, an underscore, 48 bits of milliseconds and 80 random bits.

    It sorts by the time of its making, as UUIDv7 (RFC 9562) does, and cannot be guessed.
    """
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def parse_id(text: str, prefix: str) -> str:
    """Return ``text`` when it is an identifier with that prefix; raises :class:`NotAnIdentifier` otherwise."""
    if not _ID.fullmatch(text) or not text.startswith(prefix + "_"):
        raise NotAnIdentifier(f"not an identifier of the kind {prefix}: {text[:60]!r}")
    return text


@dataclass(frozen=True, slots=True, order=True)
class Urn:
    """A case's Unique Reference Number, upper case without blanks."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Forgive case, blanks, slashes and dashes; refuse what is empty, too long or not letters and digits."""
        plain = re.sub(r"[\s/\-._]+", "", unicodedata.normalize("NFKC", text)).upper()
        if not re.fullmatch(r"[0-9A-Z]{3,40}", plain):
            raise NotAnIdentifier(
                f"not a reference number: {text[:60]!r}",
                advice="Use letters and digits only, such as 21AB1234525.",
            )
        return cls(plain)

    @property
    def is_standard(self) -> bool:
        """Whether it has the national shape; when not, pages warn and go on."""
        return _URN.fullmatch(self.text) is not None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, order=True)
class ExhibitRef:
    """An exhibit's reference: producer's initials, number, and letters when it is a working copy."""

    initials: str
    number: int
    copy: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``JAS/1`` or ``JAS/1A``; raises :class:`NotAnIdentifier`."""
        found = _EXHIBIT.fullmatch(text.strip().upper())
        if found is None:
            raise NotAnIdentifier(f"not an exhibit reference: {text[:40]!r}", advice="Write it like JAS/1 or JAS/1A.")
        return cls(found[1], int(found[2]), found[3])

    @property
    def is_working_copy(self) -> bool:
        """Whether it names a copy made from the master exhibit."""
        return bool(self.copy)

    def __str__(self) -> str:
        return f"{self.initials}/{self.number}{self.copy}"


def initials_of(name: str) -> str:
    """The initials an officer produces exhibits under: ``Jane Anne Smith`` gives ``JAS``; at most five letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    letters = "".join(part[0] for part in re.findall(r"[A-Za-z]+", plain)).upper()[:5]
    return letters or "X"
