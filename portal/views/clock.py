"""The court clock of a recording: when it was docked, received, stored, viewable, disclosed and watched."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage: when it was reached, or None, and how long after docking."""

    name: str
    at: datetime | None
    after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtClock:
    """The stages of one recording; a stage that is not reached yet is None."""

    docked: datetime
    received: datetime | None = None
    stored: datetime | None = None
    viewable: datetime | None = None
    disclosed: datetime | None = None
    watched: datetime | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All stages in order."""
        named = (
            ("Docked", self.docked),
            ("Received", self.received),
            ("Stored", self.stored),
            ("Viewable", self.viewable),
            ("Disclosed", self.disclosed),
            ("Watched", self.watched),
        )
        return tuple(Stage(name=name, at=at, after=at - self.docked if at else None) for name, at in named)

    @property
    def latest(self) -> Stage:
        """The last stage that was reached."""
        return [stage for stage in self.stages if stage.at is not None][-1]

    @property
    def to_viewable(self) -> timedelta | None:
        """From the dock seeing the file to a court being able to watch it."""
        return self.viewable - self.docked if self.viewable else None
