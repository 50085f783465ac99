"""The playback proxy, the poster and the thumbnails: everything that is made from an original to look at.

The proxy keeps every frame that a player of the original would show, each at its own time: H.264 without B-frames, key
pictures at least once a second, rotation and pixel aspect applied, sound as AAC, one fragmented MP4 whose byte ranges
are the HLS segments. It is not believed, it is checked: the times ffmpeg read from each decoded frame are compared with
the times that stand in the finished file.
"""

import json
import mmap
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from evidence.sandbox import Limits
from transcode.ffmpeg import Input, Progress, binary, compiled, render, version
from transcode.frames import FrameTable, same_times
from transcode.packager_boxes import Bytes, Fragment, codecs_of, fragments_of, init_tracks, walk
from transcode.packager_proxy import VERSION
from transcode.packager_source import RangeSource, as_local_file
from transcode.probe import Picture, Probe
from transcode.profiles import POSTER, PROXY, SPRITE, library_versions
from transcode.sniff import HEAD, Container, container_of
from transcode.trouble import MediaFailed

SEGMENT_SECONDS = 4.0
_FIRST_SEGMENTS = (1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A finished proxy: the file, its table for HLS, its frame table, and whether it was proven exact."""

    path: Path
    table: bytes
    frames: FrameTable
    lost: int
    inexact: str | None


@dataclass(frozen=True, slots=True)
class Sprites:
    """Thumbnail sheets and the WebVTT that says which part of which sheet belongs to which seconds."""

    sheets: tuple[Path, ...]
    vtt: bytes


def tools(ffmpeg: str = "") -> dict[str, str]:
    """The tools that renditions are made with, and their versions, for the record."""
    return {"ffmpeg": version(binary(ffmpeg)), **library_versions("av")}


def make_proxy(
    source: RangeSource, found: Probe, folder: Path, *, ffmpeg: str = "", progress: Progress | None = None
) -> Proxy:
    """Encode the proxy of a recording into an empty folder.

    Raises :class:`MediaFailed` when ffmpeg does not finish or not one frame comes out. A proxy that is not exact,
    because the original is damaged, says so in ``inexact`` and counts the frames that could not be decoded in
    ``lost``.
    """
    picture = _picture_of(found)
    target, times = folder / "proxy.mp4", folder / "times.txt"
    with as_local_file(source, folder) as opened:
        given = Input(opened.fileno(), _container(source), (("ignore_editlist", "0"),) if _is_mp4(source) else ())
        outputs = [(str(target), _streams(found), _proxy_options(source, found, times))]
        argv = compiled(binary(ffmpeg), given, outputs)
        render(argv, given, folder, limits=_limits(picture, source), duration=picture.duration, progress=progress)
    decoded = _decoded_times(times)
    times.unlink()
    frames, table = read_proxy(target)
    inexact = same_times(decoded, frames) if decoded is not None else "not one frame could be decoded"
    return Proxy(target, table, frames, max(0, picture.frames - len(frames.pts)), inexact)


def _picture_of(found: Probe) -> Picture:
    if found.picture is None:
        raise MediaFailed("There is no picture to make a playback copy of.")
    return found.picture


def _container(source: RangeSource) -> Container:
    container = container_of(source.read(0, HEAD))
    if container is None:
        raise MediaFailed("The file is no recording of a kind that is known here.")
    return container


def _is_mp4(source: RangeSource) -> bool:
    return container_of(source.read(0, HEAD)) is Container.MP4


def _streams(found: Probe) -> list[str]:
    return ["v:0", "a:0"] if found.has_sound else ["v:0"]


def _limits(picture: Picture, source: RangeSource) -> Limits:
    """Bounds that a sound recording of this length does not come near, and a decompression bomb does."""
    seconds = max(picture.duration, picture.frames / 30)
    return Limits(
        wall=120 + 20 * seconds, cpu=round(120 + 30 * seconds), memory=4 * 1024**3, file_size=source.size + 2**30
    )


def _proxy_options(source: RangeSource, found: Probe, times: Path) -> dict[str, Any]:
    picture, settings = _picture_of(found), PROXY.parameters
    kbits = _most_kbits(source.size, picture.duration)
    width, height = shown_size(picture, kbits)
    options: dict[str, Any] = {
        "vf": _filters(picture, width, height),
        "c:v": "libx264",
        "preset": settings["preset"],
        "crf": settings["crf"],
        "maxrate": f"{kbits}k",
        "bufsize": f"{2 * kbits}k",
        "bf": settings["b_frames"],
        "g": 600,
        "sc_threshold": 0,
        "force_key_frames": f"expr:gte(t,n_forced*{settings['gop_seconds']})",
        "fps_mode:v": "passthrough",
        "enc_time_base:v": "demux",
        "stats_enc_pre:v": str(times),
        "stats_enc_pre_fmt:v": "{ptsi} {tbi}",
        "map_metadata": -1,
        "map_chapters": -1,
        "movflags": "frag_keyframe+empty_moov+default_base_moof",
        "use_editlist": 0,
        "avoid_negative_ts": "disabled",
        "f": "mp4",
    }
    if found.has_sound:
        # the encoder's lead-in of 1,024 samples is dropped, so that the first sound stands at its own time
        options |= {
            "c:a": "aac",
            "b:a": f"{settings['sound_kbits']}k",
            "ac": 1,
            "ar": 48000,
            "bsf:a": "noise=drop=lt(n\\,1)",
        }
    return options


def _most_kbits(size: int, duration: float) -> int:
    """Bits per second for the picture, so that all renditions stay well below a quarter of the original."""
    settings = PROXY.parameters
    share = size * 8 / max(duration, 0.5) / 1000 * int(settings["share_of_original_percent"]) / 100
    share -= int(settings["sound_kbits"])
    return round(min(int(settings["most_kbits"]), max(int(settings["least_kbits"]), share)))


def shown_size(picture: Picture, kbits: int) -> tuple[int, int]:
    """Width and height of the proxy: square pixels, even, at most 720 high, smaller where the bits would not do."""
    most = 720 if kbits >= 700 else 480 if kbits >= 350 else 360
    height = min(most, picture.shown_height)
    width = round(picture.shown_width * height / picture.shown_height)
    return max(2, width - width % 2), max(2, height - height % 2)


def _filters(picture: Picture, width: int, height: int) -> str:
    deinterlace = ["bwdif=mode=send_frame:deint=interlaced"] if picture.interlaced else []
    return ",".join([*deinterlace, f"scale={width}:{height}:out_range=tv", "setsar=1", "format=yuv420p"])


def _decoded_times(times: Path) -> FrameTable | None:
    """The times of every frame as the decoder gave them, written down by ffmpeg just before the encoder."""
    rows = [line.split() for line in times.read_text(encoding="ascii").splitlines()] if times.exists() else []
    known = [(int(pts), Fraction(base)) for pts, base in rows if pts != "NOPTS"]
    if not known:
        return None
    base = known[0][1]
    return FrameTable.of(base.denominator, [pts * base.numerator for pts, _ in known], last=1, width=0, height=0)


def read_proxy(path: Path) -> tuple[FrameTable, bytes]:
    """The frame table and the HLS table of a finished proxy, read from its boxes. Raises :class:`MediaFailed`."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _read_tables(data)


def _read_tables(data: Bytes) -> tuple[FrameTable, bytes]:
    tracks = {track.handler: track for track in init_tracks(data)}
    if b"vide" not in tracks:
        raise MediaFailed("The playback copy came out empty.")
    video = tracks[b"vide"]
    init, fragments = fragments_of(data, video.number)
    pts, end = _frame_times(data, video.number)
    if not pts:
        raise MediaFailed("Not one frame of the playback copy came out.")
    width, height = _coded_size(data)
    frames = FrameTable.of(video.timescale, pts, last=end - max(pts), width=width, height=height)
    table = {
        "version": VERSION,
        "init": init,
        "timescale": video.timescale,
        "end": end,
        "codecs": codecs_of(data[:init]),
        "width": width,
        "height": height,
        "size": len(data),
        "segments": _segments(fragments, video.timescale),
        "frames": json.loads(frames.to_json()),
    }
    return frames, json.dumps(table, separators=(",", ":")).encode("ascii")


def _segments(fragments: Iterable[Fragment], timescale: int) -> list[list[int]]:
    """Fragments joined into segments of about four seconds, the first ones shorter."""
    rows: list[list[int]] = []
    for piece in fragments:
        wanted = _FIRST_SEGMENTS[len(rows) - 1] if 0 < len(rows) <= len(_FIRST_SEGMENTS) else SEGMENT_SECONDS
        if not rows or piece.start - rows[-1][2] >= wanted * timescale * 0.95:
            rows.append([piece.offset, piece.size, piece.start])
        else:
            rows[-1][1] = piece.offset + piece.size - rows[-1][0]
    return rows


def _frame_times(data: Bytes, video: int) -> tuple[list[int], int]:
    """Presentation times of all video samples, which are decode times too (no B-frames), and the end of the last."""
    pts: list[int] = []
    number = at = default = end = 0
    for kind, start, _ in walk(data):
        if kind == b"tfhd":
            number, default = _tfhd(data, start)
        elif kind == b"tfdt":
            at = struct.unpack_from(">Q" if data[start] else ">I", data, start + 4)[0]
        elif kind == b"trun" and number == video:
            for duration, shift in _trun(data, start, default):
                pts.append(at + shift)
                at += duration
            end = at
    return pts, end


def _tfhd(data: Bytes, start: int) -> tuple[int, int]:
    flags, number = struct.unpack_from(">II", data, start)
    at = start + 8 + 8 * bool(flags & 1) + 4 * bool(flags & 2)
    return number, struct.unpack_from(">I", data, at)[0] if flags & 8 else 0


def _trun(data: Bytes, start: int, default: int) -> Iterable[tuple[int, int]]:
    head, count = struct.unpack_from(">II", data, start)
    at = start + 8 + 4 * bool(head & 1) + 4 * bool(head & 4)
    for _ in range(count):
        duration, shift = default, 0
        if head & 0x100:
            duration, at = struct.unpack_from(">I", data, at)[0], at + 4
        at += 4 * bool(head & 0x200) + 4 * bool(head & 0x400)
        if head & 0x800:
            shift, at = struct.unpack_from(">i", data, at)[0], at + 4
        yield duration, shift


def _coded_size(data: Bytes) -> tuple[int, int]:
    """Width and height in the ``avc1`` sample entry."""
    at = data.find(b"avc1", data.find(b"stsd"))
    return struct.unpack_from(">HH", data, at + 28) if at > 0 else (0, 0)


def make_poster(source: RangeSource, found: Probe, folder: Path, *, ffmpeg: str = "") -> Path:
    """One still from a tenth into the recording, as JPEG. Raises :class:`MediaFailed`."""
    picture, settings = _picture_of(found), POSTER.parameters
    height = min(int(settings["height"]), picture.shown_height)
    target = folder / "poster.jpg"
    for at in (picture.duration / 10, 0.0):
        with as_local_file(source, folder) as opened:
            given = Input(opened.fileno(), _container(source), (("ss", f"{at:.3f}"),))
            options = {
                "vf": f"scale={_even(picture.shown_width * height / picture.shown_height)}:{_even(height)},setsar=1",
                "frames:v": 1,
                "q:v": settings["quality"],
                "map_metadata": -1,
                "update": 1,
                "f": "image2",
            }
            argv = compiled(binary(ffmpeg), given, [(str(target), ["v:0"], options)])
            render(argv, given, folder, limits=Limits(wall=60, cpu=60, memory=2 * 1024**3, file_size=2**25))
        if target.exists() and target.stat().st_size:
            return target
    raise MediaFailed("No still could be taken from the recording.")


def make_sprites(proxy: RangeSource, table: bytes, folder: Path, *, ffmpeg: str = "") -> Sprites:
    """Thumbnail sheets from the key pictures of a finished proxy, and their WebVTT. Raises :class:`MediaFailed`."""
    settings, told = SPRITE.parameters, json.loads(table)
    columns, rows, width = int(settings["columns"]), int(settings["rows"]), int(settings["width"])
    height = _even(width * told["height"] / max(1, told["width"]))
    with as_local_file(proxy, folder) as opened:
        starts = _key_starts(opened, told["timescale"])[:: int(settings["seconds"])]
        given = Input(opened.fileno(), Container.MP4, (("skip_frame", "nokey"),))
        every = f"select=not(mod(n\\,{settings['seconds']})),scale={width}:{height},setsar=1,tile={columns}x{rows}"
        options = {
            "vf": every,
            "fps_mode:v": "passthrough",
            "q:v": 6,
            "map_metadata": -1,
            "f": "image2",
            "start_number": 0,
        }
        argv = compiled(binary(ffmpeg), given, [(str(folder / "sprite-%d.jpg"), ["v:0"], options)])
        seconds = told["end"] / told["timescale"]
        render(argv, given, folder, limits=Limits(60 + seconds, round(60 + seconds), 2 * 1024**3, 2**26))
    sheets = tuple(sorted(folder.glob("sprite-*.jpg"), key=lambda sheet: int(sheet.stem.split("-")[1])))
    return Sprites(sheets, _vtt(starts, told["end"], (columns, rows), (width, height)))


def _key_starts(opened: BinaryIO, timescale: int) -> list[tuple[int, int]]:
    with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        video = next(track.number for track in init_tracks(data) if track.handler == b"vide")
        return [(piece.start, timescale) for piece in fragments_of(data, video)[1]]


def _vtt(starts: list[tuple[int, int]], end: int, grid: tuple[int, int], tile: tuple[int, int]) -> bytes:
    """WebVTT with media fragments (``#xywh=``), counted from the first picture."""
    lines = ["WEBVTT", ""]
    first = starts[0][0] if starts else 0
    marks = [(ticks - first) / scale for ticks, scale in starts]
    marks.append((end - first) / starts[0][1] if starts else 0.0)
    for number in range(len(starts)):
        sheet, place = divmod(number, grid[0] * grid[1])
        row, column = divmod(place, grid[0])
        lines.append(f"{_clock(marks[number])} --> {_clock(marks[number + 1])}")
        lines += [f"sprite-{sheet}.jpg#xywh={column * tile[0]},{row * tile[1]},{tile[0]},{tile[1]}", ""]
    return "\n".join(lines).encode("ascii")


def _clock(seconds: float) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02d}:{millis // 60_000 % 60:02d}:{millis // 1000 % 60:02d}.{millis % 1000:03d}"


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)
