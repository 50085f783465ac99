"""What can be said to have happened: a closed list, each word mapped to one of the six operations the law logs.

Section 62 of the Data Protection Act 2018 asks for logs of collection, alteration, consultation, disclosure,
combination and erasure, and for the recipient of every disclosure. Each kind of act belongs to exactly one of them,
names what it must be about, and has the words in which it is told to a court. A new kind is one more line in each of
the two tables below; a kind is never renamed or removed, because entries that use it are read for decades.
"""

from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """The operations of section 62(1) of the Data Protection Act 2018."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"


class ActKind(StrEnum):
    """The closed vocabulary of an entry's ``what``."""

    DOCKED = "docked"
    DEVICE_EVENT = "device_event"
    RECEIVED = "received"
    STORED = "stored"
    RECEIVED_AGAIN = "received_again"
    QUARANTINED = "quarantined"
    PROBED = "probed"
    RENDITION_MADE = "rendition_made"
    RENDITION_FAILED = "rendition_failed"
    SUGGESTED = "suggested"
    CLAIMED = "claimed"
    REFERENCED = "referenced"
    REFERENCE_CORRECTED = "reference_corrected"
    CASE_OPENED = "case_opened"
    EXHIBITED = "exhibited"
    CONSULTED = "consulted"
    PLAYED = "played"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    DISCLOSED = "disclosed"
    LINK_OPENED = "link_opened"
    LINK_REFUSED = "link_refused"
    LINK_REVOKED = "link_revoked"
    DOWNLOADED = "downloaded"
    REDACTION_APPROVED = "redaction_approved"
    RENDERED = "rendered"
    HELD = "held"
    RELEASED = "released"
    DISPOSED = "disposed"
    VALUE_ERASED = "value_erased"
    DOCK_ENROLLED = "dock_enrolled"
    DOCK_REVOKED = "dock_revoked"
    PERSON_ENROLLED = "person_enrolled"
    PERSON_REVOKED = "person_revoked"
    KEY_ENROLLED = "key_enrolled"
    KEY_RETIRED = "key_retired"
    EXHIBIT_INDEX = "exhibit_index"
    TIME_STAMPED = "time_stamped"
    LOG_OPENED = "log_opened"
    LOG_CLOSED = "log_closed"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a kind of act means: its statutory operation, the words for it, and the keys its ``on`` must have."""

    operation: Operation
    words: str
    needs: tuple[str, ...]


_COLLECTION, _ALTERATION, _CONSULTATION = Operation.COLLECTION, Operation.ALTERATION, Operation.CONSULTATION
_DISCLOSURE, _COMBINATION, _ERASURE = Operation.DISCLOSURE, Operation.COMBINATION, Operation.ERASURE

MEANINGS: dict[ActKind, Meaning] = {
    ActKind.DOCKED: Meaning(_COLLECTION, "The camera was docked and its files were listed.", ("camera",)),
    ActKind.DEVICE_EVENT: Meaning(_COLLECTION, "The camera reported an event of its own.", ("camera",)),
    ActKind.RECEIVED: Meaning(_COLLECTION, "The file arrived in full.", ("digest",)),
    ActKind.STORED: Meaning(
        _COLLECTION, "The original was stored, write-once, with the digest taken on the dock.", ("recording", "digest")
    ),
    ActKind.RECEIVED_AGAIN: Meaning(
        _COLLECTION, "The same file arrived once more and was matched to the stored original.", ("recording", "digest")
    ),
    ActKind.QUARANTINED: Meaning(_COLLECTION, "What arrived was kept apart, because something did not agree.", ()),
    ActKind.PROBED: Meaning(_CONSULTATION, "The original was examined by a tool, without changing it.", ("recording",)),
    ActKind.RENDITION_MADE: Meaning(_ALTERATION, "A rendition was made from the original.", ("recording",)),
    ActKind.RENDITION_FAILED: Meaning(_ALTERATION, "A rendition could not be made.", ("recording",)),
    ActKind.SUGGESTED: Meaning(_ALTERATION, "A machine suggested areas for redaction.", ("recording",)),
    ActKind.CLAIMED: Meaning(_ALTERATION, "An officer said that the recording is theirs.", ("recording",)),
    ActKind.REFERENCED: Meaning(_COMBINATION, "A case reference was entered for the recording.", ("recording",)),
    ActKind.REFERENCE_CORRECTED: Meaning(_ALTERATION, "The case reference was corrected.", ("recording",)),
    ActKind.CASE_OPENED: Meaning(_COLLECTION, "The case was opened.", ("case",)),
    ActKind.EXHIBITED: Meaning(_COMBINATION, "The recording was made an exhibit of a case.", ("exhibit", "recording")),
    ActKind.CONSULTED: Meaning(_CONSULTATION, "It was looked up.", ()),
    ActKind.PLAYED: Meaning(_CONSULTATION, "It was played.", ("recording",)),
    ActKind.SIGNED_IN: Meaning(_CONSULTATION, "A person signed in.", ("person",)),
    ActKind.SIGN_IN_REFUSED: Meaning(_CONSULTATION, "A sign-in was refused.", ()),
    ActKind.DISCLOSED: Meaning(_DISCLOSURE, "A secure link was issued.", ("link",)),
    ActKind.LINK_OPENED: Meaning(_CONSULTATION, "A secure link was opened.", ("link",)),
    ActKind.LINK_REFUSED: Meaning(_CONSULTATION, "A secure link was tried and refused.", ("link",)),
    ActKind.LINK_REVOKED: Meaning(_ALTERATION, "A secure link was revoked.", ("link",)),
    ActKind.DOWNLOADED: Meaning(_DISCLOSURE, "A copy was handed out.", ("digest",)),
    ActKind.REDACTION_APPROVED: Meaning(_ALTERATION, "A redaction plan was approved by a person.", ("recording",)),
    ActKind.RENDERED: Meaning(_ALTERATION, "A redacted working copy was made.", ("recording",)),
    ActKind.HELD: Meaning(_ALTERATION, "It was put on hold against disposal.", ()),
    ActKind.RELEASED: Meaning(_ALTERATION, "A hold against disposal was released.", ()),
    ActKind.DISPOSED: Meaning(_ERASURE, "It was disposed of.", ("recording", "digest")),
    ActKind.VALUE_ERASED: Meaning(_ERASURE, "A personal value was erased; its commitment remains.", ()),
    ActKind.DOCK_ENROLLED: Meaning(_ALTERATION, "A dock was enrolled.", ("dock",)),
    ActKind.DOCK_REVOKED: Meaning(_ALTERATION, "A dock was revoked.", ("dock",)),
    ActKind.PERSON_ENROLLED: Meaning(_ALTERATION, "A person was given an account.", ("person",)),
    ActKind.PERSON_REVOKED: Meaning(_ALTERATION, "A person's account was closed.", ("person",)),
    ActKind.KEY_ENROLLED: Meaning(_ALTERATION, "A key was enrolled.", ("key",)),
    ActKind.KEY_RETIRED: Meaning(_ALTERATION, "A key was retired.", ("key",)),
    ActKind.EXHIBIT_INDEX: Meaning(_COMBINATION, "The index of all exhibits was logged.", ("log",)),
    ActKind.TIME_STAMPED: Meaning(_COLLECTION, "A trusted time was obtained for a checkpoint.", ("log",)),
    ActKind.LOG_OPENED: Meaning(_COLLECTION, "The ledger was opened.", ("log",)),
    ActKind.LOG_CLOSED: Meaning(_ALTERATION, "The ledger was closed.", ("log",)),
}

SUBJECTS = ("exhibit", "recording", "upload", "case", "link", "dock", "camera", "person", "key", "log")
"""Keys of ``on`` that can be an entry's subject, the first that is there taken: its chain is the subject's history."""
