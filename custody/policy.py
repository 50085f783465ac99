"""Whose signatures count: the policy file that a verifier brings along (c2sp.org/tlog-policy, a draft).

The rules as this program holds to them, whatever becomes of the draft (read at commit 5ba5ee83). A file of lines;
blanks are spaces and tabs only; empty lines and those that begin with ``#`` are passed over; no control character but
tab and newline. ::

    log <vkey> [<url>]                  a log that is believed; its key's name is the log's origin
    witness <name> <vkey> [<url>]       a body that cosigns, under a name of this file's own
    group <name> all|any|<k> <name>...  counts as one when all, any or k of its members have cosigned
    quorum <name>|none                  exactly one such line: who must have cosigned

A name is defined once and before it is used, and is a member of one group at most, so that nobody counts twice;
``none`` is nobody's name. No public key stands twice (the draft asks it among logs and among witnesses; here a log is
not its own witness either). Logs have keys of type 0x01, witnesses of type 0x04. A checkpoint is good when one listed
log whose key bears its origin as name has signed it, the quorum has cosigned it, and no line that claims to be by a
listed key is false.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from custody.checkpoint import Checkpoint
from custody.note import Note, NoteError
from custody.signature import SCHEMES, VerifierKey
from evidence.errors import BadInput

MAX_POLICY = 1_000_000  # bytes

_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


class MalformedPolicy(BadInput):
    """A policy file breaks its rules. Nothing can be verified against it."""

    code = "malformed-policy"
    advice = "Ask the body that gave you the policy for the file as it was published."


class NotByTrustedLog(NoteError):
    """No log that the policy lists has signed the checkpoint."""

    code = "not-by-trusted-log"
    advice = "Check that the policy is the one for this force's ledger; if it is, do not rely on the checkpoint."


class QuorumMissing(NoteError):
    """Too few of the policy's witnesses have cosigned the checkpoint."""

    code = "quorum-missing"
    advice = "Wait until the witnesses have cosigned, or ask for a proof under a newer checkpoint."


@dataclass(frozen=True, slots=True)
class Group:
    """Members, of which a number must have cosigned."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that a trusted log has signed, and when (POSIX time) each known witness cosigned it, by name."""

    checkpoint: Checkpoint
    note: Note
    log: VerifierKey
    witnesses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Policy:
    """Trusted logs, known witnesses, and the quorum (``None``: no witness needed)."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str | None = None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a policy file; raises :class:`MalformedPolicy` with the number of the line that is wrong."""
        reader = _Reader()
        if len(data) > MAX_POLICY or _CONTROL.search(data):
            raise MalformedPolicy("a policy file has no control characters but tab and newline, and at most 1 MB")
        for number, line in enumerate(data.split(b"\n"), 1):
            # Octets above 0x7F are opaque: surrogateescape keeps names equal exactly when their octets are.
            words = re.split("[ \t]+", line.decode("utf-8", "surrogateescape").strip(" \t"))
            if words[0] and not words[0].startswith("#"):
                try:
                    reader.take(words)
                except (NoteError, MalformedPolicy) as wrong:
                    raise MalformedPolicy(f"line {number} of the policy: {wrong}") from wrong
        if reader.quorum is None:
            raise MalformedPolicy("the policy has no quorum line")
        quorum = None if reader.quorum == "none" else reader.quorum
        return cls(tuple(reader.logs), reader.witnesses, reader.groups, quorum)

    def verify(self, note: bytes) -> VerifiedCheckpoint:
        """Return only if a trusted log has signed the checkpoint and the quorum has cosigned it.

        Raises :class:`~custody.note.MalformedNote`, :class:`~custody.signature.SignatureRejected`,
        :class:`NotByTrustedLog` or :class:`QuorumMissing`.
        """
        verified = self.open(note)
        self.require_quorum(verified)
        return verified

    def open(self, note: bytes) -> VerifiedCheckpoint:
        """As :meth:`verify`, but without asking for the quorum: the caller still owes :meth:`require_quorum`."""
        parsed = Note.parse(note)
        checkpoint = Checkpoint.parse(parsed.text)
        signers: list[VerifierKey] = []
        witnesses: dict[str, int] = {}
        for line in parsed.signatures:
            for log in (key for key in self.logs if key.signed(line)):
                log.verify(parsed.text, line)
                signers.append(log)
            for name, key in ((name, key) for name, key in self.witnesses.items() if key.signed(line)):
                witnesses.setdefault(name, key.verify(parsed.text, line) or 0)
        for log in signers:
            if log.name == checkpoint.origin:
                return VerifiedCheckpoint(checkpoint, parsed, log, witnesses)
        raise NotByTrustedLog(f"no trusted log has signed the checkpoint of {checkpoint.origin[:80]!r}")

    def require_quorum(self, verified: VerifiedCheckpoint) -> None:
        """Return only if the witnesses that have cosigned are a quorum; raises :class:`QuorumMissing`."""
        if self.quorum is not None and not self._has_witnessed(self.quorum, verified.witnesses):
            there = ", ".join(sorted(verified.witnesses)) or "nobody"
            raise QuorumMissing(f"cosigned by {there}; {self.quorum} is required")

    def _has_witnessed(self, name: str, present: Mapping[str, int]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in present
        return sum(self._has_witnessed(member, present) for member in group.members) >= group.needed


class _Reader:
    """Takes a policy file line by line."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: dict[str, VerifierKey] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self._grouped: set[str] = set()
        self._lines: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum,
        }

    def take(self, words: list[str]) -> None:
        line = self._lines.get(words[0])
        if line is None:
            raise MalformedPolicy(f"unknown word {words[0][:40]!r}")
        line(words[1:])

    def _log(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise MalformedPolicy("a log line has a key and perhaps a URL")
        self.logs.append(self._key(words[0], is_witness=False))

    def _witness(self, words: list[str]) -> None:
        if not 2 <= len(words) <= 3:
            raise MalformedPolicy("a witness line has a name, a key and perhaps a URL")
        self._define(words[0])
        self.witnesses[words[0]] = self._key(words[1], is_witness=True)

    def _group(self, words: list[str]) -> None:
        if len(words) < 3:
            raise MalformedPolicy("a group line has a name, a number and members")
        name, number, *members = words
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise MalformedPolicy(f"{member[:40]!r} is not defined above")
            if member in self._grouped:
                raise MalformedPolicy(f"{member[:40]!r} would count twice")
            self._grouped.add(member)
        self._define(name)
        self.groups[name] = Group(_needed(number, len(members)), tuple(members))

    def _quorum(self, words: list[str]) -> None:
        if len(words) != 1 or self.quorum is not None:
            raise MalformedPolicy("there is one quorum line, with one name")
        if words[0] != "none" and words[0] not in self.witnesses and words[0] not in self.groups:
            raise MalformedPolicy(f"{words[0][:40]!r} is not defined above")
        self.quorum = words[0]

    def _define(self, name: str) -> None:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise MalformedPolicy(f"{name[:40]!r} cannot be defined, or not again")

    def _key(self, text: str, *, is_witness: bool) -> VerifierKey:
        key = VerifierKey.parse(text)
        if SCHEMES[key.scheme].is_witness is not is_witness:
            raise MalformedPolicy(f"the key of {key.name} is of a type for {'logs' if is_witness else 'witnesses'}")
        if any(other.public_key == key.public_key for other in (*self.logs, *self.witnesses.values())):
            raise MalformedPolicy(f"the public key of {key.name} is listed twice")
        return key


def _needed(number: str, members: int) -> int:
    if number in ("all", "any"):
        return members if number == "all" else 1
    if not re.fullmatch(r"[1-9]\d{0,3}", number, re.ASCII) or int(number) > members:
        raise MalformedPolicy(f"a group needs all, any, or 1 to {members} of its members")
    return int(number)
