"""The only door to ffmpeg: arguments compiled by ffmpeg-python, run confined, followed by its own progress report.

The input is always an open descriptor (protocol ``fd``), with its demuxer named by us, so the command holds no path of
the store and a hostile file can name no other. Every flag used here is tried by a test on the binary in use (the one
that ships with imageio-ffmpeg, 9.0.2, unless the settings name another).
"""

import functools
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from evidence.errors import Misconfigured
from evidence.sandbox import Ended, Limits, World, run
from transcode.sniff import Container
from transcode.trouble import MediaFailed

MOST_PIXELS = 8192 * 4320
_VERSION = re.compile(rb"ffmpeg version (\S+)")
_ALLOC = 400_000_000
Progress = Callable[[float], None]


class FfmpegMissing(Misconfigured):
    """The ffmpeg that the settings name is not there or does not run."""

    code = "no-ffmpeg"
    advice = "Leave the setting ffmpeg empty to use the one that is shipped, or name a working one."


@dataclass(frozen=True, slots=True)
class Input:
    """What ffmpeg reads: a descriptor, the demuxer for it, and options that stand before it."""

    descriptor: int
    container: Container
    options: tuple[tuple[str, str], ...] = ()


def binary(configured: str = "") -> str:
    """The path of the ffmpeg in use. Raises :class:`FfmpegMissing`."""
    if configured:
        if not Path(configured).is_file():
            raise FfmpegMissing(f"there is no ffmpeg at {configured}")
        return configured
    try:
        return str(Path(imageio_ffmpeg.get_ffmpeg_exe()).resolve())
    except RuntimeError as missing:
        raise FfmpegMissing("no ffmpeg came with imageio-ffmpeg for this machine") from missing


@functools.cache
def version(path: str) -> str:
    """The version that a binary says it is. Raises :class:`FfmpegMissing`."""
    try:
        said = subprocess.run([path, "-version"], capture_output=True, timeout=20, check=True, env={}).stdout
    except (OSError, subprocess.SubprocessError) as failed:
        raise FfmpegMissing(f"{path} does not run: {failed}") from failed
    found = _VERSION.search(said)
    if found is None:
        raise FfmpegMissing(f"{path} does not say which ffmpeg it is")
    return found.group(1).decode("ascii", "replace")


def compiled(path: str, source: Input, outputs: Sequence[tuple[str, Sequence[str], dict[str, Any]]]) -> list[str]:
    """The argument list for one input and several outputs, each a file name, the streams mapped, and its options."""
    stream = ffmpeg.input(
        "fd:",
        fd=source.descriptor,
        f=str(source.container),
        protocol_whitelist="fd,file",
        format_whitelist=_whitelist(source.container),
        max_pixels=MOST_PIXELS,
        max_streams=64,
        **dict(source.options),
    )
    made = [
        ffmpeg.output(*(stream[name] for name in streams), target, **options) for target, streams, options in outputs
    ]
    whole = ffmpeg.merge_outputs(*made) if len(made) > 1 else made[0]
    quiet = ("-nostdin", "-hide_banner", "-nostats", "-y", "-loglevel", "error", "-max_alloc", str(_ALLOC))
    return [str(word) for word in whole.global_args(*quiet, "-progress", "pipe:1").compile(cmd=path)]


def _whitelist(container: Container) -> str:
    """The long demuxer name that libavformat compares its whitelist with."""
    return {Container.MP4: "mov,mp4,m4a,3gp,3g2,mj2", Container.MATROSKA: "matroska,webm"}.get(
        container, str(container)
    )


def render(
    argv: Sequence[str],
    source: Input,
    folder: Path,
    *,
    limits: Limits,
    duration: float = 0.0,
    progress: Progress | None = None,
) -> Ended:
    """Run a compiled command confined, able to write below one folder. Raises :class:`MediaFailed` with the reason."""
    follow = _Follower(duration, progress)
    world = World(readable=(argv[0],), writable=(str(folder),))
    ended = run(argv, limits=limits, world=world, fds=[source.descriptor], on_output=follow)
    if ended.trouble is not None:
        words = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise MediaFailed(f"ffmpeg did not finish: {ended.trouble}" + (f" ({words[-1][:200]})" if words else "") + ".")
    return ended


class _Follower:
    """Reads the ``key=value`` blocks of ``-progress`` and tells how far it is, from 0 to 1."""

    def __init__(self, duration: float, progress: Progress | None) -> None:
        self._duration, self._progress, self._rest = duration, progress, b""

    def __call__(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b"=")
            if name == b"out_time_us" and self._progress is not None and value.strip().lstrip(b"-").isdigit():
                self._progress(min(1.0, max(0.0, int(value) / 1e6 / self._duration)) if self._duration > 0 else 0.0)
