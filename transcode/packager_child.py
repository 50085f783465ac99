"""The confined child that holds one recording open: it probes it, or packages it, and knows nothing else of the world.

It is started ahead of time, imports everything, then seals itself: no file can be opened and no program started any
more. Only then is it told what to open. Whatever happens to it in there stays in there; the parent sees an answer or a
reason.
"""

import io
import json
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import av
import av.logging
import numpy as np

from evidence.sandbox_launcher import seal
from transcode.packager_media import Media
from transcode.packager_segment import Segmenter
from transcode.packager_sound import encode
from transcode.probe_child import examine
from transcode.trouble import NotPlayable
from transcode.wire import ChildFile, receive, send

Answer = tuple[bytes, bytes]


class Desk:
    """Answers the parent's questions about one recording."""

    def __init__(self, file: ChildFile) -> None:
        self._file = file
        self._media: Media | None = None
        self._segmenter: Segmenter | None = None

    def answer(self, question: dict[str, Any]) -> Answer:
        """The answer to one question; raises :class:`NotPlayable` with a reason."""
        known: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "probe": self._probe,
            "open": self._open,
            "init": lambda _: (b"B", self._playing().init),
            "segment": lambda asked: (b"B", self._playing().segment(asked["number"])),
            "frames": self._frames,
        }
        return known[question["ask"]](question)

    def _probe(self, _: dict[str, Any]) -> Answer:
        return b"J", json.dumps(examine(self._file)).encode()

    def _open(self, _: dict[str, Any]) -> Answer:
        return b"J", json.dumps(asdict(self._playing().opened())).encode()

    def _frames(self, _: dict[str, Any]) -> Answer:
        if self._media is None:
            self._media = Media(self._file)
        return b"B", self._media.frame_table().to_json()

    def _playing(self) -> Segmenter:
        if self._segmenter is None:
            self._media = Media(self._file)
            self._segmenter = Segmenter(self._media)
        return self._segmenter


def answer_safely(desk: Desk, question: dict[str, Any]) -> Answer:
    """An answer in any case: what a decoder cannot do becomes a reason in words."""
    try:
        return desk.answer(question)
    except NotPlayable as reason:
        return b"E", str(reason).encode()
    except (av.FFmpegError, OSError) as failed:
        return b"E", f"It cannot be decoded: {failed.strerror or failed}.".encode()
    except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as failed:
        return b"E", f"It is damaged in a way that the decoder does not understand ({type(failed).__name__}).".encode()


def _warm_up() -> None:
    """Make everything load that is loaded on first use, while files can still be opened."""
    encode(np.zeros((1, 4096), np.float32), "mono")
    with av.open(io.BytesIO(), "w", format="mp4") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))


def main() -> None:
    """Serve one recording until the parent hangs up."""
    channel = socket.socket(fileno=int(sys.argv[-1]))
    av.logging.set_level(av.logging.PANIC)
    _warm_up()
    seal()
    try:
        desk = Desk(ChildFile.accept(channel))
        while True:
            _, payload = receive(channel)
            send(channel, *answer_safely(desk, json.loads(payload)))
    except ConnectionError:
        return


if __name__ == "__main__":
    main()
