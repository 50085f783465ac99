"""My footage: what a camera brought, what is safe, and what is missing."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from portal.views.page import Form, Page, Section


class ClipState(StrEnum):
    """How far a clip has come. *Safe* means stored, in the ledger, and the camera may be wiped."""

    EXPECTED = "expected"
    UPLOADING = "uploading"
    STORED = "stored"
    SAFE = "safe"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip on a camera. ``href`` is there once it is stored; ``note`` says in words what is wrong.

    ``file_id`` names the docked file, so that a clip can take its reference while it is still on its way.
    ``received`` is how many bytes have come, for a clip on its way. ``viewable`` is whether it plays now.
    """

    file_id: str
    name: str
    size: int
    state: ClipState
    recorded_at: datetime | None = None
    duration_ms: int | None = None
    received: int = 0
    note: str = ""
    href: str | None = None
    viewable: bool = False
    reference: str = ""
    exhibit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DockingFootage:
    """One docking of one camera, newest first on the page. ``form`` is this docking's reference form."""

    docking_id: str
    dock: str
    station: str
    camera: str
    docked_at: datetime
    clips: tuple[Clip, ...]
    form: Form = field(default_factory=Form)

    @property
    def safe(self) -> int:
        """How many clips are safe."""
        return sum(clip.state is ClipState.SAFE for clip in self.clips)

    @property
    def stored(self) -> int:
        """How many clips are stored, safe ones included."""
        return sum(clip.state in {ClipState.STORED, ClipState.SAFE} for clip in self.clips)

    @property
    def missing(self) -> tuple[Clip, ...]:
        """Clips that the camera holds and that have not arrived whole."""
        return tuple(clip for clip in self.clips if clip.state in {ClipState.EXPECTED, ClipState.UPLOADING})

    @property
    def troubled(self) -> tuple[Clip, ...]:
        """Clips that were set aside or refused: kept, and explained."""
        return tuple(clip for clip in self.clips if clip.state in {ClipState.QUARANTINED, ClipState.REFUSED})

    @property
    def nameable(self) -> tuple[Clip, ...]:
        """Clips that can be given a reference: all that were not set aside."""
        return tuple(clip for clip in self.clips if clip not in self.troubled)

    @property
    def unreferenced(self) -> int:
        """How many of them still have none."""
        return sum(not clip.reference for clip in self.nameable)


@dataclass(frozen=True, slots=True, kw_only=True)
class MyFootage(Page):
    """An officer's own footage. ``officer`` is the collar number under which cameras know them, or empty.

    ``unclaimed`` is footage of the agency that no known officer is said to have made; each can be claimed.
    """

    template: ClassVar[str] = "footage.html"
    section: ClassVar[Section | None] = Section.FOOTAGE
    officer: str
    dockings: tuple[DockingFootage, ...] = ()
    more: bool = False
    unclaimed: tuple[DockingFootage, ...] = ()
