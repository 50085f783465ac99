"""Sound of any codec as AAC, segment by segment, without a seam.

Every AAC frame sits on one grid of 1,024 samples that begins at the first picture, whichever segment is asked for. A
segment's sound is encoded from two grid steps before its start, and what the encoder needs to get going is thrown
away, so that the frames of two segments fit as if they had been encoded in one go. Where the source has a gap there is
silence.
"""

import io
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from transcode.packager_media import Media, open_container
from transcode.wire import ChildFile

RATE = 48_000
STEP = 1024
_LEAD = 2  # grid steps that are encoded before the first one that is kept
_DELAY = 1  # packets that the encoder gives before the one of its first sample (initial padding of 1,024)
_MARGIN = Fraction(1, 10)  # seconds around what is needed, so that the resampler has no edge inside it
_PREROLL = Fraction(1, 2)  # seconds that decoders with memory (MP3, AMR) are run before they count
_MOST_SECONDS = 120

Samples = NDArray[np.float32]


def encoder_for(out: Any, layout: str) -> Any:
    """An AAC stream of our kind in an output container."""
    return out.add_stream("aac", rate=RATE, layout=layout, bit_rate=96_000 if layout == "mono" else 128_000)


class EncodedSound:
    """The sound of one recording, decoded and encoded again between two times."""

    def __init__(self, media: Media, first_pts: int) -> None:
        file = ChildFile(media.file.size, descriptor=media.file.descriptor, channel=media.file.channel)
        self._container = open_container(file, media.kind)
        self._stream = self._container.streams.audio[0]
        self._origin = first_pts * media.video.time_base
        self._rate = int(self._stream.codec_context.sample_rate)
        self.layout = "mono" if self._stream.codec_context.channels == 1 else "stereo"

    def between(self, start: Fraction, end: Fraction | None) -> tuple[int, list[bytes]]:
        """The grid time (samples of 48 kHz) of the first AAC frame that begins in [start, end), and the frames."""
        if end is None:
            end = max(start, min(self._end(), start + _MOST_SECONDS))
        first, after = math.ceil(start * RATE / STEP), math.ceil(end * RATE / STEP)
        if after <= first:
            return first * STEP, []
        lead = first - _LEAD
        samples = self._samples(lead * STEP, (after + 1) * STEP)
        packets = encode(samples, self.layout)
        return first * STEP, packets[_LEAD + _DELAY : _LEAD + _DELAY + after - first]

    def _end(self) -> Fraction:
        length = self._stream.duration
        if length is not None:
            return Fraction(((self._stream.start_time or 0) + length) * self._stream.time_base - self._origin)
        return Fraction(self._container.duration or 0, 1_000_000)

    def _samples(self, low: int, high: int) -> Samples:
        """Sound at 48 kHz between two sample numbers, silence where the source has none."""
        begin = math.floor((Fraction(low, RATE) - _MARGIN) * self._rate)
        count = math.ceil((Fraction(high - low, RATE) + 2 * _MARGIN) * self._rate)
        channels = 1 if self.layout == "mono" else 2
        room = np.zeros((channels, count), np.float32)
        for at, piece in self._decoded(Fraction(begin, self._rate), Fraction(begin + count, self._rate)):
            self._lay(room, piece, at - begin)
        resampled = resample(room, self._rate, self.layout)
        skip = round(Fraction(low, RATE) * RATE - Fraction(begin, self._rate) * RATE)
        resampled = resampled[:, skip : skip + high - low]
        return np.pad(resampled, ((0, 0), (0, high - low - resampled.shape[1])))

    @staticmethod
    def _lay(room: Samples, piece: Samples, at: int) -> None:
        low, high = max(0, at), min(room.shape[1], at + piece.shape[1])
        if low < high:
            room[:, low:high] = piece[:, low - at : high - at]

    def _decoded(self, start: Fraction, end: Fraction) -> Iterator[tuple[int, Samples]]:
        """Pieces of decoded sound with their sample number, counted from the first picture at the source's rate."""
        base = self._stream.time_base
        self._container.seek(
            max(0, math.floor((start + self._origin - _PREROLL) / base)), stream=self._stream, backward=True
        )
        to_planes = av.AudioResampler(format="fltp", layout=self.layout)
        for frame in self._frames():
            if frame.pts is None:
                continue
            at = frame.pts * (frame.time_base or base) - self._origin
            if at >= end:
                return
            frame.pts = None
            for plain in to_planes.resample(frame):
                yield round(at * self._rate), plain.to_ndarray().astype(np.float32, copy=False)

    def _frames(self) -> Iterator[Any]:
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    continue  # a damaged piece is silence
        except av.FFmpegError:
            return


def resample(samples: Samples, rate: int, layout: str) -> Samples:
    """All samples at 48 kHz in one go."""
    if rate == RATE:
        return samples
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=RATE)
    return np.concatenate([piece.to_ndarray() for piece in [*resampler.resample(frame), *resampler.resample(None)]], 1)


def encode(samples: Samples, layout: str) -> list[bytes]:
    """AAC packets of these samples, the encoder's lead-in included."""
    with av.open(io.BytesIO(), "w", format="mp4") as out:
        stream = encoder_for(out, layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate = RATE
        frame.pts = 0
        return [bytes(packet) for packet in [*stream.encode(frame), *stream.encode(None)]]
