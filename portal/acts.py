"""How what happens at the portal is told to the ledger: who acted, as a party whose name is a commitment, and what.

What is done to an exhibit in its case is filed in the exhibit's own history, what becomes of the bytes in the
recording's; told together they are its continuity. The act is recorded in the transaction of the rows it describes.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import Act, ActKind, Party
from evidence.clock import Clock, utc_text
from evidence.ground import Ground
from evidence.models import Exhibit, Link
from portal.permissions import Actor

NOT_STATED = "not stated"


def staff(session: Session, actor: Actor) -> Party:
    """Somebody with an account. Their name stands in the ledger as a commitment, the same one in all their acts."""
    known_as = f"{actor.name} ({actor.collar})" if actor.collar else actor.name
    person = ledger.commit_value(session, f"person:{actor.person}", known_as)
    return Party(role=actor.role.value, agency=actor.agency_name, person=person)


def recipient(session: Session, link: Link) -> Party:
    """The one to whom a secure link was issued."""
    person = ledger.commit_value(session, f"link:{link.id}", link.recipient)
    return Party(role="recipient", agency=link.organisation or NOT_STATED, person=person)


def on_exhibit(exhibit: Exhibit, **more: str) -> dict[str, str]:
    """What an act on an exhibit is about."""
    return {
        "recording": exhibit.recording_id,
        "exhibit": exhibit.id,
        "exhibit_ref": exhibit.reference,
        "case": exhibit.case_id,
        **more,
    }


def consult(ground: Ground, actor: Actor, on: Mapping[str, str]) -> None:
    """Somebody with an account looked something up: an entry of its own, before the page is shown."""
    with ground.database.write() as session:
        tell(session, ground.clock, ActKind.CONSULTED, staff(session, actor), on)


def tell(
    session: Session,
    clock: Clock,
    what: ActKind,
    who: Party,
    on: Mapping[str, str],
    *,
    using: Mapping[str, str] | None = None,
    why: str = "",
    recipient: Party | None = None,
) -> int:
    """Record an act at the present time; returns its entry's row id. Empty values are left out."""
    act = Act(
        what=what,
        at=utc_text(clock.now()),
        who=who,
        on={key: value for key, value in on.items() if value},
        using={key: value for key, value in (using or {}).items() if value},
        why=why or None,
        recipient=recipient,
    )
    return ledger.record(session, act, clock)
