"""Where the segments of a recording begin, and when each picture is decoded on the wire. Pure: times in, times out.

Chromium shows, after a seek, the first picture whose time and *length on the wire* cover the place. Decode times from
the camera make that wrong where frames are reordered and uneven. So the wire has its own: the n-th picture in decode
order is decoded at the n-th smallest presentation time, and lasts until the next picture in presentation order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from transcode.trouble import NotPlayable

SEGMENT_SECONDS = Fraction(4)
_FIRST_SEGMENTS = (Fraction(1), Fraction(2))  # short ones to begin with, so that the first picture comes soon
_NEARLY = Fraction(95, 100)
_MOST_REORDERED = 32  # pictures; H.264 allows 16


@dataclass(frozen=True, slots=True)
class Access:
    """One picture as the index knows it, in decode order: its presentation time in the stream's ticks, key or not."""

    time: int
    key: bool


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


def planned(samples: Sequence[Access], base: Fraction) -> Plan:
    """A plan from all pictures in decode order. Raises :class:`NotPlayable` where times make no sense."""
    first = next((i for i, sample in enumerate(samples) if sample.key), len(samples))
    samples = samples[first:]
    if not samples:
        raise NotPlayable("Not one whole picture is in the file.")
    times = sorted({sample.time for sample in samples})
    if len(times) != len(samples):
        raise NotPlayable("Two pictures in the file have one time.")
    place = {time: number for number, time in enumerate(times)}
    if any(abs(place[sample.time] - number) > _MOST_REORDERED for number, sample in enumerate(samples)):
        raise NotPlayable("The times in the file jump back.")
    steps = sorted(later - earlier for earlier, later in pairwise(times))
    step = steps[len(steps) // 2] if steps else max(1, round(1 / (25 * base)))
    decode = {sample.time: time for sample, time in zip(samples, times, strict=True)}
    return Plan(_starts(samples, times, base), times[-1] + step, step, decode)


def _starts(samples: Sequence[Access], times: Sequence[int], base: Fraction) -> tuple[int, ...]:
    starts = [times[0]]
    for sample, time in zip(samples, times, strict=True):
        wanted = _FIRST_SEGMENTS[len(starts) - 1] if len(starts) <= len(_FIRST_SEGMENTS) else SEGMENT_SECONDS
        if sample.key and (time - starts[-1]) * base >= wanted * _NEARLY:
            starts.append(time)
    return tuple(starts)
