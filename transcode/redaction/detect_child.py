"""The confined child that looks at a recording: decodes it, finds faces on sampled frames, follows the camera, links.

The model is loaded before the child seals itself; only then does it get the recording.
"""

import io
import json
import socket
import sys
from collections.abc import Iterator
from typing import Any

import av
import av.logging
import numpy as np
from numpy.typing import NDArray

from evidence.sandbox_launcher import seal
from transcode.packager_media import Media
from transcode.redaction.detect import Boxes, CenterFace, weights
from transcode.redaction.motion import CameraMotion, Transform
from transcode.redaction.track import Linking, Placed, link
from transcode.trouble import NotPlayable
from transcode.wire import ChildFile, receive, send

_PROGRESS_EVERY = 25  # frames


class Watcher:
    """Looks through one recording from its first frame to its last."""

    def __init__(self, media: Media, detector: CenterFace, stride: int) -> None:
        self._media, self._detector, self._stride = media, detector, stride
        self.pts: list[int] = []
        self.motion: list[Transform] = []
        self.sightings: dict[int, Boxes] = {}
        self.size = (0, 0)

    def watch(self, channel: socket.socket, frames: int) -> None:
        """Go through all frames, telling how far it is."""
        camera = CameraMotion()
        for number, frame in enumerate(self._frames()):
            self.pts.append(frame.pts if frame.pts is not None else frame.dts)
            turn = round(frame.rotation / 90) % 4
            grey = np.rot90(luma(frame), turn)
            self.size = (grey.shape[1], grey.shape[0])
            self.motion.append(camera.step(np.ascontiguousarray(grey)))
            if number % self._stride == 0:
                image = np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turn))
                self.sightings[number] = self._detector.detect(image)
            if number % _PROGRESS_EVERY == 0:
                send(channel, b"P", json.dumps(min(1.0, number / max(1, frames))).encode())

    def _frames(self) -> Iterator[Any]:
        video = self._media.video
        video.thread_type = "AUTO"
        self._media.container.seek(video.start_time or 0, stream=video)
        try:
            for packet in self._media.container.demux(video):
                try:
                    yield from packet.decode()
                except av.FFmpegError:
                    continue  # a damaged picture cannot be looked at; its neighbours are
        except av.FFmpegError:
            return


def luma(frame: Any) -> NDArray[np.uint8]:
    """The brightness of a decoded frame, without a copy of its colours."""
    if frame.format.name not in ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "nv12"):
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : frame.width]


def tracks_of(watcher: Watcher, how: Linking) -> list[list[list[Any]]]:
    """Linked tracks as rows: frame, time, area as fractions of the picture, confidence, reason."""
    width, height = watcher.size
    linked = link(watcher.sightings, watcher.motion, watcher.size, how)
    return [[_row(watcher, frame, placed, width, height) for frame, placed in track.items()] for track in linked]


def _row(watcher: Watcher, frame: int, placed: Placed, width: int, height: int) -> list[Any]:
    sides = [round(float(side), 4) for side in np.clip(placed.area / np.array([width, height, width, height]), 0, 1)]
    return [frame, watcher.pts[frame], *sides, placed.confidence, str(placed.reason)]


def _suggest(channel: socket.socket, file: ChildFile, detector: CenterFace, question: dict[str, Any]) -> bytes:
    frames, media = Media(file).frame_table(), Media(file)
    watcher = Watcher(media, detector, int(question["stride"]))
    watcher.watch(channel, len(frames.pts))
    if not watcher.pts:
        raise NotPlayable("Not one picture in the file can be decoded.")
    base = media.video.time_base
    told = {
        "timescale": base.denominator,
        "ticks": base.numerator,
        "first_pts": watcher.pts[0],
        "frames": len(watcher.pts),
        "size": watcher.size,
        "shown": [frames.width, frames.height],
        "tracks": tracks_of(watcher, Linking(**question.get("linking", {}))),
    }
    return json.dumps(told).encode()


def _warm_up(detector: CenterFace) -> None:
    """Make everything load that is loaded on first use, while files can still be opened."""
    noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
    detector.detect(noise)
    camera = CameraMotion()
    camera.step(noise[:, :, 0])
    camera.step(np.roll(noise[:, :, 0], 1, 1))
    with av.open(io.BytesIO(), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(noise[:64, :64], format="rgb24").reformat(format="yuv420p")
        out.mux(stream.encode(frame))
        frame.to_ndarray(format="rgb24")


def main() -> None:
    """Serve one recording until the parent hangs up."""
    channel = socket.socket(fileno=int(sys.argv[-1]))
    av.logging.set_level(av.logging.PANIC)
    detector = CenterFace(weights().read_bytes())
    _warm_up(detector)
    seal()
    try:
        file = ChildFile.accept(channel)
        while True:
            question = json.loads(receive(channel)[1])
            try:
                send(channel, b"J", _suggest(channel, file, detector, question))
            except (NotPlayable, av.FFmpegError, ArithmeticError, LookupError, ValueError, MemoryError) as failed:
                send(channel, b"E", (str(failed) or type(failed).__name__).encode())
    except ConnectionError:
        return


if __name__ == "__main__":
    main()
