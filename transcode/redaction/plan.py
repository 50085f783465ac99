"""The redaction plan: what is to be hidden, frame by frame, and why; a versioned document with a digest.

A plan begins as a *suggestion* of the machine. Only what a human has approved is ever rendered. A track is one thing to
hide (a face, a plate) from its first frame to its last without a bare frame between; every box says how it came about:
``detected`` by the model, ``linked`` although the model was unsure, ``filled`` between two sightings, ``extended``
before the first or after the last, ``drawn`` by a person. Boxes are fractions of the picture as shown (0 left/top, 1
right/bottom) and already contain their margin: what a box covers is what a render would hide. Pure: no codec, no model.

JSON: ``version``, ``state``, ``source`` (digest of the recording), ``timescale``, ``frames``, ``width``, ``height``,
``made_by``, ``tracks`` of ``id``, ``class``, ``boxes``, each box a row of frame, presentation time in ticks, left, top,
right, bottom, confidence and reason. The digest is SHA-256 over exactly these canonical bytes: sorted keys, no spaces.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from evidence.digest import Digest
from evidence.errors import BadInput, NotADigest

VERSION = 1


class NotAPlan(BadInput):
    """Bytes are not a redaction plan of a version that is known here."""

    code = "not-a-redaction-plan"


class State(StrEnum):
    """Who stands behind a plan."""

    SUGGESTION = "suggestion"
    APPROVED = "approved"


class Reason(StrEnum):
    """How a box came about."""

    DETECTED = "detected"
    LINKED = "linked"
    FILLED = "filled"
    EXTENDED = "extended"
    DRAWN = "drawn"


@dataclass(frozen=True, slots=True)
class Box:
    """One frame of a track: frame number, time in ticks, the area as fractions, confidence 0 to 1, and the reason."""

    frame: int
    pts: int
    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    reason: Reason

    def row(self) -> list[Any]:
        """The box as it stands in the document."""
        area = [round(value, 4) for value in (self.left, self.top, self.right, self.bottom)]
        return [self.frame, self.pts, *area, round(self.confidence, 3), str(self.reason)]

    @classmethod
    def of_row(cls, row: list[Any]) -> Self:
        """Read a row; raises ``ValueError`` or ``TypeError`` on anything else."""
        frame, pts, left, top, right, bottom, confidence, reason = row
        area = [float(left), float(top), float(right), float(bottom)]
        if not (0 <= area[0] <= area[2] <= 1 and 0 <= area[1] <= area[3] <= 1):
            raise ValueError(f"a box outside the picture: {area}")
        return cls(int(frame), int(pts), area[0], area[1], area[2], area[3], float(confidence), Reason(reason))


@dataclass(frozen=True, slots=True)
class Track:
    """One thing to hide, in consecutive frames."""

    id: str
    kind: str
    boxes: tuple[Box, ...]

    @property
    def confidence(self) -> float:
        """How sure the model ever was."""
        return max((box.confidence for box in self.boxes), default=0.0)

    @property
    def share_detected(self) -> float:
        """The share of frames in which the model itself saw it; low means look closely."""
        seen = sum(box.reason in (Reason.DETECTED, Reason.LINKED, Reason.DRAWN) for box in self.boxes)
        return seen / max(1, len(self.boxes))

    def bare_frames(self) -> list[int]:
        """Frames between the first and the last that have no box; empty in every plan that is made here."""
        there = {box.frame for box in self.boxes}
        return [frame for frame in range(min(there), max(there)) if frame not in there] if there else []


@dataclass(frozen=True, slots=True)
class TimeRange:
    """When a track is on the screen, in seconds from the first frame."""

    id: str
    kind: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole plan for one recording."""

    source: Digest
    timescale: int
    frames: int
    width: int
    height: int
    tracks: tuple[Track, ...]
    first_pts: int = 0
    state: State = State.SUGGESTION
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def ranges(self) -> tuple[TimeRange, ...]:
        """When each track is seen, earliest first, for a list beside the player."""
        found = [
            TimeRange(
                track.id,
                track.kind,
                (track.boxes[0].pts - self.first_pts) / self.timescale,
                (track.boxes[-1].pts - self.first_pts) / self.timescale,
                track.confidence,
            )
            for track in self.tracks
            if track.boxes
        ]
        return tuple(sorted(found, key=lambda found_range: (found_range.start, found_range.id)))

    def at(self, frame: int) -> tuple[Box, ...]:
        """Everything that hides a part of one frame."""
        return tuple(box for track in self.tracks for box in track.boxes if box.frame == frame)

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return json.dumps(
            {
                "version": VERSION,
                "state": str(self.state),
                "source": str(self.source),
                "timescale": self.timescale,
                "first_pts": self.first_pts,
                "frames": self.frames,
                "width": self.width,
                "height": self.height,
                "made_by": dict(self.made_by),
                "tracks": [
                    {"id": track.id, "class": track.kind, "boxes": [box.row() for box in track.boxes]}
                    for track in self.tracks
                ],
            },
            separators=(",", ":"),
            sort_keys=True,
            ensure_ascii=True,
        ).encode("ascii")

    @property
    def digest(self) -> Digest:
        """SHA-256 of the canonical bytes."""
        return Digest.of(self.to_json())

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a plan. Raises :class:`NotAPlan` on anything else, boxes outside the picture included."""
        try:
            told = json.loads(data)
            if told["version"] != VERSION:
                raise NotAPlan(f"a redaction plan of version {told['version']!r} is not known here")
            return cls(
                source=Digest.parse(told["source"]),
                timescale=int(told["timescale"]),
                first_pts=int(told["first_pts"]),
                frames=int(told["frames"]),
                width=int(told["width"]),
                height=int(told["height"]),
                state=State(told["state"]),
                made_by=dict(told["made_by"]),
                tracks=tuple(
                    Track(str(track["id"]), str(track["class"]), tuple(Box.of_row(row) for row in track["boxes"]))
                    for track in told["tracks"]
                ),
            )
        except (ValueError, KeyError, TypeError, NotADigest) as wrong:
            raise NotAPlan(f"not a redaction plan: {wrong}") from wrong
