"""Ledger entries: the act, as its caller tells it, and the record, as the ledger keeps it.

An :class:`Act` says what happened, when, who did it, on what, with what and perhaps why. Its canonical bytes
(:mod:`custody.canonical`) are fixed the moment it is recorded, and are what a person signs for weighty acts. The
sequencer later wraps it, unopened, into a :class:`Record`: which subject's history it belongs to, its number in that
history, and the leaf hash of the entry before it there. The record's bytes are the leaf of the tree. ::

    {"act":{...},"previous":"<64 hex digits>","recorded":"ent_...","sequence":2,"subject":"recording:rec_...","v":1}

An entry is about exactly one subject, found from its ``on`` by a fixed order (:data:`custody.vocabulary.SUBJECTS`), so
that the chain of a subject can be checked from entries alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

from custody import canonical
from custody.canonical import NotCanonical
from custody.commitment import Commitment, NotACommitment
from custody.vocabulary import MEANINGS, SUBJECTS, ActKind, Operation
from evidence.digest import Digest
from evidence.errors import BadInput, NotADigest

__all__ = ["MAX_ACT", "MAX_RECORD", "Act", "ActKind", "NotAnEntry", "Operation", "Party", "Record", "wrap"]

VERSION = 1
MAX_RECORD = 65_535  # bytes: tlog-tiles gives an entry's length as a uint16
MAX_ACT = 62_000  # leaves room for the record around it, whose two names take at most 6 * MAX_NAME bytes each
MAX_NAME = 128  # characters of a subject or a recorded id

_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}")
_ACT_NEEDS = frozenset({"at", "on", "v", "what", "who"})
_ACT_MEMBERS = _ACT_NEEDS | {"recipient", "using", "why"}
_RECORD_NEEDS = frozenset({"act", "recorded", "sequence", "subject", "v"})
_RECORD_MEMBERS = _RECORD_NEEDS | {"previous"}


class NotAnEntry(BadInput):
    """An act or a record lacks something, has something it may not have, or is not of a version known here."""

    code = "not-an-entry"
    advice = "Check with the newest version of this program; if it still refuses, the entry was not written by it."


@dataclass(frozen=True, slots=True)
class Party:
    """Who acted, or to whom something was disclosed: a role in an agency, and there either a person or a machine.

    A person stands as a :class:`~custody.commitment.Commitment`, never by name; a machine by its identifier.
    """

    role: str
    agency: str
    person: Commitment | None = None
    machine: str | None = None

    def __post_init__(self) -> None:
        if (self.person is None) == (self.machine is None):
            raise NotAnEntry("a party is either a person or a machine")
        if not (self.role and self.agency and self.machine != ""):
            raise NotAnEntry("a party has a role, an agency and an identity")

    def value(self) -> dict[str, canonical.Value]:
        """The party as it stands in an entry."""
        if self.machine is not None:
            return {"agency": self.agency, "machine": self.machine, "role": self.role}
        return {"agency": self.agency, "person": str(self.person), "role": self.role}

    @classmethod
    def read(cls, value: object) -> Self:
        """The party that stands in an entry; raises :class:`NotAnEntry`."""
        members = _texts(value, "a party")
        if not {"agency", "role"} <= members.keys() or len(members) != 3:
            raise NotAnEntry("a party has a role, an agency and one identity")
        try:
            if "person" in members:
                return cls(members["role"], members["agency"], person=Commitment.parse(members["person"]))
        except NotACommitment as wrong:
            raise NotAnEntry(str(wrong)) from wrong
        return cls(members["role"], members["agency"], machine=members.get("machine"))


@dataclass(frozen=True, slots=True)
class Act:
    """What happened. Raises :class:`NotAnEntry` when it is not whole; see :data:`custody.vocabulary.MEANINGS`.

    ``at`` is UTC in the 27-character form of :func:`evidence.clock.utc_text`. ``on`` names what it concerns
    (``recording``, ``exhibit``, ``digest`` ...), ``using`` the means (``tool``, ``version``, ``profile``, ``input``
    and ``output`` digests, parameters). ``recipient`` is there if, and only if, the act is a disclosure.
    """

    what: ActKind
    at: str
    who: Party
    on: Mapping[str, str]
    using: Mapping[str, str] = field(default_factory=dict)
    why: str | None = None
    recipient: Party | None = None

    def __post_init__(self) -> None:
        _require_time(self.at)
        meaning = MEANINGS[self.what]
        _require_texts(self.on, "on")
        _require_texts(self.using, "using")
        for key in meaning.needs:
            if key not in self.on:
                raise NotAnEntry(f"an act of the kind {self.what} says on which {key}")
        _require_digest(self.on.get("digest"))
        if (self.recipient is None) == (meaning.operation is Operation.DISCLOSURE):
            raise NotAnEntry(f"an act of the kind {self.what} has {'no' if self.recipient else 'a'} recipient")
        if self.why == "":
            raise NotAnEntry("a reason that is given has words")
        _subject(self.on)
        object.__setattr__(self, "on", MappingProxyType(dict(self.on)))
        object.__setattr__(self, "using", MappingProxyType(dict(self.using)))

    @property
    def operation(self) -> Operation:
        """The statutory operation it is logged as."""
        return MEANINGS[self.what].operation

    @property
    def subject(self) -> str:
        """Whose history it belongs to, such as ``recording:rec_018f...``."""
        return _subject(self.on)

    def canonical(self) -> bytes:
        """The bytes that are recorded, and that a person signs. Raises :class:`NotAnEntry` above :data:`MAX_ACT`."""
        value: dict[str, canonical.Value] = {
            "at": self.at,
            "on": dict(self.on),
            "v": VERSION,
            "what": self.what.value,
            "who": self.who.value(),
        }
        if self.using:
            value["using"] = dict(self.using)
        if self.why is not None:
            value["why"] = self.why
        if self.recipient is not None:
            value["recipient"] = self.recipient.value()
        data = canonical.encode(value)
        if len(data) > MAX_ACT:
            raise NotAnEntry(f"an act has at most {MAX_ACT} bytes, not {len(data)}")
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The act with exactly these canonical bytes; raises :class:`NotAnEntry`."""
        return cls.read(_decode(data, MAX_ACT))

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """The act that a decoded canonical value says; raises :class:`NotAnEntry`."""
        _require_members(value, _ACT_NEEDS, _ACT_MEMBERS, "an act")
        try:
            kind = ActKind(value["what"])
        except ValueError as wrong:
            raise NotAnEntry(f"unknown kind of act: {value['what']!r:.60}") from wrong
        using = _texts(value["using"], "using") if "using" in value else {}
        if using == {} and "using" in value:
            raise NotAnEntry("what is empty is left out")
        return cls(
            what=kind,
            at=_text(value["at"], "at"),
            who=Party.read(value["who"]),
            on=_texts(value["on"], "on"),
            using=using,
            why=_text(value["why"], "why") if "why" in value else None,
            recipient=Party.read(value["recipient"]) if "recipient" in value else None,
        )


@dataclass(frozen=True, slots=True)
class Record:
    """An entry of the ledger: an act in its place in a subject's history.

    ``recorded`` is the identifier under which the act was recorded, ``sequence`` counts the subject's entries from 1,
    ``previous`` is the leaf hash of the subject's entry before, ``None`` for the first.
    """

    act: Act
    recorded: str
    subject: str
    sequence: int
    previous: bytes | None

    def __post_init__(self) -> None:
        if self.subject != self.act.subject:
            raise NotAnEntry(f"an act on {self.act.subject} is filed under {self.subject[:80]}")
        if (self.sequence == 1) != (self.previous is None) or self.sequence < 1:
            raise NotAnEntry("the first entry of a history has no previous one, and every other has")

    def canonical(self) -> bytes:
        """The bytes that are the leaf of the tree."""
        return wrap(
            self.act.canonical(),
            recorded=self.recorded,
            subject=self.subject,
            sequence=self.sequence,
            previous=self.previous,
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The record with exactly these canonical bytes; raises :class:`NotAnEntry`."""
        value = _decode(data, MAX_RECORD)
        _require_members(value, _RECORD_NEEDS, _RECORD_MEMBERS, "a record")
        previous = value.get("previous")
        if previous is not None and not _HASH.fullmatch(_text(previous, "previous")):
            raise NotAnEntry("previous is not a hash")
        if type(value["act"]) is not dict or type(value["sequence"]) is not int:
            raise NotAnEntry("a record has an act and a number")
        return cls(
            act=Act.read(value["act"]),
            recorded=_name(_text(value["recorded"], "recorded")),
            subject=_name(_text(value["subject"], "subject")),
            sequence=value["sequence"],
            previous=None if previous is None else bytes.fromhex(previous),
        )


def wrap(act: bytes, *, recorded: str, subject: str, sequence: int, previous: bytes | None) -> bytes:
    """The record's canonical bytes around an act's canonical bytes, which are not opened: the sequencer's fast path.

    The caller vouches that ``act`` came out of :meth:`Act.canonical` and ``subject`` is that act's. Raises
    :class:`NotAnEntry` when the result would not fit into an entry bundle.
    """
    data = b'{"act":%b,%b"recorded":%b,"sequence":%d,"subject":%b,"v":%d}' % (
        act,
        b"" if previous is None else b'"previous":"%b",' % previous.hex().encode(),
        canonical.encode_text(_name(recorded)),
        sequence,
        canonical.encode_text(_name(subject)),
        VERSION,
    )
    if len(data) > MAX_RECORD:
        raise NotAnEntry(f"an entry has at most {MAX_RECORD} bytes, not {len(data)}")
    return data


def _subject(on: Mapping[str, str]) -> str:
    for key in SUBJECTS:
        if key in on:
            return _name(f"{key}:{on[key]}")
    raise NotAnEntry(f"an act is about one of {', '.join(SUBJECTS)}")


def _decode(data: bytes, limit: int) -> dict[str, Any]:
    if len(data) > limit:
        raise NotAnEntry(f"at most {limit} bytes, not {len(data)}")
    try:
        return canonical.decode(data)
    except NotCanonical as wrong:
        raise NotAnEntry(str(wrong)) from wrong


def _require_members(value: Mapping[str, Any], needed: frozenset[str], known: frozenset[str], what: str) -> None:
    if not needed <= value.keys() <= known:
        raise NotAnEntry(f"{what} lacks or has more than it should: {', '.join(sorted(needed ^ value.keys()))[:120]}")
    if value["v"] != VERSION:
        raise NotAnEntry(f"{what} of version {value['v']!r:.20} is not known here")


def _require_time(at: str) -> None:
    try:
        if not _AT.fullmatch(at):
            raise NotAnEntry(f"not a UTC time with microseconds: {at[:40]!r}")
        datetime.fromisoformat(at)
    except ValueError as wrong:
        raise NotAnEntry(f"no such time: {at}") from wrong


def _require_digest(text: str | None) -> None:
    try:
        if text is not None:
            Digest.parse(text)
    except NotADigest as wrong:
        raise NotAnEntry(str(wrong)) from wrong


def _require_texts(value: Mapping[str, str], where: str) -> None:
    for key, text in value.items():
        if type(text) is not str or not text:
            raise NotAnEntry(f"{where}.{key} is not a text with something in it")


def _texts(value: object, what: str) -> dict[str, str]:
    if type(value) is not dict or not all(type(text) is str for text in value.values()):
        raise NotAnEntry(f"{what} is not a list of texts under names")
    return value


def _text(value: object, what: str) -> str:
    if type(value) is not str:
        raise NotAnEntry(f"{what} is not a text")
    return value


def _name(text: str) -> str:
    if not 0 < len(text) <= MAX_NAME:
        raise NotAnEntry(f"a name has 1 to {MAX_NAME} characters, not {len(text)}")
    return text
