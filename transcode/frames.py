"""The frame table: the presentation time of every frame, so that a label on the screen is never a guess.

Bodycam footage has uneven frame times, gaps and edit lists; time multiplied by a nominal rate names the wrong frame.
The table is JSON: ``timescale`` (ticks per second), ``pts`` (the first value absolute, the others differences to the
frame before, in presentation order), ``last`` (ticks that the last frame is shown), and the picture as shown:
``width``, ``height`` in square pixels, and the ``rotation`` in degrees clockwise that a player has applied.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Self

from evidence.errors import BadInput

VERSION = 1


class NotAFrameTable(BadInput):
    """Bytes are not a frame table of a version that is known here."""

    code = "not-a-frame-table"


@dataclass(frozen=True, slots=True)
class FrameTable:
    """Presentation times of all frames in ticks of ``1/timescale`` seconds, strictly rising."""

    timescale: int
    pts: tuple[int, ...]
    last: int
    width: int
    height: int
    rotation: int = 0

    @classmethod
    def of(
        cls, timescale: int, pts: Iterable[int], *, last: int | None, width: int, height: int, rotation: int = 0
    ) -> Self:
        """A table of times in any order. Two frames with one time are kept as one: only the later is ever seen."""
        ordered = tuple(sorted(set(pts)))
        if not ordered:
            raise NotAFrameTable("a recording without a single frame has no table")
        usual = last if last and last > 0 else _usual_step(ordered, timescale)
        return cls(timescale, ordered, usual, width, height, rotation)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return (self.pts[-1] - self.pts[0] + self.last) / self.timescale

    def seconds(self, frame: int) -> float:
        """Seconds from the first frame to the given one."""
        return (self.pts[frame] - self.pts[0]) / self.timescale

    def differences(self) -> list[int]:
        """Ticks between each frame and the next: what must be equal in an exact copy, whatever its origin of time."""
        return [later - earlier for earlier, later in pairwise(self.pts)]

    def to_json(self) -> bytes:
        """The table as it is stored and served."""
        return json.dumps(
            {
                "version": VERSION,
                "timescale": self.timescale,
                "pts": [self.pts[0], *self.differences()],
                "last": self.last,
                "width": self.width,
                "height": self.height,
                "rotation": self.rotation,
            },
            separators=(",", ":"),
        ).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a table. Raises :class:`NotAFrameTable` on anything else."""
        try:
            told = json.loads(data)
            if told["version"] != VERSION:
                raise NotAFrameTable(f"a frame table of version {told['version']!r} is not known here")
            pts = tuple(accumulate(int(step) for step in told["pts"]))
            sizes = (int(told["last"]), int(told["width"]), int(told["height"]), int(told["rotation"]))
            return cls(int(told["timescale"]), pts, *sizes)
        except (ValueError, KeyError, TypeError) as wrong:
            raise NotAFrameTable(f"not a frame table: {wrong}") from wrong


def same_times(one: FrameTable, other: FrameTable) -> str | None:
    """``None`` when both tables show the same frames at the same distances from their first, else the first difference.

    Times are compared as exact fractions, so that two tables may count in different ticks.
    """
    if len(one.pts) != len(other.pts):
        return f"{len(one.pts)} frames against {len(other.pts)}"
    for frame, (a, b) in enumerate(zip(one.pts, other.pts, strict=True)):
        if (a - one.pts[0]) * other.timescale != (b - other.pts[0]) * one.timescale:
            return f"frame {frame} is shown at {one.seconds(frame):.6f} s against {other.seconds(frame):.6f} s"
    return None


def _usual_step(pts: tuple[int, ...], timescale: int) -> int:
    steps = sorted(later - earlier for earlier, later in pairwise(pts))
    return steps[len(steps) // 2] if steps else max(1, timescale // 25)
