"""Proofs that travel: one text file that shows, offline, that an entry is in the ledger (c2sp.org/tlog-proof, a draft).

The rules as this program holds to them, whatever becomes of the draft (read at commit 5ba5ee83). The file is UTF-8, its
lines end with a newline, its name ends in ``.tlog-proof``::

    c2sp.org/tlog-proof@v1
    extra <base64>              may be missing; not authenticated, so nothing is believed on its account
    index <number>              of the entry, from 0, in decimal
    <base64 of 32 bytes>        no, one or many lines: the inclusion proof, the leaf's sibling first (RFC 6962, 2.1.1)
                                an empty line
    <checkpoint>                the signed note, to the end of the file

The entry itself travels beside it. To verify: hash the entry as a leaf; see that the checkpoint is signed and cosigned
as the policy demands; see that the proof leads from the leaf to the checkpoint's root. A *receipt*, against which a
dock may wipe a camera, is such a proof of an entry that says ``stored``.
"""

import base64
from dataclasses import dataclass
from typing import Self

from custody.entry import Record
from custody.merkle import MalformedProof, leaf_hash, verify_inclusion
from custody.note import MalformedNote, decode_base64, decode_hash, decode_number
from custody.policy import Policy, VerifiedCheckpoint
from custody.vocabulary import ActKind
from evidence.digest import Digest
from evidence.errors import DocklineError

HEADER = "c2sp.org/tlog-proof@v1"
SUFFIX = ".tlog-proof"
MAX_PROOF = 2_000_000  # bytes


class ReceiptRefused(DocklineError):
    """A proof is good, but not a receipt for this file: nothing may be wiped on its account."""

    code = "receipt-refused"
    advice = "Do not wipe the camera. Dock it again, and tell the administrator if it happens once more."


@dataclass(frozen=True, slots=True)
class TlogProof:
    """An inclusion proof with its checkpoint, nothing of it verified yet. ``extra`` is opaque and never believed."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def __bytes__(self) -> bytes:
        extra = () if self.extra is None else (f"extra {base64.b64encode(self.extra).decode()}",)
        lines = (HEADER, *extra, f"index {self.index}", *(base64.b64encode(item).decode() for item in self.hashes))
        return "".join(f"{line}\n" for line in lines).encode() + b"\n" + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Take a proof file apart; raises :class:`~custody.merkle.MalformedProof` unless it has that very form."""
        head, divider, checkpoint = data.partition(b"\n\n")
        if len(data) > MAX_PROOF or not divider:
            raise MalformedProof("not a proof file: no checkpoint stands below an empty line")
        try:
            lines = head.decode().split("\n")
            if lines.pop(0) != HEADER or not lines:
                raise MalformedProof(f"not a proof file: it does not begin with {HEADER}")
            extra = decode_base64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
            if not lines or not lines[0].startswith("index "):
                raise MalformedProof("the proof has no index line in its place")
            index = decode_number(lines[0][6:])
            return cls(index, tuple(decode_hash(line) for line in lines[1:]), checkpoint, extra)
        except (UnicodeDecodeError, MalformedNote) as wrong:
            raise MalformedProof(f"not a proof file: {wrong}") from wrong

    def verify(self, entry: bytes, policy: Policy) -> VerifiedCheckpoint:
        """Return only if the entry is in a log that the policy trusts; the checkpoint it is under.

        Raises :class:`~custody.merkle.NotInTree`, :class:`~custody.merkle.MalformedProof`, or whatever
        :meth:`custody.policy.Policy.verify` raises.
        """
        verified = policy.verify(self.checkpoint)
        self.verify_inclusion(entry, verified)
        return verified

    def verify_inclusion(self, entry: bytes, under: VerifiedCheckpoint) -> None:
        """Return only if the proof leads from the entry to the root of a checkpoint that was verified before."""
        tree = under.checkpoint
        verify_inclusion(leaf_hash(entry), self.index, tree.size, self.hashes, tree.root)


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """What a good receipt says: this file is stored, and the entry that says so is in the published ledger."""

    digest: Digest
    recording: str
    record: Record
    index: int
    under: VerifiedCheckpoint

    def require_file(self, digest: Digest) -> None:
        """Return only if the receipt is for the file with this digest; raises :class:`ReceiptRefused`."""
        if digest != self.digest:
            raise ReceiptRefused(f"the receipt is for the file {self.digest}, not for {digest}")


def verify_receipt(proof: bytes, entry: bytes, policy: Policy) -> VerifiedReceipt:
    """Check a receipt as a dock does before it says "safe to wipe".

    The caller still owes :meth:`VerifiedReceipt.require_file` with the digest it took itself. Raises
    :class:`ReceiptRefused` when the entry does not say ``stored``, :class:`~custody.entry.NotAnEntry` when it says
    nothing, and whatever :meth:`TlogProof.verify` raises.
    """
    parsed = TlogProof.parse(proof)
    under = parsed.verify(entry, policy)
    record = Record.parse(entry)
    if record.act.what is not ActKind.STORED:
        raise ReceiptRefused(f"the entry says {record.act.what}, not stored")
    on = record.act.on
    return VerifiedReceipt(Digest.parse(on["digest"]), on["recording"], record, parsed.index, under)
