"""Docks, people and the quarantine, for administrators."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from portal.views.page import Form, Page, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class DockRow:
    """An enrolled dock. ``fingerprint`` is to be compared with the one that the dock shows."""

    dock_id: str
    name: str
    station: str
    fingerprint: str
    enrolled_at: datetime
    seen_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A fresh one-time code, shown once, with the command to type on the dock."""

    code: str
    dock_name: str
    command: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Docks(Page):
    """All docks, and the form for an enrolment code. Fields: ``name``, ``station``."""

    template: ClassVar[str] = "docks.html"
    section: ClassVar[Section | None] = Section.DOCKS
    docks: tuple[DockRow, ...]
    form: Form = field(default_factory=Form)
    enrolment: Enrolment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """Somebody with an account. ``state`` is ``active``, ``invited`` or ``closed``."""

    person_id: str
    name: str
    email: str
    role: str
    collar: str
    initials: str
    state: str
    created_at: datetime
    myself: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A fresh one-time set-up link, shown once. ``address`` holds the secret after ``#``."""

    name: str
    address: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role that can be given: the stored word, its name and what it may do."""

    value: str
    name: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class People(Page):
    """All people, and the form to add one. Fields: ``name``, ``email``, ``collar``, ``role``."""

    template: ClassVar[str] = "people.html"
    section: ClassVar[Section | None] = Section.PEOPLE
    people: tuple[PersonRow, ...]
    roles: tuple[Role, ...]
    form: Form = field(default_factory=Form)
    invitation: Invitation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """Bytes that could not be taken as evidence as they are. ``expected`` is empty where nothing was promised."""

    name: str
    dock: str
    size: int
    words: str
    found: str
    at: datetime
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(Page):
    """Everything that was set aside, newest first."""

    template: ClassVar[str] = "quarantine.html"
    section: ClassVar[Section | None] = Section.QUARANTINE
    rows: tuple[QuarantineRow, ...]
