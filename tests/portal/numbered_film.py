"""A film whose every frame shows its own number as twelve black or white squares, as HLS, with its frame table.

The squares survive coding and are read back from the screen, so that a test knows which frame a person really sees.
"""

import io
import json
import struct
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np

TICKS = 90_000
BITS = 12
GROUP = 25
_PIECES = "frag_keyframe+empty_moov+default_base_moof"
WIDTH, HEIGHT = 384, 216
SQUARE = WIDTH // BITS

READ_NUMBER = """
(video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const pen = canvas.getContext("2d");
  pen.drawImage(video, 0, 0);
  const side = video.videoWidth / 12;
  let number = 0;
  for (let bit = 0; bit < 12; bit += 1) {
    const [red] = pen.getImageData(bit * side + side / 2, 40, 1, 1).data;
    number = number * 2 + (red > 127 ? 1 : 0);
  }
  return number;
}
"""


@dataclass(frozen=True)
class NumberedFilm:
    """Files by name: ``master.m3u8``, what it names, and ``frames.json``."""

    files: dict[str, bytes]
    count: int


def _picture(number: int) -> av.VideoFrame:
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        shade = 235 if number >> (BITS - 1 - bit) & 1 else 16
        grey[10:80, bit * SQUARE : (bit + 1) * SQUARE] = shade
    grey[120:160, number * 3 % WIDTH :][:, :20] = (200, 60, 60)
    return av.VideoFrame.from_ndarray(grey, format="rgb24")


def constant(count: int) -> list[int]:
    """Time stamps at 25 frames a second."""
    return [i * TICKS // 25 for i in range(count)]


def variable(count: int) -> list[int]:
    """Uneven time stamps as cameras write them: 30 a second with frames left out, jitter, and a gap of 0.8 s."""
    stamps, at = [], 0
    for i in range(count):
        stamps.append(at)
        at += 3000 + (3000 if i % 7 == 3 else 0) + (i % 5) * 90 + (72_000 if i == count // 3 else 0)
    return stamps


def make_film(stamps: list[int], *, b_frames: int = 0) -> NumberedFilm:
    """Encode, cut into a piece for each group of pictures, and write playlist and frame table."""
    head, pieces = _cut(camera_file(stamps, b_frames=b_frames, movflags=_PIECES))
    starts = [*stamps[::GROUP], stamps[-1] + TICKS // 25]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:3",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        '#EXT-X-MAP:URI="init.mp4"',
    ]
    for number, (start, end) in enumerate(pairwise(starts)):
        lines += [f"#EXTINF:{(end - start) / TICKS:.6f},", f"{number}.m4s"]
    table = {
        "version": 1,
        "timescale": TICKS,
        "pts": [stamps[0], *(after - before for before, after in pairwise(stamps))],
        "last": TICKS // 25,
        "width": WIDTH,
        "height": HEIGHT,
        "rotation": 0,
    }
    files = {"init.mp4": head, "frames.json": json.dumps(table).encode()}
    files["master.m3u8"] = "\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode()
    files |= {f"{number}.m4s": piece for number, piece in enumerate(pieces)}
    return NumberedFilm(files, len(stamps))


def camera_file(stamps: list[int], *, b_frames: int = 0, movflags: str = "use_metadata_tags") -> bytes:
    """The film as one MP4 file, as a camera writes it."""
    whole = io.BytesIO()
    options = {"movflags": movflags, "video_track_timescale": str(TICKS)}
    with av.open(whole, "w", format="mp4", options=options) as film:
        stream = film.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        settings = {"bf": str(b_frames), "g": str(GROUP), "sc_threshold": "0", "crf": "18", "preset": "veryfast"}
        stream.codec_context.options = settings
        for number, stamp in enumerate(stamps):
            picture = _picture(number)
            picture.pts, picture.time_base = stamp, Fraction(1, TICKS)
            film.mux(stream.encode(picture))
        film.mux(stream.encode())
    return whole.getvalue()


def _cut(whole: bytes) -> tuple[bytes, list[bytes]]:
    """The head, and each ``moof`` with its ``mdat`` (ISO/IEC 14496-12)."""
    head, pieces, at = b"", [], 0
    while at < len(whole):
        size, kind = struct.unpack_from(">I4s", whole, at)
        box = whole[at : at + size]
        if kind in {b"ftyp", b"moov"}:
            head += box
        elif kind == b"moof":
            pieces.append(box)
        elif kind == b"mdat":
            pieces[-1] += box
        at += size
    return head, pieces
