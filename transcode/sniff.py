"""What a file is, judged by its first bytes and never by its name.

The container decides which one demuxer is tried: a file that claims to be a playlist, a script or a subtitle is
refused here, before any decoder sees it. For MP4 and QuickTime (ISO/IEC 14496-12) the list of top-level boxes also
tells, without decoding, whether the file was cut off: the last box promises more bytes than there are, or the index
(``moov``) is missing.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

HEAD = 4096  # bytes that are enough to judge
ReadRange = Callable[[int, int], bytes]
_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp", b"sidx"})
_MOST_BOXES = 100_000


class Container(StrEnum):
    """The containers that are opened, by the name of libav's demuxer."""

    MP4 = "mov"
    MATROSKA = "matroska"
    AVI = "avi"
    MPEG_TS = "mpegts"
    MPEG_PS = "mpeg"
    ASF = "asf"
    FLV = "flv"
    WAV = "wav"
    MP3 = "mp3"
    FLAC = "flac"
    OGG = "ogg"
    H264 = "h264"  # raw, as the recovery of a broken file writes it; never recognised from outside


@dataclass(frozen=True, slots=True)
class Box:
    """A top-level box: its type, where it begins, how long it says it is and whether all of it is there."""

    kind: bytes
    offset: int
    size: int
    whole: bool


def container_of(head: bytes) -> Container | None:
    """The container that these first bytes announce, or ``None`` when they are no recording that is opened here."""
    if len(head) >= 8 and head[4:8] in _FIRST_BOXES:
        return Container.MP4
    if head[:4] == b"RIFF":
        return {b"AVI ": Container.AVI, b"WAVE": Container.WAV}.get(head[8:12])
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    return Container.MPEG_TS if _is_transport_stream(head) else None


_MAGIC = (
    (b"\x1a\x45\xdf\xa3", Container.MATROSKA),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Container.ASF),
    (b"\x00\x00\x01\xba", Container.MPEG_PS),
    (b"FLV\x01", Container.FLV),
    (b"OggS", Container.OGG),
    (b"fLaC", Container.FLAC),
    (b"ID3", Container.MP3),
)


def _is_transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes that begin with 0x47 (ISO/IEC 13818-1), or 192 with a time code before each."""
    for first, step in ((0, 188), (4, 192)):
        marks = head[first::step][:8]
        if len(marks) >= 4 and set(marks) == {0x47}:
            return True
    return False


def looks_like_text(head: bytes) -> bool:
    """Whether these bytes are words rather than a recording, so that the answer can say so."""
    if not head or b"\x00" in head:
        return False
    printable = sum(32 <= byte < 127 or byte in b"\t\r\n" or byte >= 0x80 for byte in head)
    return printable / len(head) > 0.97


def boxes(size: int, read: ReadRange) -> Iterator[Box]:
    """The top-level boxes of an MP4 file in order; ends quietly at the first that makes no sense."""
    offset = 0
    for _ in range(_MOST_BOXES):
        head = read(offset, 16) if offset + 8 <= size else b""
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        elif length == 0:
            length = size - offset
        if length < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in kind):
            return
        yield Box(kind, offset, length, offset + length <= size)
        offset += length


def mp4_damage(size: int, read: ReadRange) -> str | None:
    """What the boxes say is missing from an MP4 file, in words; ``None`` when it is complete as far as they tell."""
    found = list(boxes(size, read))
    kinds = {box.kind for box in found}
    if not found or (b"moov" not in kinds and b"mdat" not in kinds):
        return "neither an index nor footage is in the file"
    if b"moov" not in kinds:
        return "the index at the end was never written: the recording was cut off"
    last = found[-1]
    if not last.whole:
        missing = last.offset + last.size - size
        return f"the last {missing} bytes are missing: the recording was cut off"
    return None
