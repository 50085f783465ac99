"""Finding a case by its URN, and the page of a case."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from portal.views.clock import CourtClock
from portal.views.page import Page, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHit:
    """A case in a list. ``urn`` is None for a case that has only the reference that was typed."""

    case_id: str
    reference: str
    urn: str | None
    exhibits: int
    opened_at: datetime
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSearch(Page):
    """Search by URN or reference. ``hits`` is None before anything was asked; ``warning`` speaks of an odd URN.

    ``recent`` are shown while nothing is asked.
    """

    template: ClassVar[str] = "cases.html"
    section: ClassVar[Section | None] = Section.CASES
    query: str = ""
    hits: tuple[CaseHit, ...] | None = None
    recent: tuple[CaseHit, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitRow:
    """An exhibit in its case. ``shows`` is what it shows, in the officer's words; ``problem`` what is wrong with it."""

    exhibit_id: str
    reference: str
    name: str
    producer: str
    clock: CourtClock
    recorded_at: datetime | None = None
    duration_ms: int | None = None
    shows: str = ""
    problem: str = ""
    links: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePage(Page):
    """A case: its references, its exhibits, and how long each took. ``warning`` speaks of an odd URN."""

    template: ClassVar[str] = "case.html"
    section: ClassVar[Section | None] = Section.CASES
    case_id: str
    reference: str
    urn: str | None
    opened_at: datetime
    opened_by: str
    exhibits: tuple[ExhibitRow, ...]
    title: str = ""
    warning: str = ""
