"""What each rendition is, as values: a name with a version, its parameters, and the tools that made it.

A rendition's ledger entry carries this map, so that anyone can make it again. A change of any parameter that changes
bytes takes a new version in the name. Pure: the portal may import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType

Value = str | int


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of rendition. ``parameters`` never change under the same name."""

    name: str
    title: str
    parameters: Mapping[str, Value]

    def record(self, tools: Mapping[str, str]) -> dict[str, object]:
        """The canonical map for a ledger entry: profile, parameters and tool versions, all sorted by name."""
        return {
            "profile": self.name,
            "parameters": dict(sorted(self.parameters.items())),
            "tools": dict(sorted(tools.items())),
        }


def _profile(name: str, title: str, **parameters: Value) -> Profile:
    return Profile(name, title, MappingProxyType(parameters))


PROXY = _profile(
    "playback-1",
    "Playback copy, exact to the frame",
    codec="h264",
    preset="veryfast",
    crf=26,
    b_frames=0,
    gop_seconds=1,
    most_height=720,
    share_of_original_percent=19,
    least_kbits=160,
    most_kbits=2500,
    sound="aac",
    sound_kbits=64,
    frame_times="as in the original",
)
POSTER = _profile("poster-1", "Still for lists", codec="mjpeg", height=360, quality=5)
SPRITE = _profile("sprite-1", "Thumbnails along the timeline", codec="mjpeg", width=160, columns=10, rows=3, seconds=2)
SUGGESTION = _profile(
    "faces-1",
    "Faces found by machine, as a suggestion",
    model="centerface",
    scales="1, 1/2",
    stride=2,
    keep_permille=200,
    continue_permille=80,
    most_gap=15,
    extend=8,
    margin_percent=35,
    margin_unseen_percent=50,
)
ALL = MappingProxyType({profile.name: profile for profile in (PROXY, POSTER, SPRITE, SUGGESTION)})


def library_versions(*names: str) -> dict[str, str]:
    """Versions of installed Python packages, for the record of a rendition."""
    return {name: version(name) for name in names}
