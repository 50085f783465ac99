"""Who may do what: role x action x standing, one table, nothing else. What the table does not say is denied.

A *standing* is how the one who asks stands to the thing asked for: it is their own, it is part of a case of their
agency, it only belongs to their agency, or it was granted to them by a secure link. This module is pure: it reads no
row and no request, so the whole table is tested line by line. A denial carries its reason in words, which is shown and
logged.

Administrators administer. They do not watch, they do not read cases, and no line below changes that by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evidence.errors import Refused


class Role(StrEnum):
    """In what capacity somebody asks."""

    ANYONE = "anyone"  # not signed in
    COURT = "court"  # holds a secure link and typed a right code
    OFFICER = "officer"
    REDACTOR = "redactor"
    PROSECUTOR = "prosecutor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Standing(StrEnum):
    """How the one who asks stands to what they ask for, the closest first."""

    OWN = "own"  # filmed by them, produced by them, made by them
    CASE = "case"  # part of a case of their agency
    UNCLAIMED = "unclaimed"  # of their agency, and nobody is known to have filmed it
    AGENCY = "agency"  # of their agency, nothing closer
    GRANTED = "granted"  # granted by a link, to look at
    GRANTED_COPY = "granted-copy"  # granted by a link, to take away
    NONE = "none"


class Action(StrEnum):
    """What can be asked for."""

    SIGN_IN = "sign in"
    OPEN_LINK = "open a secure link"
    READ_PUBLIC = "read what is public"
    KEEP_ACCOUNT = "look after their own sessions"
    LIST_FOOTAGE = "list footage"
    CLAIM_FOOTAGE = "claim footage that nobody is known to have filmed"
    ENTER_REFERENCE = "enter a reference"
    FIND_CASES = "find cases"
    SEE_CASE = "see a case"
    SEE_EXHIBIT = "see an exhibit's page"
    DESCRIBE_EXHIBIT = "say what an exhibit shows"
    WATCH = "watch footage"
    DOWNLOAD = "take a copy of the original"
    SEE_LINKS = "see to whom footage was disclosed"
    DISCLOSE = "issue a secure link"
    ISSUE_CODE = "give out a security code"
    REVOKE_LINK = "revoke a secure link"
    MANAGE_DOCKS = "manage docks"
    MANAGE_PEOPLE = "manage people"
    SEE_QUARANTINE = "see what was set aside"
    READ_LOG = "read the ledger's entries"
    SEE_CLOCK = "see the court clock"


_S = Standing
_EVERYONE = frozenset(Role)
_STAFF = _EVERYONE - {Role.ANYONE, Role.COURT}
_NOTHING: frozenset[Standing] = frozenset()
_ALWAYS = frozenset(Standing)
_OWN = frozenset({_S.OWN})
_CASE = frozenset({_S.CASE})
_OWN_OR_CASE = _OWN | _CASE
_AGENCY = frozenset({_S.OWN, _S.CASE, _S.UNCLAIMED, _S.AGENCY})
_GRANTED = frozenset({_S.GRANTED, _S.GRANTED_COPY})
_GRANTED_COPY = frozenset({_S.GRANTED_COPY})

_READERS = {Role.OFFICER: _OWN_OR_CASE, Role.PROSECUTOR: _CASE, Role.REDACTOR: _CASE}

RIGHTS: Mapping[Action, Mapping[Role, frozenset[Standing]]] = {
    Action.SIGN_IN: dict.fromkeys(_EVERYONE, _ALWAYS),
    Action.OPEN_LINK: dict.fromkeys(_EVERYONE, _ALWAYS),
    Action.READ_PUBLIC: dict.fromkeys(_EVERYONE, _ALWAYS),
    Action.KEEP_ACCOUNT: dict.fromkeys(_STAFF, _OWN),
    Action.LIST_FOOTAGE: {Role.OFFICER: _OWN | {_S.UNCLAIMED}},
    Action.CLAIM_FOOTAGE: {Role.OFFICER: frozenset({_S.UNCLAIMED})},
    Action.ENTER_REFERENCE: {Role.OFFICER: _OWN},
    Action.FIND_CASES: {**dict.fromkeys(_READERS, _CASE), Role.AUDITOR: _CASE},
    Action.SEE_CASE: {**dict.fromkeys(_READERS, _CASE), Role.AUDITOR: _CASE},
    Action.SEE_EXHIBIT: {**_READERS, Role.AUDITOR: _CASE, Role.COURT: _GRANTED},
    Action.DESCRIBE_EXHIBIT: {Role.OFFICER: _OWN},
    Action.WATCH: {**_READERS, Role.COURT: _GRANTED},
    Action.DOWNLOAD: {Role.OFFICER: _OWN_OR_CASE, Role.PROSECUTOR: _CASE, Role.COURT: _GRANTED_COPY},
    Action.SEE_LINKS: {Role.OFFICER: _OWN_OR_CASE, Role.PROSECUTOR: _CASE, Role.AUDITOR: _CASE},
    Action.DISCLOSE: {Role.OFFICER: _OWN_OR_CASE, Role.PROSECUTOR: _CASE},
    Action.ISSUE_CODE: {Role.OFFICER: _OWN, Role.PROSECUTOR: _OWN},
    Action.REVOKE_LINK: {Role.OFFICER: _OWN_OR_CASE, Role.PROSECUTOR: _OWN_OR_CASE},
    Action.MANAGE_DOCKS: {Role.ADMINISTRATOR: _AGENCY},
    Action.MANAGE_PEOPLE: {Role.ADMINISTRATOR: _AGENCY},
    Action.SEE_QUARANTINE: {Role.ADMINISTRATOR: _AGENCY, Role.AUDITOR: _AGENCY},
    Action.READ_LOG: {Role.ADMINISTRATOR: _AGENCY, Role.AUDITOR: _AGENCY},
    Action.SEE_CLOCK: {**_READERS, Role.AUDITOR: _AGENCY, Role.ADMINISTRATOR: _AGENCY},
}

_STANDING_WORDS = {
    _S.OWN: "your own",
    _S.CASE: "part of a case of your agency",
    _S.UNCLAIMED: "footage that nobody is known to have filmed",
    _S.AGENCY: "of your agency",
    _S.GRANTED: "granted to you by a secure link",
    _S.GRANTED_COPY: "granted to you by a secure link that allows copies",
    _S.NONE: "anything at all",
}


class MayNot(Refused):
    """The one who asks may not do this; the message is the reason."""

    code = "may-not"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks. ``person`` and ``agency`` are identifiers, empty for those without an account."""

    role: Role
    person: str = ""
    name: str = ""
    agency: str = ""
    agency_name: str = ""
    collar: str = ""  # as cameras know the officer, upper case


NOBODY = Actor(Role.ANYONE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to "may they?", with its reason when they may not."""

    allowed: bool
    reason: str = ""


def decide(role: Role, action: Action, standing: Standing) -> Verdict:
    """Whether a role may do something to what it stands to in this way."""
    allowed = RIGHTS.get(action, {}).get(role, _NOTHING)
    if standing in allowed:
        return Verdict(allowed=True)
    if not allowed:
        return Verdict(allowed=False, reason=_not_this_role(role, action))
    ways = " or ".join(_STANDING_WORDS[way] for way in Standing if way in allowed)
    return Verdict(allowed=False, reason=f"You may {action} only when it is {ways}.")


def may_ever(role: Role, action: Action) -> Verdict:
    """Whether there is anything at all to which the role may do this: the question a page asks before its rows."""
    if RIGHTS.get(action, {}).get(role, _NOTHING):
        return Verdict(allowed=True)
    return Verdict(allowed=False, reason=_not_this_role(role, action))


def demand(actor: Actor, action: Action, standing: Standing) -> None:
    """Return only if the actor may; raises :class:`MayNot` with the reason."""
    verdict = decide(actor.role, action, standing)
    if not verdict.allowed:
        raise MayNot(verdict.reason)


def standing_to(actor: Actor, *, agency: str, filmed_by: str, in_case: bool, known: bool = True) -> Standing:
    """How somebody with an account stands to footage of an agency.

    ``filmed_by`` is the collar number that the camera gave; ``known`` says whether anybody has that number.
    """
    if not actor.agency or actor.agency != agency:
        return Standing.NONE
    if actor.collar and actor.collar == filmed_by.strip().upper():
        return Standing.OWN
    if in_case:
        return Standing.CASE
    return Standing.AGENCY if filmed_by and known else Standing.UNCLAIMED


def _not_this_role(role: Role, action: Action) -> str:
    if role is Role.ANYONE:
        return f"You must sign in before you can {action}."
    if role is Role.COURT:
        return f"A secure link does not let you {action}."
    return f"Your role ({role}) does not let you {action}."
