"""Setting an account up with a one-time link: password and authenticator, and for the first administrator the agency.

Two forms: the first proves the link's secret, the second gives the rest. What stands between them is the link's hash
and the authenticator's fresh secret, sealed in a cookie; the link itself is spent only by the second form, in the same
transaction that makes the account work.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from custody import ledger
from evidence.errors import BadInput, DocklineError
from evidence.ground import Ground
from evidence.models import Agency, Person, SetupLink
from portal import attempts, cookies, people, second_factor, sessions
from portal.passwords import check_strength, hash_password
from portal.people import LinkSpent, Newcomer
from portal.permissions import Role

PURPOSE = "set-up"
TIME_TO_FINISH = timedelta(minutes=30)


class NotFilledIn(BadInput):
    """The form is not right yet; ``errors`` says for each field what is wrong."""

    code = "not-filled-in"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class SettingUp:
    """An account on its way: the link's hash, the authenticator's secret, and who was invited, if anybody was."""

    link: str
    totp_secret: str
    person: str | None
    name: str = ""
    email: str = ""


def begin(ground: Ground, secret: str, *, address: str) -> str:
    """Prove the link's secret; returns the sealed value of the pending cookie. Raises :class:`LinkSpent`."""
    place = attempts.place_of(ground.sealer, "set-up", address)
    now = ground.clock.now()
    with ground.database.read() as session:
        attempts.check(session, place, now)
        try:
            link = people.find_setup_link(session, secret, now)
        except LinkSpent:
            link = None
    if link is None:
        with ground.database.write() as session:
            attempts.count(session, place, now)
        raise LinkSpent("This set-up link is not valid any more, or it was used already.")
    values = {"link": link.id, "totp": second_factor.new_secret()}
    return cookies.seal_pending(ground.sealer, PURPOSE, values, now + TIME_TO_FINISH)


def resume(ground: Ground, pending: str) -> SettingUp:
    """What the pending cookie stands for; raises :class:`LinkSpent` when it is over."""
    now = ground.clock.now()
    values = cookies.open_pending(ground.sealer, PURPOSE, pending, now)
    if values is None:
        raise LinkSpent("Setting up took too long, or was not begun in this browser.")
    with ground.database.read() as session:
        link = people.usable_setup_link(session, values["link"], now)
        person = session.get(Person, link.person_id) if link.person_id else None
        return SettingUp(
            link=link.id, totp_secret=values["totp"], person=link.person_id,
            name=person.name if person else "", email=person.email if person else "",
        )  # fmt: skip


def finish(ground: Ground, under_way: SettingUp, typed: Mapping[str, str], *, agent: str) -> str:
    """Make the account work and sign it in; returns the session's cookie.

    Raises :class:`NotFilledIn`, or :class:`LinkSpent` when the link was used in the meantime.
    """
    newcomer, step = _checked(ground, under_way, typed)
    hashed = hash_password(typed.get("password", ""))
    with ground.database.write() as session:
        now = ground.clock.now()
        link = people.usable_setup_link(session, under_way.link, now, to_spend=True)
        person = _person(session, ground, link, newcomer, typed.get("agency", ""))
        people.set_credentials(session, ground.sealer, person, hashed, under_way.totp_secret, now)
        person.totp_last_step = step
        link.used_at = now
        return sessions.begin(session, person, now, sessions.Limits.of(ground.settings), agent, second=True)


def _checked(ground: Ground, under_way: SettingUp, typed: Mapping[str, str]) -> tuple[Newcomer | None, int]:
    errors: dict[str, str] = {}
    newcomer = None if under_way.person else _newcomer(typed, errors)
    name, email = (under_way.name, under_way.email) if newcomer is None else (newcomer.name, newcomer.email)
    try:
        check_strength(typed.get("password", ""), about=(name, email))
    except BadInput as weak:
        errors["password"] = str(weak)
    step = second_factor.accepted_step(under_way.totp_secret, typed.get("code", ""), ground.clock.now(), 0)
    if step is None:
        errors["code"] = "The security code is not right. Enter the 6 digits that the app shows now"
    if errors or step is None:
        raise NotFilledIn(errors)
    return newcomer, step


def _newcomer(typed: Mapping[str, str], errors: dict[str, str]) -> Newcomer | None:
    for field, check in {"name": _a_name, "email": people.parse_email, "agency": _a_name}.items():
        try:
            check(typed.get(field, ""))
        except DocklineError as wrong:
            errors[field] = str(wrong)
    if errors:
        return None
    return Newcomer.of(typed["name"], typed["email"], Role.ADMINISTRATOR)


def _a_name(text: str) -> None:
    if not 0 < len(" ".join(text.split())) <= 200:
        raise BadInput("Enter a name of at most 200 characters")


def _person(session: Session, ground: Ground, link: SetupLink, newcomer: Newcomer | None, agency: str) -> Person:
    if link.person_id is not None:
        return session.get_one(Person, link.person_id)
    if newcomer is None or session.scalar(select(func.count()).select_from(Person).where(Person.password_hash != "")):
        raise LinkSpent("There is an administrator already.")
    home = people.home_agency(session, ground)
    _rename(session, home, " ".join(agency.split()))
    return people.add_person(session, ground, newcomer, ledger.machine(ground, "portal", "set-up"))


def _rename(session: Session, home: Agency, name: str) -> None:
    if not session.scalar(select(Agency.id).where(Agency.name == name)):
        home.name = name
