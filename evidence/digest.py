"""SHA-256 digests as values, and the running digest of a stream.

The only digest that Dockline makes promises about is SHA-256 (FIPS 180-4) over the bytes as the camera wrote them. A
CRC-32 (ISO 3309, as ZIP uses it) is taken in the same pass, because the layout of a court bundle needs it later and a
second reading of a gigabyte does not come free.
"""

import hashlib
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from evidence.errors import NotADigest

_TEXT = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest: 32 bytes. Its text form is ``sha256:`` and 64 lower-case hexadecimal digits."""

    value: bytes

    def __post_init__(self) -> None:
        if len(self.value) != 32:
            raise NotADigest(f"a SHA-256 digest has 32 bytes, not {len(self.value)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form; raises :class:`NotADigest` on anything else, upper case included."""
        if not _TEXT.fullmatch(text):
            raise NotADigest(f"not a digest of the form sha256:<64 hex digits>: {text[:80]!r}")
        return cls(bytes.fromhex(text[7:]))

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of bytes that are at hand in full."""
        return cls(hashlib.sha256(data).digest())

    @property
    def hex(self) -> str:
        """64 lower-case hexadecimal digits."""
        return self.value.hex()

    def __str__(self) -> str:
        return f"sha256:{self.value.hex()}"


class StreamDigest:
    """The digest, CRC-32 and length of a stream, taken in one pass."""

    __slots__ = ("_crc", "_sha", "size")

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._crc = 0
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes; both sums run without the interpreter's lock for buffers above 2 KiB."""
        self._sha.update(data)
        self._crc = zlib.crc32(data, self._crc)
        self.size += len(data)

    @property
    def digest(self) -> Digest:
        """The digest of all bytes taken so far."""
        return Digest(self._sha.digest())

    @property
    def crc32(self) -> int:
        """The CRC-32 of all bytes taken so far, unsigned."""
        return self._crc

    @classmethod
    def over(cls, chunks: Iterable[bytes]) -> Self:
        """Run over all chunks of an iterable."""
        running = cls()
        for chunk in chunks:
            running.update(chunk)
        return running
