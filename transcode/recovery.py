"""What can be saved of an MP4 whose index was never written, because the camera lost power while it recorded.

The footage (``mdat``) is there, but not where each picture begins, nor how to decode it. H.264 pictures in MP4 are
units with four-byte lengths (ISO/IEC 14496-15), so chains of plausible units can be found between pieces of sound. The
missing description (SPS and PPS) is taken from the footage itself where the camera repeats it there, or from another
recording of the same camera. The times of the frames are lost for good: they are shown at an even rate, and that is
said.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evidence.sandbox import Limits
from transcode.ffmpeg import Input, binary, compiled, render
from transcode.packager_boxes import Bytes
from transcode.packager_source import RangeSource, as_local_file
from transcode.profiles import PROXY
from transcode.rendition import Proxy, read_proxy
from transcode.sniff import Container, boxes
from transcode.trouble import MediaFailed

_START = b"\x00\x00\x00\x01"
_SLICE, _KEY_SLICE, _SEI, _SPS, _PPS, _DELIMITER = 1, 5, 6, 7, 8, 9
_REFERENCED = frozenset({_KEY_SLICE, _SPS, _PPS})  # these always have nal_ref_idc above 0
_PLAIN = frozenset({_SEI, _DELIMITER})  # these always have 0
_MOST_UNIT = 8 * 1024 * 1024
_PICTURES = frozenset({_SLICE, _KEY_SLICE})  # a picture begins where first_mb_in_slice is 0: its first bit is set
EVEN_RATE = "25"  # pictures a second, where not even a recording of the same camera tells
_LEAST_PICTURES = 3
_CANDIDATE = re.compile(
    rb"\x00[\x00-\x7f][\x00-\xff]{2}[\x01\x06\x09\x21\x25\x27\x28\x41\x45\x47\x48\x61\x65\x67\x68]", re.S
)
_MOST_DESCRIPTION = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Recovered:
    """A raw H.264 stream saved from a broken file: where it lies, its pictures, and how it was come by, in words."""

    path: Path
    pictures: int
    words: str


def description_of(source: RangeSource) -> bytes | None:
    """The H.264 description (``avcC``) of a whole MP4, to decode a broken one of the same camera; else ``None``."""
    for box in boxes(source.size, source.read):
        if box.kind == b"moov" and box.whole and box.size < _MOST_DESCRIPTION:
            moov = source.read(box.offset, box.size)
            at = moov.find(b"avcC")
            if at >= 4:
                return moov[at + 4 : at - 4 + struct.unpack_from(">I", moov, at - 4)[0]]
    return None


def recover(source: RangeSource, folder: Path, *, description: bytes | None = None) -> Recovered:
    """Save the pictures of a recording without an index into a folder.

    Raises :class:`MediaFailed` saying why it cannot be done.
    """
    target = folder / "recovered.h264"
    with (
        as_local_file(source, folder) as opened,
        target.open("wb") as out,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        units = list(_units(data, *_footage(source)))
        own = {kind for kind, _, _ in units} >= {_SPS, _PPS}
        if not own:
            out.writelines(_START + unit for unit in parameter_sets(_needed(description)))
        out.writelines(_START + data[start:end] for _, start, end in units)
        pictures = sum(kind in _PICTURES and data[start + 1] >= 0x80 for kind, start, _ in units)
    if pictures < _LEAST_PICTURES:
        raise MediaFailed("The camera never wrote the index of this recording, and no pictures were found in it.")
    by = "its own description" if own else "the description from another recording of the same camera"
    return Recovered(
        target, pictures, f"{pictures} pictures were recovered with {by}; the times of the frames are lost."
    )


def _needed(description: bytes | None) -> bytes:
    if description is None:
        raise MediaFailed(
            "The camera never wrote the index of this recording, and how to decode it stands nowhere in it. "
            "It may be recovered with the help of a whole recording of the same camera."
        )
    return description


def _footage(source: RangeSource) -> tuple[int, int]:
    for box in boxes(source.size, source.read):
        if box.kind == b"mdat":
            return box.offset + 8, min(source.size, box.offset + box.size)
    raise MediaFailed("There is no footage in this file.")


def parameter_sets(description: bytes) -> list[bytes]:
    """SPS and PPS units from an ``avcC`` record. Raises :class:`MediaFailed` when it is malformed."""
    try:
        units, at = _listed(description, 6, description[5] & 31)
        more, _ = _listed(description, at + 1, description[at])
    except (IndexError, struct.error) as cut:
        raise MediaFailed("The description of the other recording cannot be read.") from cut
    return [*units, *more]


def _listed(description: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    units = []
    for _ in range(count):
        length = struct.unpack_from(">H", description, at)[0]
        units.append(description[at + 2 : at + 2 + length])
        at += 2 + length
    return units, at


def _units(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, start and end of every plausible unit, in order; only those that belong to a chain of two or more."""
    at = start
    while at < end:
        found = _CANDIDATE.search(data, at, end)
        if found is None:
            return
        at = found.start()
        chain = list(_chain(data, at, end))
        if len(chain) < 2 and not (chain and chain[0][2] - chain[0][1] > 2048):
            at += 1
            continue
        yield from chain
        at = chain[-1][2]


def _chain(data: Bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    while at + 6 <= end:
        length = struct.unpack_from(">I", data, at)[0]
        head = data[at + 4]
        kind, referenced = head & 31, head >> 5
        if not 2 <= length <= _MOST_UNIT or at + 4 + length > end or not _plausible(kind, referenced, head):
            return
        yield kind, at + 4, at + 4 + length
        at += 4 + length


def _plausible(kind: int, referenced: int, head: int) -> bool:
    if head & 0x80 or (kind in _REFERENCED and not referenced) or (kind in _PLAIN and referenced):
        return False
    return kind in (_SLICE, _KEY_SLICE, _SEI, _SPS, _PPS, _DELIMITER)


def make_recovered_proxy(recovered: Recovered, folder: Path, *, rate: str = EVEN_RATE, ffmpeg: str = "") -> Proxy:
    """A playback copy of what was recovered, its frames at an even rate. Raises :class:`MediaFailed`."""
    target, settings = folder / "proxy.mp4", PROXY.parameters
    most = settings["most_height"]
    options = {
        "vf": f"scale=-2:min({most}\\,ih):out_range=tv,setsar=1,format=yuv420p,settb=1/90000,setpts=N*90000/({rate})",
        "c:v": "libx264",
        "preset": settings["preset"],
        "crf": settings["crf"],
        "maxrate": f"{settings['most_kbits']}k",
        "bufsize": f"{2 * int(settings['most_kbits'])}k",
        "bf": 0,
        "sc_threshold": 0,
        "force_key_frames": f"expr:gte(t,n_forced*{settings['gop_seconds']})",
        "fps_mode:v": "passthrough",
        "enc_time_base:v": "1/90000",
        "movflags": "frag_keyframe+empty_moov+default_base_moof",
        "use_editlist": 0,
        "f": "mp4",
    }
    limits = Limits(wall=600 + recovered.pictures, cpu=600 + recovered.pictures, memory=4 * 1024**3, file_size=2**36)
    with recovered.path.open("rb") as opened:
        given = Input(opened.fileno(), Container.H264, (("framerate", rate),))
        argv = compiled(binary(ffmpeg), given, [(str(target), ["v:0"], options)])
        render(argv, given, folder, limits=limits, duration=recovered.pictures / 25)
    frames, table = read_proxy(target)
    lost = max(0, recovered.pictures - len(frames.pts))
    return Proxy(
        target, table, frames, lost, "The camera never wrote the times of the frames; they are shown at an even rate."
    )


def has_no_index(source: RangeSource) -> bool:
    """Whether an MP4 has footage but no index, so that :func:`recover` may help."""
    kinds = {box.kind for box in boxes(source.size, source.read)}
    return b"mdat" in kinds and b"moov" not in kinds and b"moof" not in kinds
