"""The page of an exhibit: the player, the facts, its continuity in plain words, and what was made from it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from portal.views.clock import CourtClock
from portal.views.page import Page, Section


class BeginWhen(StrEnum):
    """When a viewing begins: at the press of a button, or as soon as the page is there."""

    PRESS = "press"
    LOAD = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """What the player is told. The page carries no address of the film, not even of a poster.

    The script asks for a viewing with POST to ``begin`` (fields ``form_token``, ``rendition``); the answer, given
    once the viewing's entry is durable, names playlist, frame table and the rest. ``started_at`` is the wall-clock
    time of frame 0, corrected by the measured offset; width and height shape the page before the film is there.
    """

    label: str
    begin: str
    when: BeginWhen = BeginWhen.PRESS
    width: int = 1280
    height: int = 720
    duration_ms: int | None = None
    started_at: datetime | None = None
    clock_note: str = ""
    viewer: str = ""  # shown over the picture on the court's side: who watches, by which link


class Proof(StrEnum):
    """How far an entry has come in the ledger."""

    RECORDED = "recorded"
    PUBLISHED = "published"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuityEvent:
    """One thing that happened to an exhibit, in plain words; oldest first on the page.

    ``entry`` is the entry's number in the ledger; ``proof_url`` downloads its inclusion proof, once it is published.
    """

    title: str
    words: str
    at: datetime
    by: str = ""
    entry: int | None = None
    proof: Proof = Proof.RECORDED
    proof_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionRow:
    """The master or a copy. ``kind`` is ``master``, ``playback`` or ``working copy``; ``state`` as it is stored."""

    name: str
    kind: str
    state: str
    digest: str = ""
    made_from: str = ""
    tool: str = ""
    size: int | None = None
    made_at: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionSpan:
    """A span in which something was found that may have to be hidden. Milliseconds from the first frame."""

    kind: str
    from_ms: int
    to_ms: int
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A secure link in a list. ``state`` is ``live``, ``expired``, ``revoked`` or ``used up``."""

    link_id: str
    recipient: str
    organisation: str
    state: str
    expires_at: datetime
    openings: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a recording. ``reference`` is JAS/1, or None while it is in no case.

    ``recorded_at`` is the camera's own time; ``clock_offset_ms`` how far the camera was ahead of UTC, None if not
    measured.
    """

    name: str
    digest: str
    size: int
    camera: str
    dock: str
    producer: str
    reference: str | None = None
    recorded_at: datetime | None = None
    clock_offset_ms: int | None = None
    duration_ms: int | None = None
    picture: str = ""  # such as "1280 x 720, H.264, variable frame rate"
    sound: str = ""
    shows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRef:
    """The case that an exhibit belongs to."""

    case_id: str
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExhibitPage(Page):
    """An exhibit, or a recording in no case yet (then ``case`` and ``exhibit_id`` are None).

    ``player`` is None where nothing can be played; ``problem`` then says why, in words, and also speaks of damage.
    ``suggestion_state`` is ``none``, ``making``, ``ready`` or ``failed``. ``download_url`` is None for those who
    may not.
    """

    template: ClassVar[str] = "exhibit.html"
    section: ClassVar[Section | None] = Section.CASES
    facts: Facts
    clock: CourtClock
    exhibit_id: str | None = None
    case: CaseRef | None = None
    player: Player | None = None
    problem: str = ""
    continuity: tuple[ContinuityEvent, ...] = ()
    renditions: tuple[RenditionRow, ...] = ()
    suggestion_state: str = "none"
    suggestions: tuple[SuggestionSpan, ...] = ()
    links: tuple[LinkRow, ...] = ()
    may_share: bool = False
    download_url: str | None = None
