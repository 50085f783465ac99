"""Wrong enrolment codes from one address are counted over all processes, and after some of them no more are looked at.

A code has 100 random bits and need not fear guessing; the limit keeps the table and the log from being filled. So a
right code is let through whatever was tried before it, and nobody who shares an address with a nuisance is locked out.
The address is kept as a keyed hash.
"""

from datetime import timedelta

from evidence.ground import Ground
from evidence.models import Attempts
from ingest import refusals
from ingest.refusals import CODE_REFUSED, DockRefused

WINDOW = timedelta(minutes=15)
LIMIT = 20  # wrong codes from one address within the window


def count_wrong_code(ground: Ground, address: str, wrong: DockRefused) -> DockRefused:
    """Count a refusal of a code; what to answer: the same refusal, or that too much was tried."""
    if wrong.refusal is not CODE_REFUSED:
        return wrong
    key = f"enrol:{ground.sealer.mark('place', address)}"
    now = ground.clock.now()
    with ground.database.write() as session:
        row = session.get(Attempts, key, with_for_update=True)
        if row is None:
            session.add(Attempts(key=key, count=1, since=now))
            return wrong
        if now - row.since >= WINDOW:
            row.count, row.since = 0, now
        row.count = min(row.count + 1, LIMIT + 1)
        return DockRefused(refusals.TOO_MANY_TRIES) if row.count > LIMIT else wrong
