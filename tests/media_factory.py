"""Footage made for tests, with a number burned into every frame that a program can read back from the pixels.

The number is twelve squares along the top, white for one, black for zero, most significant first; it survives scaling,
rotation of the container and strong compression. Everything is made with PyAV in memory or in the folder that is given.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12
TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a clip is to be. ``steps`` are the ticks (of 90 kHz) between frames; their number plus one is the frames."""

    steps: Sequence[int] = field(default_factory=lambda: [3600] * 74)  # three seconds at 25 frames a second
    size: tuple[int, int] = (320, 240)
    codec: str = "libx264"
    container: str = "mp4"
    b_frames: int = 0
    gop: int = 25
    sound: str | None = None
    rotation: int = 0  # degrees clockwise that a player shall turn it
    pixels: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()

    @property
    def times(self) -> list[int]:
        """Presentation time of every frame in ticks."""
        out = [0]
        for step in self.steps:
            out.append(out[-1] + step)
        return out


CFR = Recipe()
VFR_GAP = Recipe(steps=[3000, 4500, 2700, 6000] * 10 + [72_000] + [3003, 3600, 9000] * 10)  # with a gap of 0.8 s
B_FRAMES = Recipe(b_frames=3)
VFR_B_FRAMES = replace(VFR_GAP, b_frames=3)
HEVC = Recipe(codec="libx265", options=(("x265-params", "log-level=none"),))
MPEG4 = Recipe(codec="mpeg4")
MJPEG = Recipe(codec="mjpeg", container="avi", pixels="yuvj420p", steps=[3600] * 49)
AAC_SOUND = Recipe(sound="aac")
ALAW_SOUND = Recipe(container="mov", sound="pcm_alaw")
ADPCM_AVI = Recipe(container="avi", sound="adpcm_ima_wav")
MP3_MKV = Recipe(container="matroska", sound="mp3", b_frames=2)
TS = Recipe(container="mpegts", sound="mp2", b_frames=2)
ROTATED = Recipe(rotation=90)


def numbered(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey moving picture with its number along the top, as RGB."""
    width, height = size
    ramp = (np.add.outer(np.arange(height), np.arange(width)) // 4 + number * 3) % 160 + 40
    picture = np.repeat(ramp[:, :, None], 3, 2).astype(np.uint8)
    side = width // BITS
    for bit in range(BITS):
        picture[: height // 4, bit * side : (bit + 1) * side] = 255 if number >> (BITS - 1 - bit) & 1 else 0
    return picture


def number_in(picture: NDArray[np.uint8]) -> int:
    """The number burned into a decoded picture (grey or RGB) of any size."""
    grey = picture if picture.ndim == 2 else picture.mean(2)
    height, width = grey.shape
    value = 0
    for bit in range(BITS):
        left, right = (bit * width) // BITS, ((bit + 1) * width) // BITS
        third = (right - left) // 3
        value = value << 1 | int(grey[height // 16 : height // 6, left + third : right - third].mean() > 127)
    return value


def make(recipe: Recipe) -> bytes:
    """The clip as bytes."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=recipe.container) as out:
        video = _video(out, recipe)
        sound = _sound(out, recipe) if recipe.sound else None
        for packet in _packets(recipe, video, sound):
            out.mux(packet)
    data = buffer.getvalue()
    return turned(data, recipe.rotation) if recipe.rotation else data


def _video(out: Any, recipe: Recipe) -> Any:
    stream = out.add_stream(recipe.codec, rate=25, options={"bf": str(recipe.b_frames), **dict(recipe.options)})
    stream.width, stream.height = recipe.size
    stream.pix_fmt = recipe.pixels
    stream.gop_size = recipe.gop
    base = Fraction(1, 25) if recipe.container == "avi" or recipe.codec == "mpeg4" else Fraction(1, TICKS)
    stream.time_base = stream.codec_context.time_base = base
    return stream


def _sound(out: Any, recipe: Recipe) -> Any:
    rate = 8000 if recipe.sound == "pcm_alaw" else 48_000
    return out.add_stream(recipe.sound, rate=rate, layout="mono")


def _packets(recipe: Recipe, video: Any, sound: Any) -> Iterator[Any]:
    base = video.codec_context.time_base
    for number, time in enumerate(recipe.times):
        frame = av.VideoFrame.from_ndarray(numbered(number, recipe.size), format="rgb24")
        frame.pts = round(Fraction(time, TICKS) / base)
        frame.time_base = base
        yield from video.encode(frame)
    yield from video.encode(None)
    if sound is not None:
        yield from _tone(sound, recipe.times[-1] / TICKS)


def _tone(sound: Any, seconds: float) -> Iterator[Any]:
    """A tone of 440 Hz that is twice as loud in every other second."""
    context = sound.codec_context
    moments = np.arange(int(context.sample_rate * seconds)) / context.sample_rate
    wave = (np.sin(moments * 440 * 2 * np.pi) * (6000 + 6000 * (moments.astype(int) % 2))).astype(np.int16)
    resampler = av.AudioResampler(format=context.format, layout="mono", rate=context.sample_rate)
    size = context.frame_size or 1024
    fifo = av.AudioFifo()
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = context.sample_rate, 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        fifo.write(piece)
    while part := fifo.read(size, partial=True):
        if part.samples < size and context.frame_size:
            break
        yield from sound.encode(part)
    yield from sound.encode(None)


def turned(mp4: bytes, degrees: int) -> bytes:
    """The same MP4 with a rotation of its picture in the track header (ISO/IEC 14496-12, 8.3.2)."""
    fixed = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    a, b, c, d = (value * 65536 for value in fixed)
    at = mp4.index(b"tkhd") + 4
    matrix = at + (52 if mp4[at] else 40)
    rows = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    return mp4[:matrix] + rows + mp4[matrix + 36 :]


def truncated(mp4: bytes, share: float = 0.6) -> bytes:
    """The first part of a file, as a camera leaves it whose battery died."""
    return mp4[: int(len(mp4) * share)]


def index_first(mp4: bytes) -> bytes:
    """The same clip with its index before the footage: the two boxes change places and the offsets follow."""
    moov_at = mp4.rindex(b"moov") - 4
    mdat_at = mp4.index(b"mdat") - 4
    moov = bytearray(mp4[moov_at:])
    at = -1
    while (at := moov.find(b"stco", at + 1)) >= 0:
        count = int.from_bytes(moov[at + 8 : at + 12], "big")
        for place in range(at + 12, at + 12 + 4 * count, 4):
            moved = int.from_bytes(moov[place : place + 4], "big") + len(moov)
            moov[place : place + 4] = moved.to_bytes(4, "big")
    return mp4[:mdat_at] + bytes(moov) + mp4[mdat_at:moov_at]


def repeated(clip: Path, target: Path, size: int) -> Path:
    """A large recording: the packets of a clip over and over, index at the end, until it has about so many bytes."""
    with av.open(str(clip)) as source, av.open(str(target), "w", format="mp4") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams if s.type in ("video", "audio")}
        kept = [packet for packet in source.demux(*(source.streams[i] for i in streams)) if packet.dts is not None]
        lengths = {i: _length([p for p in kept if p.stream_index == i]) for i in streams}
        written, turn = 0, 0
        while written < size:
            for packet in kept:
                copy = av.Packet(bytes(packet))
                copy.stream, copy.time_base = streams[packet.stream_index], packet.time_base
                shift = round(turn * lengths[min(streams)] / packet.time_base)
                copy.pts, copy.dts, copy.duration = packet.pts + shift, packet.dts + shift, packet.duration
                copy.is_keyframe = packet.is_keyframe
                out.mux(copy)
                written += packet.size
            turn += 1
    return target


def _length(packets: list[Any]) -> Fraction:
    last = packets[-1]
    return (last.dts - packets[0].dts + last.duration) * last.time_base
