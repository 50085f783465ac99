"""The few boxes of fragmented MP4 that we write and read ourselves (ISO/IEC 14496-12, section 8.8).

A fragment is written by hand because its times must be exact: the first sample's decode time (``tfdt``) is the one
that the playlist adds up to, and composition offsets are signed (``trun`` version 1), so that the first picture of a
recording is shown at 0 and frame n at its own time, with B-frames and uneven rates alike.
"""

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Bytes = bytes | mmap.mmap  # a file that is too long for memory is looked at where it lies
_KEY, _NOT_KEY = 0x02000000, 0x01010000  # depends on nothing; depends on others and is not a sync sample
_MOST_SAMPLES = 10_000_000  # a day at over a hundred pictures a second
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One access unit: bytes, ticks to the next in decode order, ticks from decode to presentation, key or not."""

    data: bytes
    duration: int
    shift: int = 0
    key: bool = True


@dataclass(slots=True)
class Track:
    """The samples that one fragment holds of a track, and the decode time of its first, in the track's own ticks."""

    number: int
    start: int
    samples: list[Sample] = field(default_factory=list)


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box of a type around a payload."""
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def fragment(sequence: int, tracks: Sequence[Track]) -> bytes:
    """One ``moof`` and its ``mdat`` with all samples of all tracks, a track after the other."""
    tracks = [track for track in tracks if track.samples]
    sizes = [sum(len(sample.data) for sample in track.samples) for track in tracks]
    length = len(_moof(sequence, tracks, [0] * len(tracks)))
    offsets, at = [], length + 8
    for size in sizes:
        offsets.append(at)
        at += size
    data = [sample.data for track in tracks for sample in track.samples]
    return _moof(sequence, tracks, offsets) + struct.pack(">I4s", 8 + sum(sizes), b"mdat") + b"".join(data)


def _moof(sequence: int, tracks: Sequence[Track], offsets: Sequence[int]) -> bytes:
    head = box(b"mfhd", struct.pack(">II", 0, sequence))
    return box(b"moof", head, *(_traf(track, offset) for track, offset in zip(tracks, offsets, strict=True)))


def _traf(track: Track, offset: int) -> bytes:
    head = box(b"tfhd", struct.pack(">II", 0x020000, track.number))  # default-base-is-moof
    time = box(b"tfdt", struct.pack(">IQ", 0x01000000, track.start))
    rows = [
        struct.pack(">IIIi", sample.duration, len(sample.data), _KEY if sample.key else _NOT_KEY, sample.shift)
        for sample in track.samples
    ]
    run = box(b"trun", struct.pack(">IIi", 0x01000F01, len(rows), offset), *rows)
    return box(b"traf", head, time, run)


def walk(data: Bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Type, payload start and end of every box, containers before what they contain. Ends at the first nonsense."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            size, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        if size < header or start + size > end:
            return
        yield kind, start + header, start + size
        if kind in _CONTAINERS:
            yield from walk(data, start + header, start + size)
        start += size


@dataclass(frozen=True, slots=True)
class InitTrack:
    """What an init segment says of one track: its number, handler (``vide``, ``soun``) and ticks per second."""

    number: int
    handler: bytes
    timescale: int


def init_tracks(init: Bytes) -> list[InitTrack]:
    """The tracks of an init segment in order."""
    numbers: list[int] = []
    scales: list[int] = []
    handlers: list[bytes] = []
    for kind, start, _ in walk(init):
        if kind == b"tkhd":
            numbers.append(struct.unpack_from(">I", init, start + (20 if init[start] else 12))[0])
        elif kind == b"mdhd":
            scales.append(struct.unpack_from(">I", init, start + (20 if init[start] else 12))[0])
        elif kind == b"hdlr" and len(handlers) < len(numbers):
            handlers.append(init[start + 8 : start + 12])
    return [InitTrack(*row) for row in zip(numbers, handlers, scales, strict=False)]


def codecs_of(init: bytes) -> str:
    """The codecs of an init segment as RFC 6381 names them: ``avc1.640028,mp4a.40.2``."""
    names = []
    at = init.find(b"avcC")
    if at >= 0:
        names.append(f"avc1.{init[at + 5 : at + 8].hex()}")
    if b"mp4a" in init:
        names.append(f"mp4a.40.{_aac_object_type(init)}")
    return ",".join(names)


def _aac_object_type(init: bytes) -> int:
    """The object type in the decoder-specific information (tag 5) of an ``esds`` box (ISO/IEC 14496-1)."""
    at = init.find(b"\x05", init.find(b"esds") + 8 + 20)
    while 0 <= at < len(init) - 6:
        length_at = at + 1
        while init[length_at] == 0x80:
            length_at += 1
        if 2 <= init[length_at] <= 64:
            kind = init[length_at + 1] >> 3
            return kind if 0 < kind < 31 else 2
        at = init.find(b"\x05", at + 1)
    return 2


def composition_offsets(moov: bytes, track: int) -> NDArray[np.int64]:
    """Ticks from decode to presentation of every sample of a track (``ctts``); empty where none is reordered."""
    number = 0
    for kind, start, end in walk(moov):
        if kind == b"tkhd":
            number = struct.unpack_from(">I", moov, start + (20 if moov[start] else 12))[0]
        elif kind == b"ctts" and number == track and end - start >= 8:
            count = min(struct.unpack_from(">I", moov, start + 4)[0], (end - start - 8) // 8)
            runs = np.frombuffer(moov, ">i4", 2 * count, start + 8).reshape(-1, 2)
            lengths = np.minimum(runs[:, 0].astype(np.int64) & 0xFFFFFFFF, _MOST_SAMPLES)
            if int(lengths.sum()) <= _MOST_SAMPLES:
                return np.repeat(runs[:, 1].astype(np.int64), lengths)
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Fragment:
    """Where a stored fragment lies (bytes) and when its video begins (ticks) and with what kind of frame."""

    offset: int
    size: int
    start: int


def fragments_of(data: Bytes, video: int) -> tuple[int, list[Fragment]]:
    """Length of the init part and all fragments of a fragmented MP4 that is at hand in full."""
    first, found, at = 0, [], -1
    for kind, start, end in walk(data):
        if kind == b"moof":
            at = start - 8
            first = first or at
        elif kind == b"traf":
            number, time = _traf_start(data, start, end)
            if number == video:
                found.append([at, 0, time])
        elif kind == b"mdat" and found:
            found[-1][1] = end - found[-1][0]
    return first, [Fragment(*row) for row in found]


def _traf_start(data: Bytes, start: int, end: int) -> tuple[int, int]:
    number = time = -1
    for kind, inner, _ in walk(data, start, end):
        if kind == b"tfhd":
            number = struct.unpack_from(">I", data, inner + 4)[0]
        elif kind == b"tfdt":
            time = struct.unpack_from(">Q" if data[inner] else ">I", data, inner + 4)[0]
    return number, time
