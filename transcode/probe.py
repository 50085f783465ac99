"""What a recording is: container, picture, sound, times, and what is missing from it, found out in a confined child.

The file's name is never asked. An outcome that is no recording at all is an answer like any other, in words that can be
shown to the officer; the original is kept in every case.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from evidence.sandbox import Limits
from transcode.packager_source import RangeSource
from transcode.trouble import MediaFailed
from transcode.wire import MediaChild

PROBE_SECONDS = 120.0
_LIMITS = Limits(wall=PROBE_SECONDS, cpu=100, memory=2 * 1024**3)


class Health(StrEnum):
    """What state a file arrived in."""

    WHOLE = "whole"
    CUT_SHORT = "cut-short"  # plays up to the cut
    DAMAGED = "damaged"  # a recording, but nothing of it can be shown as it is
    NO_PICTURE = "no-picture"
    NOT_MEDIA = "not-media"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class StreamFound:
    """One stream of a recording: picture, sound, or data such as telemetry."""

    kind: str
    codec: str
    name: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The pictures of a recording. Sizes are pixels, times seconds; ``shown`` is after rotation and pixel aspect."""

    codec: str
    profile: str
    pixels: str
    width: int
    height: int
    shown_width: int
    shown_height: int
    rotation: int
    aspect: str
    rate: str | None
    interlaced: bool
    frames: int
    duration: float
    start: float
    even: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a recording; ``start`` is its first sample's time in seconds, where the file says."""

    codec: str
    rate: int
    start: float | None


@dataclass(frozen=True, slots=True)
class Probe:
    """All that was found out. ``playable``: a browser can decode the original, so it plays at once; else why not."""

    size: int
    health: Health
    reasons: tuple[str, ...]
    container: str | None = None
    streams: tuple[StreamFound, ...] = ()
    picture: Picture | None = None
    sound: Sound | None = None
    creation_time: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    playable: bool = False
    why_not_playable: str | None = None

    @property
    def has_sound(self) -> bool:
        """Whether there is a track of sound."""
        return self.sound is not None

    @property
    def can_be_rendered(self) -> bool:
        """Whether a playback copy can be made of it."""
        return self.picture is not None

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """From what the child tells."""
        return cls(
            size=told["size"],
            health=Health(told["health"]),
            reasons=tuple(told["reasons"]),
            container=told["container"],
            streams=tuple(StreamFound(**stream) for stream in told.get("streams", [])),
            picture=_picture(told) if "video_codec" in told else None,
            sound=_sound(told),
            creation_time=told.get("creation_time"),
            tags=tuple(sorted(told.get("tags", {}).items())),
            playable=told.get("playable", False),
            why_not_playable=told.get("why_not_playable"),
        )

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Self:
        """From the form in which it is kept: ``dataclasses.asdict``, through JSON."""
        return cls(
            **{
                **kept,
                "health": Health(kept["health"]),
                "reasons": tuple(kept["reasons"]),
                "streams": tuple(StreamFound(**stream) for stream in kept["streams"]),
                "picture": Picture(**kept["picture"]) if kept["picture"] else None,
                "sound": Sound(**kept["sound"]) if kept["sound"] else None,
                "tags": tuple((name, value) for name, value in kept["tags"]),
            }
        )


def _picture(told: dict[str, Any]) -> Picture:
    same = ("profile", "pixels", "width", "height", "shown_width", "shown_height", "rotation", "aspect", "rate")
    also = ("interlaced", "frames", "duration", "even")
    return Picture(
        codec=told["video_codec"], start=told["video_start"], **{name: told[name] for name in (*same, *also)}
    )


def _sound(told: dict[str, Any]) -> Sound | None:
    if not told.get("sound_codec"):
        return None
    return Sound(told["sound_codec"], told["sound_rate"] or 0, told["sound_start"])


def probe(source: RangeSource) -> Probe:
    """Examine a recording in a confined child of its own. Never raises for what is in the file.

    A decoder that crashes or hangs is an outcome too: :attr:`Health.DAMAGED` with the reason.
    """
    child = MediaChild("transcode.packager_child", limits=_LIMITS)
    try:
        child.open(source)
        return Probe.of(json.loads(child.ask({"ask": "probe"}, seconds=PROBE_SECONDS)))
    except MediaFailed as failed:
        return Probe(source.size, Health.DAMAGED, (str(failed),))
    finally:
        child.kill()
