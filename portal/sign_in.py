"""Signing in: password, then the code of an authenticator.

Whoever guesses learns nothing: an unknown address, a wrong password, a closed account and a locked one are answered in
the same words after the same work. Wrong tries make the account wait, five seconds after the third, fifteen minutes
from the fifth on; only a whole sign-in resets the count, so that a known password does not buy tries at the code.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.entry import ActKind
from evidence.errors import Refused
from evidence.ground import Ground
from evidence.models import Person, WebSession
from portal import acts, attempts, second_factor, sessions
from portal.passwords import is_password
from portal.people import actor_of

LOCK_AFTER = 5
LOCK = timedelta(minutes=15)
_WAITS = {3: timedelta(seconds=5), 4: timedelta(seconds=20)}


class NotLetIn(Refused):
    """Address, password or code is not right, or the account has to wait. Which of these is not told."""

    code = "not-let-in"
    advice = "After several wrong tries an account waits 15 minutes, even for the right password."


class SignInAgain(Refused):
    """The first step is too long ago, or was never taken."""

    code = "sign-in-again"
    advice = "Start again with your email address and password."


def first_step(ground: Ground, email: str, password: str, *, address: str, agent: str) -> str:
    """Check the password; returns the cookie of a session that still owes its code. Raises :class:`NotLetIn`."""
    place = attempts.place_of(ground.sealer, "sign-in", address)
    with ground.database.read() as session:
        attempts.check(session, place, ground.clock.now())
        person = session.scalar(select(Person).where(Person.email == email.strip().lower()))
    right = is_password("" if person is None else person.password_hash, password)
    with ground.database.write() as session:
        now = ground.clock.now()
        there = None if person is None else session.get(Person, person.id, with_for_update={"of": Person})
        if there is not None and right and _may_try(there, now):
            return sessions.begin(session, there, now, sessions.Limits.of(ground.settings), agent, second=False)
        attempts.count(session, place, now)
        _failed(session, ground, there)
    raise NotLetIn("The email address or the password is not right.")


def second_step(ground: Ground, session_id: str, code: str, *, address: str) -> str:
    """Check the code; returns the cookie of a whole session, the half one ends.

    Raises :class:`NotLetIn`, or :class:`SignInAgain` when there is no first step to follow.
    """
    limits = sessions.Limits.of(ground.settings)
    place = attempts.place_of(ground.sealer, "sign-in", address)
    with ground.database.write() as session:
        now = ground.clock.now()
        attempts.check(session, place, now)
        half = session.get(WebSession, session_id)
        if half is None or half.second_factor_at is not None or not sessions.is_alive(half, now, limits):
            raise SignInAgain("Your sign-in took too long.")
        person = session.get_one(Person, half.person_id, with_for_update={"of": Person})
        step = _step(ground, person, code, now)
        if step is not None and _may_try(person, now):
            return _let_in(session, ground, person, half, step)
        attempts.count(session, place, now)
        _failed(session, ground, person)
    raise NotLetIn("The security code is not right.")


def _step(ground: Ground, person: Person, code: str, now: datetime) -> int | None:
    if not person.totp_sealed:
        return None
    secret = second_factor.unseal(ground.sealer, person.id, person.totp_sealed)
    return second_factor.accepted_step(secret, code, now, person.totp_last_step)


def _let_in(session: Session, ground: Ground, person: Person, half: WebSession, step: int) -> str:
    now = ground.clock.now()
    person.totp_last_step, person.failures, person.locked_until = step, 0, None
    half.ended_at = now
    acts.tell(session, ground.clock, ActKind.SIGNED_IN, acts.staff(session, actor_of(person)), {"person": person.id})
    return sessions.begin(session, person, now, sessions.Limits.of(ground.settings), half.agent, second=True)


def _may_try(person: Person, now: datetime) -> bool:
    return person.active and bool(person.totp_sealed) and (person.locked_until is None or person.locked_until <= now)


def _failed(session: Session, ground: Ground, person: Person | None) -> None:
    """Count a wrong try, unless the account is waiting anyway: guessing on does not make the wait longer."""
    now = ground.clock.now()
    if person is None or not _may_try(person, now):
        return
    person.failures += 1
    if person.failures >= LOCK_AFTER:
        person.locked_until = now + LOCK
        who = acts.staff(session, actor_of(person))
        on = {"person": person.id}
        acts.tell(session, ground.clock, ActKind.SIGN_IN_REFUSED, who, on, why="too many wrong tries")
    else:
        person.locked_until = now + _WAITS.get(person.failures, timedelta(0))
