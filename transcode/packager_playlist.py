"""The two playlists of HLS (RFC 8216) for one recording: a master that names codecs, and the media playlist.

Durations are the differences of the segments' decode times, to the microsecond, so that a player that begins anywhere
places every segment at exactly the time that its boxes carry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MASTER = "master.m3u8"
MEDIA = "media.m3u8"
INIT = "init.mp4"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the playlists need to know: segment starts and the end in ticks, codecs, picture size, bits per second."""

    timescale: int
    starts: Sequence[int]
    end: int
    codecs: str
    width: int
    height: int
    bandwidth: int


def segment_name(number: int) -> str:
    """The relative address of a segment."""
    return f"{number}.m4s"


def master_playlist(layout: Layout) -> str:
    """The master playlist with its one variant."""
    attributes = [
        f"BANDWIDTH={max(1, layout.bandwidth)}",
        f'CODECS="{layout.codecs}"',
        f"RESOLUTION={layout.width}x{layout.height}",
    ]
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    return "\n".join([*lines, f"#EXT-X-STREAM-INF:{','.join(attributes)}", MEDIA, ""])


def media_playlist(layout: Layout) -> str:
    """The media playlist: an init segment and every media segment to the end."""
    marks = [*layout.starts, layout.end]
    micros = [round(mark * 1_000_000 / layout.timescale) for mark in marks]
    durations = [later - earlier for earlier, later in pairwise(micros)]
    longest = max(durations, default=1_000_000)
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{-(-longest // 1_000_000)}"]
    lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines.append(f'#EXT-X-MAP:URI="{INIT}"')
    for number, duration in enumerate(durations):
        lines += [f"#EXTINF:{duration / 1_000_000:.6f},", segment_name(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
