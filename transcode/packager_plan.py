"""Where the segments of a recording begin, and when each picture is decoded on the wire. Pure: times in, times out.

Chromium shows, after a seek, the first picture whose time and *length on the wire* cover the place. Decode times from
the camera make that wrong where frames are reordered and uneven. So the wire has its own: the n-th picture in decode
order is decoded at the n-th smallest presentation time, and lasts until the next picture in presentation order.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transcode.trouble import NotPlayable

Ticks = NDArray[np.int64]
Flags = NDArray[np.bool_]

SEGMENT_SECONDS = Fraction(4)
_FIRST_SEGMENTS = (Fraction(1), Fraction(2))  # short ones to begin with, so that the first picture comes soon
_NEARLY = Fraction(95, 100)
_MOST_REORDERED = 32  # pictures; H.264 allows 16


@dataclass(frozen=True, slots=True)
class Plan:
    """The segments' start times, the end, the usual length of a picture, and every picture's decode time on the wire.

    All in the stream's ticks; ``decode`` is by presentation time. A segment's start is its smallest presentation time.
    """

    starts: tuple[int, ...]
    end: int
    step: int
    decode: dict[int, int]

    def time_of(self, packet: Any) -> int | None:
        """The decode time of a video packet; ``None`` for one that is not part of the plan."""
        return self.decode.get(packet.pts if packet.pts is not None else packet.dts)


def planned(times: Ticks, keys: Flags, base: Fraction) -> Plan:
    """A plan from the presentation times of all pictures in decode order, and which are key pictures.

    ``base`` is the length of a tick in seconds. Raises :class:`NotPlayable` where the times make no sense.
    """
    if not keys.any():
        raise NotPlayable("Not one whole picture is in the file.")
    first = int(np.argmax(keys))
    times, keys = times[first:], keys[first:]
    ordered = np.sort(times)
    steps = np.diff(ordered)
    if len(steps) and int(steps.min()) == 0:
        raise NotPlayable("Two pictures in the file have one time.")
    if np.abs(np.searchsorted(ordered, times) - np.arange(len(times))).max() > _MOST_REORDERED:
        raise NotPlayable("The times in the file jump back.")
    step = int(np.median(steps)) if len(steps) else max(1, round(1 / (25 * base)))
    decode = dict(zip(times.tolist(), ordered.tolist(), strict=True))
    return Plan(_starts(ordered[keys].tolist(), int(ordered[0]), base), int(ordered[-1]) + step, step, decode)


def _starts(keys: list[int], first: int, base: Fraction) -> tuple[int, ...]:
    wanted = [int(seconds / base * _NEARLY) for seconds in (*_FIRST_SEGMENTS, SEGMENT_SECONDS)]
    starts = [first]
    for time in keys:
        if time - starts[-1] >= max(1, wanted[min(len(starts), len(wanted)) - 1]):
            starts.append(time)
    return tuple(starts)
