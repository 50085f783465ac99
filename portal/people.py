"""Agencies' people: the first administrator, those who are invited, and those who leave.

Nobody gets an account by asking for one. The first administrator sets up by a link that the starting program prints,
all others by a link that an administrator hands them. Such a link is good once, its secret stands after ``#`` and is
kept as a hash. The same link, made again, is how somebody comes back who has lost password or authenticator.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import BadInput, Conflict, NotFound
from evidence.ground import Ground
from evidence.identifiers import initials_of, new_id
from evidence.models import Agency, Person, SetupLink
from evidence.sealing import Sealer, hash_secret
from portal import acts, cookies, paths, second_factor, sessions
from portal.passwords import check_strength, hash_password
from portal.permissions import Actor, Role

FIRST_LINK_LASTS = timedelta(hours=1)
INVITATION_LASTS = timedelta(days=7)
GIVEN_ROLES = (Role.OFFICER, Role.PROSECUTOR, Role.REDACTOR, Role.AUDITOR, Role.ADMINISTRATOR)

_EMAIL = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,250}\.[^\s@<>\".]{2,60}")


class NotAnEmail(BadInput):
    """A text has not the shape of an e-mail address."""

    code = "not-an-email"


class EmailTaken(Conflict):
    """Somebody has an account with this address already."""

    code = "email-taken"


class LinkSpent(NotFound):
    """A set-up link is unknown, over, or was used. Which of these is not told."""

    code = "set-up-link-spent"
    advice = "Ask the one who gave it to you for a new link."


@dataclass(frozen=True, slots=True)
class Newcomer:
    """What is known of somebody who is to get an account."""

    name: str
    email: str
    role: Role
    collar: str = ""

    @classmethod
    def of(cls, name: str, email: str, role: str, collar: str = "") -> "Newcomer":
        """Read what was typed; raises :class:`NotAnEmail` or ``BadInput``."""
        name = " ".join(name.split())
        if not name or len(name) > 200:
            raise BadInput("Enter a name of at most 200 characters")
        if role not in {given.value for given in GIVEN_ROLES}:
            raise BadInput(f"not a role: {role[:40]!r}", advice=f"The roles are: {', '.join(GIVEN_ROLES)}.")
        if len(collar.strip()) > 40:
            raise BadInput("A collar number has at most 40 characters")
        return cls(name, parse_email(email), Role(role), collar.strip().upper())


def parse_email(text: str) -> str:
    """An e-mail address in lower case; raises :class:`NotAnEmail`."""
    text = text.strip().lower()
    if not _EMAIL.fullmatch(text):
        raise NotAnEmail("Enter an email address in the correct format, like name@example.com")
    return text


def home_agency(session: Session, ground: Ground) -> Agency:
    """The agency that runs this installation: the first that was made, named by the settings until it names itself."""
    there = session.scalar(select(Agency).order_by(Agency.created_at, Agency.id).limit(1))
    if there is not None:
        return there
    made = Agency(id=new_id("ag"), name=ground.settings.agency, kind="police", created_at=ground.clock.now())
    session.add(made)
    session.flush()
    return made


def actor_of(person: Person) -> Actor:
    """The person as the one who asks."""
    return Actor(
        role=Role(person.role), person=person.id, name=person.name, agency=person.agency_id,
        agency_name=person.agency.name, collar=person.collar.upper(),
    )  # fmt: skip


def add_person(session: Session, ground: Ground, newcomer: Newcomer, by: Party, agency: Agency | None = None) -> Person:
    """An account that nobody can sign in to yet, with its entry. Raises :class:`EmailTaken`."""
    if session.scalar(select(Person.id).where(Person.email == newcomer.email)) is not None:
        raise EmailTaken(f"{newcomer.email} has an account already")
    agency = agency or home_agency(session, ground)
    person = Person(
        id=new_id("per"), agency_id=agency.id, agency=agency, role=newcomer.role.value, name=newcomer.name,
        email=newcomer.email, collar=newcomer.collar, initials=initials_of(newcomer.name), active=True,
        password_hash="", totp_sealed="", totp_last_step=0, failures=0, created_at=ground.clock.now(),
    )  # fmt: skip
    session.add(person)
    session.flush()
    name = ledger.commit_value(session, f"person:{person.id}", person.name)
    on = {"person": person.id, "name": str(name), "role": person.role, "agency": agency.name}
    acts.tell(session, ground.clock, ActKind.PERSON_ENROLLED, by, on)
    return person


def create_person(
    ground: Ground, *, name: str, email: str, role: str, password: str, totp_secret: str, collar: str = ""
) -> str:
    """An account that can sign in at once, made by the program itself; returns the person's identifier."""
    newcomer = Newcomer.of(name, email, role, collar)
    check_strength(password, about=(name, email))
    hashed = hash_password(password)
    with ground.database.write() as session:
        person = add_person(session, ground, newcomer, ledger.machine(ground, "portal", "set-up"))
        person.password_hash = hashed
        person.totp_sealed = second_factor.seal(ground.sealer, person.id, totp_secret)
        return person.id


def nobody_can_sign_in(ground: Ground) -> bool:
    """Whether there is no account yet that anybody could use."""
    with ground.database.read() as session:
        return session.scalar(select(Person.id).where(Person.password_hash != "").limit(1)) is None


def first_setup_link(ground: Ground) -> str | None:
    """The address at which the first administrator sets up, good once and for an hour; ``None`` once there is one.

    Asking again makes a new one and ends the one before.
    """
    with ground.database.write() as session:
        if session.scalar(select(func.count()).select_from(Person).where(Person.password_hash != "")):
            return None
        return _setup_link(session, ground, None, FIRST_LINK_LASTS)


def invite_person(ground: Ground, *, name: str, email: str, role: str, collar: str = "") -> str:
    """Add somebody from the command line; the address at which they set up, good once and for a week."""
    newcomer = Newcomer.of(name, email, role, collar)
    with ground.database.write() as session:
        person = add_person(session, ground, newcomer, ledger.machine(ground, "portal", "command-line"))
        return invitation(session, ground, person)


def invitation(session: Session, ground: Ground, person: Person) -> str:
    """A fresh set-up link for somebody; any before it ends. Their password works until the link is used."""
    return _setup_link(session, ground, person.id, INVITATION_LASTS)


def find_setup_link(session: Session, secret: str, now: datetime) -> SetupLink:
    """The unused set-up link of a secret; raises :class:`LinkSpent`."""
    return usable_setup_link(session, hash_secret(secret), now)


def usable_setup_link(session: Session, link_id: str, now: datetime, *, to_spend: bool = False) -> SetupLink:
    """The set-up link of a hash, while it can be used; raises :class:`LinkSpent`. ``to_spend``: locked until then."""
    link = session.get(SetupLink, link_id, with_for_update=to_spend)
    if link is None or link.used_at is not None or link.expires_at <= now:
        raise LinkSpent("This set-up link is not valid any more, or it was used already.")
    person = session.get(Person, link.person_id) if link.person_id else None
    if person is not None and not person.active:
        raise LinkSpent("This set-up link is not valid any more, or it was used already.")
    return link


def close_account(session: Session, clock: Clock, person: Person, by: Party) -> None:
    """Nobody signs in with it again; what the person did stays told. Their sessions and set-up links end at once."""
    if not person.active:
        return
    now = clock.now()
    person.active = False
    sessions.end_all(session, person.id, now)
    _end_setup_links(session, person.id, now)
    acts.tell(session, clock, ActKind.PERSON_REVOKED, by, {"person": person.id})


def set_credentials(
    session: Session, sealer: Sealer, person: Person, hashed: str, totp_secret: str, now: datetime
) -> None:
    """A new password (hashed) and authenticator for somebody; all sessions that stood on the old ones end."""
    person.password_hash = hashed
    person.totp_sealed = second_factor.seal(sealer, person.id, totp_secret)
    person.totp_last_step, person.failures, person.locked_until = 0, 0, None
    sessions.end_all(session, person.id, now)


def _setup_link(session: Session, ground: Ground, person_id: str | None, lasts: timedelta) -> str:
    now = ground.clock.now()
    _end_setup_links(session, person_id, now)
    secret = cookies.new_reference()
    session.add(SetupLink(id=hash_secret(secret), person_id=person_id, created_at=now, expires_at=now + lasts))
    return f"{ground.settings.address}{paths.SET_UP}#{secret}"


def _end_setup_links(session: Session, person_id: str | None, now: datetime) -> None:
    of_them = SetupLink.person_id.is_(None) if person_id is None else SetupLink.person_id == person_id
    session.execute(update(SetupLink).where(of_them, SetupLink.used_at.is_(None)).values(used_at=now))
