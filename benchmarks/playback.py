"""A long original played at once, sought at random, and its playback copy against plain ffmpeg with the same settings.

The long original is a real clip repeated, index at the end, as cameras write it. First segment and seeks are measured
at the packager, in the process that a portal would be (T6 asks for the whole way to a browser; the journey test goes
it). Cold means that the packager has never seen the recording; the file itself is in the page cache for both sides.
"""

import argparse
import random
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Report, interleave, median
from tests import media_factory as factory
from transcode.ffmpeg import binary
from transcode.packager import Packaged, Packager
from transcode.packager_source import LocalFile
from transcode.probe import probe
from transcode.rendition import make_poster, make_proxy, make_sprites

MEDIA = Path(__file__).resolve().parent.parent / "tests" / "media"
CLIP = MEDIA / "gopro_max_walk_gps_848x480.mp4"
_MIB = 1024 * 1024


def main(*, full: bool = False) -> None:
    report = Report("playback")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        long = factory.repeated(CLIP, folder / "long.mp4", (1024 if full else 128) * _MIB)
        first_picture_and_seeks(report, long, 40 if full else 12)
        copy_against_ffmpeg(report, folder, rounds=5 if full else 3)
        storage(report, folder)
    report.write()


def first_picture_and_seeks(report: Report, long: Path, seeks: int) -> None:
    size = long.stat().st_size / _MIB
    packager = Packager(warm=1)
    time.sleep(3)  # the warm child is ready, as it is in a server that has been up for a moment
    began = time.perf_counter()
    packaged = packager.original("long", LocalFile(long))
    packaged.playlist()
    packaged.init()
    packaged.segment(0)
    first = time.perf_counter() - began
    report.add(
        "P1", f"playlist, init and first segment of {size:.0f} MiB", first, "s", wanted="part of 0.7", met=first < 0.7
    )
    times = [_seek(packaged, number) for number in random.Random(7).sample(range(1, packaged.segments), seeks)]
    worst = max(times)
    note = f"median {statistics.median(times):.3f} s of {seeks}"
    report.add(
        "T6", "worst seek to any place, at the packager", worst, "s", wanted="part of 0.6", met=worst < 0.6, note=note
    )
    began = time.perf_counter()
    packaged.frame_table()
    report.add("T4", "frame table of the whole recording", time.perf_counter() - began, "s")
    packager.close()


def _seek(packaged: Packaged, number: int) -> float:
    began = time.perf_counter()
    packaged.segment(number)
    return time.perf_counter() - began


def copy_against_ffmpeg(report: Report, folder: Path, *, rounds: int) -> None:
    clip = factory.repeated(CLIP, folder / "clip.mp4", 12 * _MIB)  # half a minute: what a start costs is not all
    source, found = LocalFile(clip), probe(LocalFile(clip))
    plain = [binary(), "-nostdin", "-y", "-loglevel", "error", "-i", str(clip), "-map", "0:v:0", "-map", "0:a:0"]
    plain += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-bf", "0", "-pix_fmt", "yuv420p"]
    plain += ["-g", "600", "-sc_threshold", "0", "-force_key_frames", "expr:gte(t,n_forced*1)"]
    plain += ["-maxrate", "470k", "-bufsize", "940k", "-vf", "scale=848:480", "-c:a", "aac", "-b:a", "64k", "-ac", "1"]
    target = str(folder / "plain.mp4")
    sides = {
        "plain": lambda: subprocess.run([*plain, target], check=True),
        "ours": lambda: make_proxy(source, found, folder),
    }
    before = _children()
    subprocess.run([*plain, target], check=True)
    spent = (_children() - before) / found.picture.duration * 3600 if found.picture else 0.0
    report.add(
        "T5", "processor seconds of ffmpeg per hour of footage (480p)", spent, "s/h", note="confined runs hide theirs"
    )
    seconds = interleave(sides, rounds)
    ratio = median(seconds["ours"]) / median(seconds["plain"])
    note = f"{median(seconds['ours']):.2f} s against {median(seconds['plain']):.2f} s, checked frame by frame"
    report.add(
        "T3", "playback copy against one plain ffmpeg", ratio, "x", wanted="at most 1.1", met=ratio <= 1.1, note=note
    )


def storage(report: Report, folder: Path) -> None:
    source = LocalFile(CLIP)
    found = probe(source)
    made = make_proxy(source, found, folder)
    sprites = make_sprites(LocalFile(made.path), made.table, folder)
    poster = make_poster(source, found, folder)
    share = sum(path.stat().st_size for path in (made.path, poster, *sprites.sheets)) / source.size
    report.add("T5", "all renditions against the original", 100 * share, "%", wanted="under 25", met=share < 0.25)
    report.add("T4", "frames and times equal to the original's", 100.0 * (made.inexact is None), "%", wanted="100",
               met=made.inexact is None)  # fmt: skip


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a gigabyte and more rounds")
    main(**vars(parser.parse_args()))
