"""How the dock's program tells what it is doing, and how patient it is: two small ports between agent and screen."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evidence.errors import DocklineError
from ingest.camera import Found, Left


class Progress(Protocol):
    """Is told what happens; called from several threads."""

    def found(self, files: Sequence[Found], left: Sequence[Left]) -> None:
        """These files are to be brought in now, and these are not."""
        ...

    def sent(self, name: str, at: int) -> None:
        """So many bytes of a file have been sent, from its beginning."""
        ...

    def told(self, name: str, state: str, words: str = "") -> None:
        """A file has come to a state: sending, waiting, sealed, stored, safe, quarantined, refused, unreadable."""
        ...

    def done(self, safe: int, files: int) -> None:
        """Nothing is left to do for now: how many of the files that are there are safe."""
        ...


class Quiet:
    """Tells nobody."""

    def found(self, files: Sequence[Found], left: Sequence[Left]) -> None:
        """See :class:`Progress`."""

    def sent(self, name: str, at: int) -> None:
        """See :class:`Progress`."""

    def told(self, name: str, state: str, words: str = "") -> None:
        """See :class:`Progress`."""

    def done(self, safe: int, files: int) -> None:
        """See :class:`Progress`."""


class GaveUp(DocklineError):
    """What was tried again and again did not work; everything is kept for the next run."""

    code = "gave-up"
    advice = "Nothing is lost. Mend what is named and run the dock again; it goes on where it was."


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between two tries, in seconds: doubling from ``first`` to ``longest``, each with jitter.

    ``limit`` is for how long to go on without any progress; ``None`` for ever.
    """

    first: float = 0.5
    longest: float = 30.0
    limit: float | None = None


class Tries:
    """The tries at one thing."""

    def __init__(self, patience: Patience, stop: threading.Event) -> None:
        self._patience = patience
        self._stop = stop
        self._furthest = -1
        self._waited, self._next = 0.0, patience.first

    def reached(self, at: int) -> None:
        """Begin to count anew when this is further than ever before."""
        if at > self._furthest:
            self._furthest = at
            self._waited, self._next = 0.0, self._patience.first

    def again(self, why: DocklineError) -> None:
        """Wait before the next try, or until somebody asks to stop. Raises :class:`GaveUp` when it was long enough."""
        if self._patience.limit is not None and self._waited >= self._patience.limit:
            raise GaveUp(f"given up after {self._waited:.0f} s of waiting: {why}", advice=why.advice) from why
        pause = self._next * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, so that docks do not return all at once
        self._stop.wait(pause)
        self._waited += pause
        self._next = min(self._next * 2, self._patience.longest)
