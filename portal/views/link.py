"""Secure links from the owner's side: making one, handing it over, seeing it used, ending it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from portal.views.page import Form, Page, Section


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSubject:
    """The exhibit that a link opens."""

    exhibit_id: str
    reference: str
    case_id: str
    case_reference: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink(Page):
    """The form that makes a link; it comes with a date filled in. An error on the date is keyed ``expires``.

    Fields: ``recipient``, ``organisation``, ``purpose``, ``expires-day``, ``expires-month``, ``expires-year``,
    ``allowance`` (``view`` or ``download``), ``openings`` (empty for no limit).
    """

    template: ClassVar[str] = "link-new.html"
    section: ClassVar[Section | None] = Section.CASES
    subject: LinkSubject
    form: Form = field(default_factory=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One opening of a link or viewing by it, in words, such as ``Watched the original``."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOutCode:
    """A fresh security code, shown to the owner once, to be read out to the recipient."""

    code: str
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPage(Page):
    """A link as its owner sees it. ``address`` holds the secret and is given only right after the link was made.

    ``state`` is ``live``, ``expired``, ``revoked`` or ``used up``.
    """

    template: ClassVar[str] = "link.html"
    section: ClassVar[Section | None] = Section.CASES
    link_id: str
    subject: LinkSubject
    recipient: str
    organisation: str
    purpose: str
    may_download: bool
    created_at: datetime
    created_by: str
    expires_at: datetime
    state: str
    openings: int = 0
    max_openings: int | None = None
    last_opened_at: datetime | None = None
    history: tuple[Opening, ...] = ()
    revoked_at: datetime | None = None
    address: str | None = None
    code: ReadOutCode | None = None
