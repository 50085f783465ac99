"""Checkpoints (c2sp.org/tlog-checkpoint, commit 5ba5ee83): the size and root of a log's tree, as the text of a note.

The text has at least three lines: the log's origin, the number of entries in decimal, the root hash in base64. Further
lines are extensions, not empty, and discouraged; this ledger writes none, and reads those of others without
believing them. :mod:`custody.signature` signs the text, :mod:`custody.policy` decides whose signatures count.
"""

import base64
from dataclasses import dataclass
from typing import Self

from custody.merkle import HASH_SIZE
from custody.note import MalformedNote, decode_hash, decode_number


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's tree was at one moment: its origin, its number of entries, its root of 32 bytes."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.origin or not 0 <= self.size < 1 << 63 or len(self.root) != HASH_SIZE:
            raise MalformedNote("a checkpoint has an origin, a size and a root of 32 bytes")
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise MalformedNote("a line of a checkpoint is empty or more than one")

    @property
    def text(self) -> bytes:
        """The text of the note, final newline included: what is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """Read the text of a note; raises :class:`~custody.note.MalformedNote` unless it is a checkpoint's."""
        try:
            lines = text.decode().split("\n")
        except UnicodeDecodeError as wrong:
            raise MalformedNote("not UTF-8") from wrong
        if len(lines) < 4 or lines.pop():
            raise MalformedNote("a checkpoint has three lines or more, each ended by a newline")
        return cls(lines[0], decode_number(lines[1]), decode_hash(lines[2]), tuple(lines[3:]))
