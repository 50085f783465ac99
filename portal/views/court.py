"""The court's side: opening a link, typing the security code, watching, and a link that does not open."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from portal.views.exhibit import ContinuityEvent, Facts, Player, RenditionRow
from portal.views.page import Form, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtOpen(Page):
    """Where a secure link lands. Script moves its secret from the fragment into ``link``, or it is pasted."""

    template: ClassVar[str] = "court-open.html"
    form: Form = field(default_factory=Form)


class Delivery(StrEnum):
    """How the security code reaches the recipient."""

    READ_OUT = "read-out"
    EMAIL = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtCode(Page):
    """The security code. Field: ``code``. Nothing about the exhibit is said before the code is right.

    ``owner`` is who shared it and will read the code out; ``sent_to`` a masked address when it is sent, with
    ``sent_at``.
    """

    template: ClassVar[str] = "court-code.html"
    recipient: str
    owner: str
    delivery: Delivery = Delivery.READ_OUT
    sent_to: str = ""
    sent_at: datetime | None = None
    form: Form = field(default_factory=Form)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtWatch(Page):
    """The exhibit as the court sees it. ``download_url`` is None where the link is for viewing only."""

    template: ClassVar[str] = "court-watch.html"
    facts: Facts
    case_reference: str
    recipient: str
    organisation: str
    purpose: str
    shared_by: str
    expires_at: datetime
    player: Player | None = None
    problem: str = ""
    continuity: tuple[ContinuityEvent, ...] = ()
    renditions: tuple[RenditionRow, ...] = ()
    download_url: str | None = None


class Closed(StrEnum):
    """Why a link does not open."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    USED_UP = "used up"
    UNKNOWN = "unknown"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtClosed(Page):
    """A link that does not open, why, and whom to ask. ``owner`` is empty unless the secret was right."""

    template: ClassVar[str] = "court-closed.html"
    why: Closed
    owner: str = ""
