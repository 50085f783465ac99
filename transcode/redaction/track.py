"""From sightings to tracks: the linker that looks both ways in time, so that no frame between two sightings is bare.

Redaction is done after the fact, so the future is known. Sightings are linked after the camera's own movement is taken
out; an unsure one counts when its track is sure somewhere else; frames the model missed, or was not shown because only
every n-th frame is looked at, are filled with the area between what was seen before and what is seen after; both ends
are extended, growing, to where the model would only later have been sure. Every box keeps the reason for its being
there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from transcode.redaction.detect import Boxes, overlap
from transcode.redaction.motion import Transform, inverse, warped
from transcode.redaction.plan import Reason

Area = NDArray[np.float64]  # left, top, right, bottom in pixels


@dataclass(frozen=True, slots=True)
class Linking:
    """How boldly to link. Frames count in the recording's own frames, shares are of a box's side."""

    sure: float = 0.2  # a track counts when its best sighting reaches this
    most_gap: int = 15  # frames a track may go unseen and still go on
    bridge: int = 30  # frames between two tracks that are one by their place
    extend: int = 8  # frames added before the first and after the last sighting
    growth: float = 0.02  # of its sides by which a box grows per extended frame
    margin: float = 0.35  # added to every box's sides in the end: a head is larger than its face
    unseen_margin: float = 0.5  # the same for boxes that were not seen
    like: float = 0.25  # affinity from which two boxes may be one thing


@dataclass(frozen=True, slots=True)
class Placed:
    """One frame of a track: its area in pixels with the margin, confidence, and why it is there."""

    area: Area
    confidence: float
    reason: Reason


@dataclass(slots=True)
class Chain:
    """Sightings that were linked so far, and where the thing is expected now."""

    seen: dict[int, Area]
    scores: dict[int, float]
    now: Area
    drift: Area = field(default_factory=lambda: np.zeros(2))  # its own movement per frame, the camera's taken out
    last: int = 0

    @property
    def first(self) -> int:
        """Frame of the first sighting."""
        return min(self.seen)

    @property
    def best(self) -> float:
        """The surest sighting."""
        return max(self.scores.values())


def link(
    sightings: Mapping[int, Boxes], motion: Sequence[Transform], size: tuple[int, int], how: Linking | None = None
) -> list[dict[int, Placed]]:
    """Tracks by frame from the sightings of the frames that were looked at.

    ``motion[n]`` carries frame n-1 to frame n; ``size`` is width and height. Tracks come in the order of their start.
    """
    how = how or Linking()
    chains = [chain for chain in _follow(sightings, motion, how) if chain.best >= how.sure]
    chains = _bridge(sorted(chains, key=lambda chain: chain.first), motion, how)
    stride = _stride(sightings)
    tracks = [_placed(chain, motion, size, how, stride) for chain in chains]
    return sorted((track for track in tracks if track), key=min)


def _stride(sightings: Mapping[int, Boxes]) -> int:
    looked = sorted(sightings)
    return max((b - a for a, b in pairwise(looked)), default=1)


def _follow(sightings: Mapping[int, Boxes], motion: Sequence[Transform], how: Linking) -> list[Chain]:
    """One pass forward: every sighting joins the chain that expects it, or begins one of its own."""
    active: list[Chain] = []
    done: list[Chain] = []
    for frame, step in enumerate(motion):
        for chain in active:
            chain.now = warped(chain.now, step)
            chain.now += np.tile(chain.drift, 2)
            chain.drift *= 0.95
        if frame in sightings:
            _join(active, sightings[frame], frame, how)
        done += [chain for chain in active if frame - chain.last > how.most_gap]
        active = [chain for chain in active if frame - chain.last <= how.most_gap]
    return done + active


def _join(active: list[Chain], boxes: Boxes, frame: int, how: Linking) -> None:
    pairs = sorted(
        (
            (value, i, j)
            for i, chain in enumerate(active)
            for j, value in enumerate(_affinity(chain.now, boxes, frame - chain.last))
        ),
        reverse=True,
    )
    chains_taken: set[int] = set()
    boxes_taken: set[int] = set()
    for value, i, j in pairs:
        if value < how.like:
            break
        if i not in chains_taken and j not in boxes_taken:
            chains_taken.add(i)
            boxes_taken.add(j)
            _extend(active[i], boxes[j], frame)
    for j, box in enumerate(boxes):
        if j not in boxes_taken:
            area = box[:4].astype(np.float64)
            active.append(Chain({frame: area}, {frame: float(box[4])}, area.copy(), last=frame))


def _extend(chain: Chain, box: NDArray[np.float32], frame: int) -> None:
    area = box[:4].astype(np.float64)
    missed = _middle(area) - _middle(chain.now)
    chain.drift = chain.drift + 0.5 * missed / max(1, frame - chain.last)
    chain.seen[frame], chain.scores[frame] = area, float(box[4])
    chain.now, chain.last = area.copy(), frame


def _affinity(area: Area, boxes: Boxes, frames: int) -> NDArray[np.float64]:
    """How alike one area is to many, 0 to 1: overlap, or nearness of middles where fast movement leaves no overlap.

    The longer a thing was not seen, the further it may have gone: ``frames`` since then.
    """
    if not len(boxes):
        return np.zeros(0)
    sides = np.stack([boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]], 1).mean(1)
    side = (area[2] - area[0] + area[3] - area[1]) / 2
    middles = np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], 1) / 2
    near = 1 - np.hypot(*(middles - _middle(area)).T) / np.maximum((side + sides) / 2 * min(2.0, 1 + 0.3 * frames), 1)
    fits = (sides < 2 * side) & (sides > side / 2)
    return np.maximum(overlap(area.astype(np.float32), boxes), np.where(fits, near, 0.0)).astype(np.float64)


def _middle(area: Area) -> Area:
    return np.array([area[0] + area[2], area[1] + area[3]]) / 2


def _bridge(chains: list[Chain], motion: Sequence[Transform], how: Linking) -> list[Chain]:
    """Join chains of which one ends where, a little later, the other begins: a blink, a turn, someone passing."""
    joined: list[Chain] = []
    for chain in chains:
        for earlier in reversed(joined):
            gap = chain.first - earlier.last
            if 0 < gap <= how.bridge and _meets(earlier, chain, motion, how):
                earlier.seen |= chain.seen
                earlier.scores |= chain.scores
                earlier.last = chain.last
                break
        else:
            joined.append(chain)
    return joined


def _meets(earlier: Chain, later: Chain, motion: Sequence[Transform], how: Linking) -> bool:
    area = earlier.seen[earlier.last]
    for frame in range(earlier.last + 1, later.first + 1):
        area = warped(area, motion[frame])
    box = np.array([[*later.seen[later.first], 1.0]], np.float32)
    return float(_affinity(area, box, 1)[0]) >= how.like


def _placed(
    chain: Chain, motion: Sequence[Transform], size: tuple[int, int], how: Linking, stride: int
) -> dict[int, Placed]:
    """All frames of a chain with their margin, clipped to the picture; what lies outside it at the ends is left out."""
    bare: dict[int, tuple[Area, float, Reason]] = {
        frame: (area, chain.scores[frame], Reason.DETECTED if chain.scores[frame] >= how.sure else Reason.LINKED)
        for frame, area in chain.seen.items()
    }
    looked = sorted(chain.seen)
    for a, b in pairwise(looked):
        least = min(chain.scores[a], chain.scores[b])
        bare |= {frame: (area, least, Reason.FILLED) for frame, area in _between(chain, a, b, motion).items()}
    bare |= _ends(chain, motion, how, how.extend + stride - 1)
    placed: dict[int, Placed] = {}
    for frame in sorted(bare):
        area, score, reason = bare[frame]
        margin = how.margin if reason in (Reason.DETECTED, Reason.LINKED) else how.unseen_margin
        clipped = _clipped(_grown(area, margin), size)
        if clipped is not None:
            placed[frame] = Placed(clipped, score, reason)
    return _unbroken(placed, size)


def _between(chain: Chain, first: int, last: int, motion: Sequence[Transform]) -> dict[int, Area]:
    """Areas for the frames between two sightings: what was seen before and after, carried here, and all between."""
    forward: dict[int, Area] = {first: chain.seen[first]}
    for frame in range(first + 1, last + 1):
        forward[frame] = warped(forward[frame - 1], motion[frame])
    missed = chain.seen[last] - forward[last]
    filled: dict[int, Area] = {}
    backward = chain.seen[last]
    for frame in range(last - 1, first, -1):
        backward = warped(backward, inverse(motion[frame + 1]))
        between = forward[frame] + missed * (frame - first) / (last - first)
        filled[frame] = between if last - first <= 4 else _union(between, _union(forward[frame], backward))
    return filled


def _ends(chain: Chain, motion: Sequence[Transform], how: Linking, count: int) -> dict[int, tuple[Area, float, Reason]]:
    """Areas before the first and after the last sighting, growing with every frame."""
    ends: dict[int, tuple[Area, float, Reason]] = {}
    area = chain.seen[chain.first]
    for away, frame in enumerate(range(chain.first - 1, max(-1, chain.first - 1 - count), -1), 1):
        area = warped(area, inverse(motion[frame + 1]))
        ends[frame] = (_grown(area, away * how.growth), chain.scores[chain.first], Reason.EXTENDED)
    area = chain.seen[chain.last]
    for away, frame in enumerate(range(chain.last + 1, min(len(motion), chain.last + 1 + count)), 1):
        area = warped(area, motion[frame])
        ends[frame] = (_grown(area, away * how.growth), chain.scores[chain.last], Reason.EXTENDED)
    return ends


def _grown(area: Area, share: float) -> Area:
    wide, high = (area[2] - area[0]) * share / 2, (area[3] - area[1]) * share / 2
    return np.asarray(area + np.array([-wide, -high, wide, high]), np.float64)


def _union(one: Area, other: Area) -> Area:
    return np.concatenate([np.minimum(one[:2], other[:2]), np.maximum(one[2:], other[2:])])


def _clipped(area: Area, size: tuple[int, int]) -> Area | None:
    clipped: Area = np.asarray(np.clip(area, 0, np.array([*size, *size])), np.float64)
    return clipped if clipped[2] - clipped[0] >= 1 and clipped[3] - clipped[1] >= 1 else None


def _unbroken(placed: dict[int, Placed], size: tuple[int, int]) -> dict[int, Placed]:
    """Where a thing left the picture and came back, its last place is kept until then: no frame between may be bare."""
    if not placed:
        return placed
    whole: dict[int, Placed] = {}
    for frame in range(min(placed), max(placed) + 1):
        before = whole.get(frame - 1)
        whole[frame] = placed.get(frame) or Placed(
            before.area if before else np.array([0.0, 0.0, *size]), 0.0, Reason.FILLED
        )
    return whole
