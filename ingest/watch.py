"""Watching a folder: look, wait until files are settled, bring them in, and look again."""

import threading
import time
from datetime import datetime
from pathlib import Path

from evidence.clock import Clock
from ingest.agent import Agent, Result
from ingest.camera import QUIET, CameraGone, Found, Left, Look, Settling, look
from ingest.progress import Progress

LOOK_EVERY = 1.0  # seconds between two looks at a folder where nothing happens
SETTLE_LOOK = 0.02  # seconds between two looks while something is waited for
ROUNDS = 3  # in which the same file may fail before it is left for another run


class Watch:
    """One folder and what has become of the files in it."""

    def __init__(self, folder: Path, agent: Agent, clock: Clock, progress: Progress, *, quiet: float = QUIET) -> None:
        self._folder = folder
        self._agent = agent
        self._clock = clock
        self._progress = progress
        self._settling = Settling(quiet)
        self._rounds: dict[Found, int] = {}
        self._done: set[Found] = set()
        self._results: dict[str, Result] = {}
        self._seen = Look()
        self._worked = False
        self.left: tuple[Left, ...] = ()

    @property
    def stop(self) -> threading.Event:
        """Set it to end the watching; everything is kept."""
        return self._agent.stop

    def every_result(self) -> list[Result]:
        """How each file stands that was seen, also those that nothing was done for; by name."""
        there = {file.name: Result(file.name, file.size, "waiting") for file in self._seen.files}
        return [result for _, result in sorted({**there, **self._results}.items())]

    def run(self, *, once: bool) -> None:
        """Watch until asked to stop; with ``once``, until nothing is left to do for what is there.

        Raises :class:`~ingest.camera.CameraGone` when ``once`` finds no folder, :class:`~ingest.line.NotLetIn`, and
        :class:`~ingest.sender.Stopped`.
        """
        since = self._clock.now()
        while not self.stop.is_set():
            seen = self._seen = look(self._folder)
            if once and not seen.is_there:
                raise CameraGone(
                    f"there is no folder {self._folder}", advice="Mount the camera there, or name another."
                )
            settled = self._settling.settled(seen, time.monotonic())
            self._forget_what_left(seen)
            waiting = [file for file in seen.files if file not in self._done]
            ready = [file for file in settled if file not in self._done]
            if ready:
                self._bring_in(ready, seen, since)
            elif once and not waiting:
                return
            else:
                self.stop.wait(SETTLE_LOOK if waiting else LOOK_EVERY)
            if not waiting:
                since = self._clock.now()  # what appears from now on was docked from now on
                self._tell_once(seen)

    def _bring_in(self, files: list[Found], seen: Look, since: datetime) -> None:
        self._worked = True
        self._progress.found(files, seen.left)
        by_name = {file.name: file for file in files}
        for result in self._agent.bring_in(self._folder, files, since):
            file = by_name[result.name]
            self._results[result.name] = result
            self._rounds[file] = self._rounds.get(file, 0) + 1
            if result.is_final or self._rounds[file] >= ROUNDS:
                self._done.add(file)

    def _tell_once(self, seen: Look) -> None:
        if self._worked and seen.files:
            found = [self._results[file.name] for file in seen.files]
            self._progress.done(sum(result.safe_to_wipe for result in found), len(found))
        self._worked = False

    def _forget_what_left(self, seen: Look) -> None:
        """A file that has gone may come back as another; a camera that was taken out is docked anew."""
        there = set(seen.files)
        self._done &= there
        self._rounds = {file: count for file, count in self._rounds.items() if file in there}
        self.left = seen.left
