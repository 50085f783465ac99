"""Partial tiles and bundles, and when they may go.

Every checkpoint that ends inside a tile leaves that tile in a shorter form, and at two checkpoints a second these pile
up: a bundle may be written 255 times before it is full. C2SP tlog-tiles lets a log drop the partial tiles once the full
one is there, and has readers turn to that instead, as :func:`custody.tile.read_tile` does.

They go one checkpoint late, so that a reader who has just fetched the newest or the one before finds the partial tiles
it names. Nothing depends on it: what cannot be discarded stays, and is tried again after the next publication.
"""

import logging
from collections.abc import Iterator

from sqlalchemy import select

from custody.logfiles import LogFiles
from custody.tile import WIDTH, bundles_of_growth, tiles_of_growth
from evidence.database import Database
from evidence.errors import DocklineError
from evidence.models import LedgerCheckpoint

BACK = 256 * WIDTH  # entries before the first publication of a process within which its forerunner may have left some
STEP = 64 * WIDTH  # entries tidied after one publication: bounds how long the next one waits

log = logging.getLogger(__name__)


class Partials:
    """Discards what full tiles have superseded. One object for each :class:`~custody.sequencer.Sequencer`."""

    def __init__(self, database: Database, files: LogFiles) -> None:
        self._database = database
        self._files = files
        self._tidy: int | None = None  # entries up to which nothing superseded is left

    def discard(self, size: int) -> int:
        """Discard what is superseded in a tree of ``size`` entries, which is published; how many files went.

        Never raises on account of the store: partial tiles take room and do no harm.
        """
        start = max(0, size - BACK) // WIDTH * WIDTH if self._tidy is None else self._tidy
        end = min(size, start + STEP)
        gone = 0
        try:
            for path in self._superseded(start, end):
                gone += self._files.discard_partials(path)
        except (DocklineError, OSError) as wrong:
            log.warning("superseded partial tiles stay for now: %s", wrong)
            return gone
        self._tidy = end
        return gone

    def _superseded(self, old: int, new: int) -> Iterator[str]:
        """Paths of the full files that came to be between two sizes and of which partial forms were published."""
        first = old // WIDTH * WIDTH
        with self._database.read() as session:
            sizes = session.scalars(
                select(LedgerCheckpoint.size).where(LedgerCheckpoint.size > first, LedgerCheckpoint.size < new)
            ).all()
        cut = {size // WIDTH for size in sizes if size % WIDTH}
        for bundle in bundles_of_growth(old, new):
            if bundle.width == WIDTH and bundle.index in cut:
                yield bundle.path
        for tile in tiles_of_growth(old, new):
            if tile.width == WIDTH and (tile.level or tile.index in cut):
                yield tile.path
