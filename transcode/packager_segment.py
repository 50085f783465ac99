"""Segments of a stored recording, made the moment they are asked for: pictures are copied, never re-encoded.

Times on the wire count from the first picture: its decode time is 0, its presentation time is 0, and every other
picture keeps its own distance to it. Sound that is AAC with a description is copied, any other is turned into AAC.
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av

from transcode.packager_boxes import Sample, Track, codecs_of, fragment, init_tracks
from transcode.packager_media import Media
from transcode.packager_plan import Plan
from transcode.packager_sound import RATE, EncodedSound, encoder_for
from transcode.trouble import NotPlayable

_MOVFLAGS = {"movflags": "empty_moov+default_base_moof+frag_custom", "use_editlist": "0", "write_btrt": "0"}
_PATIENCE = Fraction(2)  # seconds of pictures past a segment's end while its sound is still awaited
_START_CODE = re.compile(b"\x00\x00\x01")


@dataclass(frozen=True, slots=True)
class Opened:
    """What the parent is told of a recording that is ready to play."""

    timescale: int
    starts: list[int]
    end: int
    codecs: str
    width: int
    height: int
    rotation: int
    bandwidth: int
    sound: str


class Segmenter:
    """Makes the init segment and the media segments of one recording."""

    def __init__(self, media: Media) -> None:
        media.refuse_unplayable()
        self._media = media
        self._plan: Plan = media.plan()
        self._copied, self._encoded = self._sound_ways(media)
        self.init = self._make_init()
        tracks = init_tracks(self.init)
        self._video_track = next(track for track in tracks if track.handler == b"vide")
        self._sound_track = next((track for track in tracks if track.handler == b"soun"), None)
        self._annex_b = (media.video.codec_context.extradata or b"\x01")[0] != 1

    def _sound_ways(self, media: Media) -> tuple[Any, EncodedSound | None]:
        if media.sound is None:
            return None, None
        codec = media.sound.codec_context
        if codec.name == "aac" and codec.extradata and len(codec.extradata) >= 2:
            return media.sound, None
        if codec.name in ("", "none") or not codec.sample_rate:
            return None, None
        return None, EncodedSound(media, self._plan.starts[0])

    def _make_init(self) -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4", options=_MOVFLAGS) as out:
            out.add_stream_from_template(self._media.video)
            if self._copied is not None:
                out.add_stream_from_template(self._copied)
            elif self._encoded is not None:
                encoder_for(out, self._encoded.layout)
            out.start_encoding()
            init = buffer.getvalue()
        if b"avcC" not in init:
            raise NotPlayable("The description of the picture is missing from the file.")
        return init

    def opened(self) -> Opened:
        """All the parent needs for the playlists."""
        shown = self._media.shown()
        seconds = float(self._ticks(self._plan.end) / self._video_track.timescale) or 1.0
        sound = "copied" if self._copied is not None else "encoded" if self._encoded is not None else "none"
        return Opened(
            timescale=self._video_track.timescale,
            starts=[self._ticks(start) for start in self._plan.starts],
            end=self._ticks(self._plan.end),
            codecs=codecs_of(self.init),
            width=shown.width,
            height=shown.height,
            rotation=shown.rotation,
            bandwidth=round(self._media.file.size * 8 / seconds * 1.1),
            sound=sound,
        )

    def _ticks(self, time: int) -> int:
        """A time of the stream in the track's ticks, counted from the first picture's."""
        ticks: int = round((time - self._plan.starts[0]) * self._media.video.time_base * self._video_track.timescale)
        return ticks

    def segment(self, number: int) -> bytes:
        """One media segment. Raises :class:`NotPlayable` when nothing of it can be read."""
        bounds = [*self._plan.starts, self._plan.end]
        low, high = bounds[number], bounds[number + 1]
        is_last = number == len(self._plan.starts) - 1
        pictures, sounds = self._read(low, None if is_last else high)
        if not pictures:
            raise NotPlayable("This part of the recording is damaged.")
        tracks = [self._video(pictures, high)]
        if self._sound_track is not None:
            start = Fraction(self._ticks(low), self._video_track.timescale)
            end = None if is_last else Fraction(self._ticks(high), self._video_track.timescale)
            sound = self._copied_sound(sounds, start, end) if self._copied is not None else self._new_sound(start, end)
            tracks.append(sound)
        return fragment(number + 1, tracks)

    def _read(self, low: int, high: int | None) -> tuple[list[tuple[int, Any]], list[Any]]:
        """Packets of picture, each with its decode time, and of sound that may belong between two decode times."""
        pictures: list[tuple[int, Any]] = []
        sounds: list[Any] = []
        base = self._media.video.time_base
        origin = self._plan.starts[0] * base
        for packet in self._whole(low):
            if packet.stream is self._media.video:
                time = self._plan.time_of(packet)
                if time is None or time < low:
                    continue
                if high is None or time < high:
                    pictures.append((time, packet))
                elif self._copied is None or (time - high) * base > _PATIENCE:
                    break
            elif self._copied is not None and packet.pts is not None:
                sounds.append(packet)
                if high is not None and pictures and packet.pts * packet.time_base - origin > self._past(high):
                    break
        return pictures, sounds

    def _past(self, high: int) -> Fraction:
        return Fraction((high - self._plan.starts[0]) * self._media.video.time_base) + Fraction(1, 2)

    def _whole(self, low: int) -> Iterator[Any]:
        try:
            for packet in self._media.packets_from(low, self._plan):
                if packet.size and not packet.is_corrupt:
                    yield packet
        except av.FFmpegError:
            return  # the cut, or damage: what could be read is given

    def _video(self, pictures: list[tuple[int, Any]], high: int) -> Track:
        """Pictures in decode order, each as long as until the next one that is shown."""
        shown = [packet.dts if packet.pts is None else packet.pts for _, packet in pictures]
        ordered = sorted(shown)
        lengths = {a: self._ticks(b) - self._ticks(a) for a, b in pairwise([*ordered, max(high, ordered[-1] + 1)])}
        at = self._ticks(ordered[0])
        track = Track(self._video_track.number, at)
        for time, (_, packet) in zip(shown, pictures, strict=True):
            data = bytes(packet)
            data = lengths_of_annex_b(data) if self._annex_b else data
            track.samples.append(Sample(data, lengths[time], self._ticks(time) - at, packet.is_keyframe))
            at += lengths[time]
        return track

    def _copied_sound(self, packets: list[Any], start: Fraction, end: Fraction | None) -> Track:
        scale, base = self._sound_track_scale(), self._copied.time_base
        origin = self._plan.starts[0] * self._media.video.time_base
        chosen = []
        for packet in packets:
            time = packet.pts * base - origin
            if time >= start and (end is None or time < end) and not packet.is_discard:
                chosen.append((round(time * scale), packet))
        chosen.sort(key=lambda row: row[0])
        track = Track(self._sound_number(), chosen[0][0] if chosen else 0)
        for (time, packet), after in zip(chosen, [*chosen[1:], None], strict=True):
            usual = round((packet.duration or 1024) * base * scale)
            track.samples.append(Sample(bytes(packet), max(1, after[0] - time) if after else usual))
        return track

    def _new_sound(self, start: Fraction, end: Fraction | None) -> Track:
        if self._encoded is None:
            raise NotPlayable("The sound cannot be read.")
        first, packets = self._encoded.between(start, end)
        return Track(self._sound_number(), first, [Sample(packet, 1024) for packet in packets])

    def _sound_number(self) -> int:
        return self._sound_track.number if self._sound_track is not None else 2

    def _sound_track_scale(self) -> int:
        return self._sound_track.timescale if self._sound_track is not None else RATE


def lengths_of_annex_b(data: bytes) -> bytes:
    """H.264 with start codes (ITU-T H.264 annex B) as units with four-byte lengths (ISO/IEC 14496-15)."""
    marks = [match.end() for match in _START_CODE.finditer(data)]
    ends = [mark - 3 for mark in marks[1:]] + [len(data)]
    units = [data[start:end].rstrip(b"\x00") for start, end in zip(marks, ends, strict=True)]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in units if unit and unit[0] & 31 != 9)
