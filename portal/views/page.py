"""The frame of every page: who is signed in, where they can go, and what a form brings back.

Times are aware and in UTC, sizes are bytes, durations are milliseconds. Texts are plain: templates escape them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar


class Section(StrEnum):
    """The places of the navigation bar. Routes list those that the signed-in person may enter."""

    FOOTAGE = "footage"
    CASES = "cases"
    DOCKS = "docks"
    PEOPLE = "people"
    QUARANTINE = "quarantine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Whoever is signed in: name and role in words, such as ``Officer``."""

    name: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One banner above the page, shown once after something was done."""

    title: str
    text: str = ""
    success: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What surrounds a page. The form token is empty where there is no session."""

    form_token: str = ""
    signed_in: SignedIn | None = None
    sections: tuple[Section, ...] = ()
    notice: Notice | None = None
    court: bool = False


class Page:
    """A page of the portal. ``template`` is its file, ``section`` the navigation item that is lit."""

    __slots__ = ()
    template: ClassVar[str]
    section: ClassVar[Section | None] = None


@dataclass(frozen=True, slots=True)
class Form:
    """What was typed, and what is wrong with it. Passwords and codes are never given back to the page."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """What was typed into a field; empty when nothing was."""
        return self.values.get(name, "")

    def error(self, name: str) -> str | None:
        """What is wrong with a field, as a sentence that says how to put it right."""
        return self.errors.get(name)
