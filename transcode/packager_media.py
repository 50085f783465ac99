"""A recording opened with libav inside the confined child: which streams, and where a segment may begin.

The list of segment starts comes from the container's own index where it has one of every sample (MP4, QuickTime, AVI),
so that a gigabyte is ready to play after reading its index only; other containers are read through once. Nothing in
here opens a file: bytes come from a :class:`~transcode.wire.ChildFile`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any, NoReturn

import av
import numpy as np

from transcode.frames import FrameTable
from transcode.packager_boxes import composition_offsets
from transcode.packager_plan import Flags, Plan, Ticks, planned
from transcode.sniff import HEAD, Container, boxes, container_of, looks_like_text
from transcode.trouble import NotPlayable
from transcode.wire import ChildFile

_HIDDEN = "An edit list hides pictures of this recording; only the exact copy can follow it."
_KEY, _DISCARD = 1, 2  # AVINDEX_KEYFRAME, AVINDEX_DISCARD_FRAME
_TRIED = 8  # packets that are read to see that the index was understood
_PLAYABLE_PIXELS = frozenset({"yuv420p", "yuvj420p"})
_OPTIONS = {"protocol_whitelist": "", "max_streams": "64", "probesize": "20000000"}


class BlankFile:
    """A recording whose footage reads as zeros: enough for the times of all samples, without reading a gigabyte."""

    def __init__(self, file: ChildFile) -> None:
        self._file = ChildFile(file.size, descriptor=file.descriptor, channel=file.channel)
        self._blank = [(b.offset, b.offset + b.size) for b in boxes(file.size, file.range) if b.kind == b"mdat"]
        self.blank = False

    def read(self, length: int = -1) -> bytes:
        """As a file does."""
        at, end = self._file.position, self._file.position + length
        if self.blank and length > 0 and any(low <= at and end <= high for low, high in self._blank):
            length = max(0, min(length, self._file.size - at))
            self._file.position += length
            return bytes(length)
        return self._file.read(length)

    def seek(self, offset: int, whence: int = 0) -> int:
        """As a file does."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As a file does."""
        return self._file.tell()


def _refuse_to_open(*_: object) -> NoReturn:
    raise OSError("a recording may not name other files")


def sniff(file: ChildFile) -> Container:
    """The container, judged by the first bytes. Raises :class:`NotPlayable` with the reason in words."""
    if file.size == 0:
        raise NotPlayable("The file is empty.")
    head = file.range(0, HEAD)
    container = container_of(head)
    if container is None:
        kind = "The file holds text" if looks_like_text(head) else "The file is of a kind that is not known here"
        raise NotPlayable(f"{kind}, not a recording.")
    return container


def open_container(file: Any, container: Container) -> Any:
    """The recording opened with exactly one demuxer and no way to other files."""
    file.seek(0)
    return av.open(
        file,
        format=str(container),
        options=_OPTIONS,
        io_open=_refuse_to_open,
        buffer_size=65536,
        metadata_errors="replace",
    )


class Media:
    """One recording, opened: streams chosen, index read, ready to give segments."""

    def __init__(self, file: ChildFile) -> None:
        self.file = file
        self.kind = sniff(file)
        self.container = open_container(file, self.kind)
        if not self.container.streams.video:
            raise NotPlayable("The recording has no picture.")
        self.video = self.container.streams.video[0]
        self.sound = self.container.streams.audio[0] if self.container.streams.audio else None
        self._plan: Plan | None = None

    def refuse_unplayable(self) -> None:
        """Raise :class:`NotPlayable` where a browser cannot be expected to decode the pictures."""
        codec = self.video.codec_context
        if codec.name != "h264":
            raise NotPlayable(f"The picture is coded as {codec.name}, which browsers do not play everywhere.")
        if codec.pix_fmt not in _PLAYABLE_PIXELS:
            raise NotPlayable(f"The picture is H.264 with {codec.pix_fmt} samples, which browsers do not play.")

    def plan(self) -> Plan:
        """Where segments begin. Raises :class:`NotPlayable` where times jump or an edit list hides pictures."""
        if self._plan is None:
            times, keys = self._indexed() or self._scanned()
            self._plan = planned(times, keys, self.video.time_base)
        return self._plan

    def _indexed(self) -> tuple[Ticks, Flags] | None:
        """From the container's index, as far as its bytes are there; ``None`` where it does not list every sample."""
        if self.kind not in (Container.MP4, Container.AVI) or self._fragmented():
            return None
        rows = [(entry.timestamp, entry.flags, entry.pos + entry.size) for entry in self.video.index_entries]
        table = np.array(rows, np.int64).reshape(-1, 3)
        if (table[:, 1] & _DISCARD).any():
            raise NotPlayable(_HIDDEN)
        times = table[:, 0] + self._composition_offsets(len(table))
        there = table[:, 2] <= self.file.size
        return self._as_read(times[there], (table[there, 1] & _KEY) > 0)

    def _composition_offsets(self, count: int) -> Ticks:
        """Ticks from decode to presentation of every sample, from the index alone."""
        index = next((b for b in boxes(self.file.size, self.file.range) if b.kind == b"moov"), None)
        offsets = np.zeros(count, np.int64)
        if index is not None:
            told = composition_offsets(self.file.range(index.offset, index.size), self.video.id)[:count]
            offsets[: len(told)] = told
        return offsets

    def _as_read(self, times: Ticks, keys: Flags) -> tuple[Ticks, Flags] | None:
        """The samples with the demuxer's own origin of time; ``None`` where its first packets do not bear them out."""
        if not keys.any():
            return None
        at = int(np.argmax(keys))
        self.container.seek(int(times[at]), stream=self.video)
        read = [packet.pts for packet in islice(self.container.demux(self.video), _TRIED) if packet.pts is not None]
        expected = times[at : at + len(read)]
        if not read or not np.array_equal(np.array(read[: len(expected)]) - read[0], expected - expected[0]):
            return None
        return times + (read[0] - int(times[at])), keys

    def _fragmented(self) -> bool:
        if self.kind is not Container.MP4:
            return False
        return any(box.kind in (b"moof", b"sidx") for box in boxes(self.file.size, self.file.range))

    def _scanned(self) -> tuple[Ticks, Flags]:
        """From every packet of the recording, in decode order."""
        rows = []
        for packet in self._video_packets():
            time = packet.pts if packet.pts is not None else packet.dts
            if packet.is_discard:
                raise NotPlayable(_HIDDEN)
            if time is not None:
                rows.append((time, packet.is_keyframe))
        table = np.array(rows, np.int64).reshape(-1, 2)
        return table[:, 0], table[:, 1] > 0

    def _video_packets(self) -> Iterator[Any]:
        """Every video packet of the recording in file order, without reading the footage where that is possible."""
        if self.kind is Container.MP4:
            blank = BlankFile(self.file)
            with open_container(blank, self.kind) as container:
                blank.blank = True
                yield from self._whole_packets(container)
        else:
            own = ChildFile(self.file.size, descriptor=self.file.descriptor, channel=self.file.channel)
            with open_container(own, self.kind) as container:
                yield from self._whole_packets(container)

    def _whole_packets(self, container: Any) -> Iterator[Any]:
        try:
            for packet in container.demux(container.streams.video[0]):
                if packet.size and not packet.is_corrupt:  # corrupt: a part of it is missing, as at a cut
                    yield packet
        except av.FFmpegError:
            return  # a recording that was cut off: what came before the cut is what there is

    def packets_from(self, start: int, plan: Plan) -> Iterator[Any]:
        """Packets of picture and sound in file order, from the picture of that decode time or a little before."""
        base = self.video.time_base
        for back in (0, 1, 4, 16, 64, 100_000):
            at = start - round(back / base)
            self.container.seek(at, stream=self.video, backward=True, any_frame=False)
            packets = self.container.demux([s for s in (self.video, self.sound) if s is not None])
            held: list[Any] = []
            try:
                for packet in packets:
                    held.append(packet)
                    if packet.stream is self.video and plan.time_of(packet) is not None:
                        break
                time = plan.time_of(held[-1]) if held and held[-1].stream is self.video else None
                if time is not None and time <= start:
                    yield from held
                    yield from packets
                    return
            except av.FFmpegError:
                if back == 100_000:
                    return

    def frame_table(self) -> FrameTable:
        """Presentation times of all pictures that are shown."""
        try:
            plan = self.plan()
            pts, last = list(plan.decode), plan.step
        except NotPlayable:
            pts, last = [packet.pts for packet in self._shown_packets()], 0
        base: Fraction = self.video.time_base
        shown = self.shown()
        return FrameTable.of(
            base.denominator,
            [time * base.numerator for time in pts],
            last=last * base.numerator or None,
            width=shown.width,
            height=shown.height,
            rotation=shown.rotation,
        )

    def _shown_packets(self) -> Iterator[Any]:
        """Video packets from the first key picture on, without those that an edit list hides."""
        packets = self._video_packets()
        for packet in packets:
            if packet.is_keyframe:
                yield from (p for p in chain([packet], packets) if not p.is_discard and p.pts is not None)

    def shown(self) -> "Shown":
        """How the picture is shown. Raises :class:`NotPlayable` when not even the first can be decoded."""
        self.container.seek(0, stream=self.video)
        for frame in self._first_frames():
            aspect = self.video.sample_aspect_ratio or Fraction(1)
            return Shown.of(frame.width, frame.height, aspect, -round(frame.rotation) % 360)
        raise NotPlayable("Not one picture in the file can be decoded.")

    def _first_frames(self) -> Iterator[Any]:
        damaged = 0
        for packet in self.container.demux(self.video):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                damaged += 1
                if damaged > 250:
                    return


@dataclass(frozen=True, slots=True)
class Shown:
    """The picture as a person sees it: square pixels, rotated by so many degrees clockwise."""

    width: int
    height: int
    rotation: int

    @classmethod
    def of(cls, width: int, height: int, aspect: Fraction, rotation: int) -> "Shown":
        """From the coded size, pixel aspect and rotation."""
        wide = round(width * aspect) if aspect > 0 else width
        return cls(height, wide, rotation) if rotation in (90, 270) else cls(wide, height, rotation)
