"""Continuity in plain words: what happened to an exhibit, in order, as a person in court would want it told.

An exhibit has two histories in the ledger: its recording's (what became of the bytes, whichever case they are in) and
its own (what was done with it in its case). Told together they are its continuity; kept apart, one case does not
learn of another in which the same recording is an exhibit.

Every line comes from one ledger entry and says where its proof is. Names are looked up behind their commitments; one
that was erased is said to be erased, and the line stays.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.entry import Act, ActKind, Party
from custody.ledger import newest_checkpoint
from custody.vocabulary import MEANINGS
from evidence.clock import parse_utc
from evidence.models import LedgerEntry, PersonalValue

ERASED = "a person whose details were erased"

_SHOWN = {
    "name": "file",
    "digest": "SHA-256",
    "exhibit_ref": "exhibit",
    "reference": "reference",
    "profile": "profile",
    "tool": "tool",
    "version": "version",
    "input": "made from",
    "output": "result",
    "rendition": "watched",
    "camera": "camera",
    "expires": "until",
    "was": "was",
    "reason": "reason",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One event. ``place`` is its leaf index once integrated; ``published`` tells whether a proof can be had now."""

    entry_id: int
    kind: ActKind
    operation: str
    at: datetime
    words: str
    who: str
    recipient: str
    why: str
    facts: tuple[tuple[str, str], ...]
    place: int | None
    published: bool


def lines_of(session: Session, *subjects: str, limit: int = 2_000) -> list[Line]:
    """All events of some subjects (``recording:rec_...``, ``exhibit:exh_...``), oldest first."""
    newest = newest_checkpoint(session)
    size = 0 if newest is None else newest.size
    rows = session.execute(
        select(LedgerEntry.id, LedgerEntry.act, LedgerEntry.place)
        .where(LedgerEntry.subject.in_(subjects))
        .order_by(LedgerEntry.id)
        .limit(limit)
    ).all()
    acts = [(row_id, Act.parse(data), place) for row_id, data, place in rows]
    names = _names(session, [act for _, act, _ in acts])
    return [_line(row_id, act, place, size, names) for row_id, act, place in acts]


def _line(entry_id: int, act: Act, place: int | None, size: int, names: dict[str, str]) -> Line:
    facts = {**act.on, **act.using}
    return Line(
        entry_id=entry_id,
        kind=act.what,
        operation=act.operation.value,
        at=parse_utc(act.at),
        words=MEANINGS[act.what].words,
        who=_party(act.who, names),
        recipient="" if act.recipient is None else _party(act.recipient, names),
        why=act.why or "",
        facts=tuple((label, facts[key]) for key, label in _SHOWN.items() if key in facts),
        place=place,
        published=place is not None and place < size,
    )


def _party(party: Party, names: dict[str, str]) -> str:
    if party.person is not None:
        return f"{names.get(str(party.person), ERASED)} ({party.role}, {party.agency})"
    return f"{party.role} {party.machine} ({party.agency})"


def _names(session: Session, acts: list[Act]) -> dict[str, str]:
    parties = [party for act in acts for party in (act.who, act.recipient) if party is not None]
    wanted = sorted({str(party.person) for party in parties if party.person is not None})
    found = session.execute(
        select(PersonalValue.commitment, PersonalValue.value).where(
            PersonalValue.commitment.in_(wanted), PersonalValue.value.is_not(None)
        )
    )
    return {commitment: value for commitment, value in found if value is not None}
