"""The playback copy against the original, frame by frame; the still, the thumbnails, and every flag of ffmpeg used."""

import io
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from evidence.sandbox import Limits
from tests import media_factory as factory
from transcode.ffmpeg import FfmpegMissing, Input, binary, compiled, render, version
from transcode.frames import FrameTable
from transcode.packager_proxy import NotAProxyTable, StoredProxy
from transcode.packager_source import BytesSource, LocalFile
from transcode.probe import probe
from transcode.rendition import Proxy, make_poster, make_proxy, make_sprites, tools
from transcode.sniff import Container
from transcode.trouble import MediaFailed

MEDIA = Path(__file__).parent.parent / "media"


def proxied(data: bytes, folder: Path) -> Proxy:
    source = BytesSource(data)
    return make_proxy(source, probe(source), folder)


def numbers_and_times(data: bytes) -> list[tuple[Fraction, int]]:
    with av.open(io.BytesIO(data)) as container:
        frames = [(f.pts * f.time_base, f.to_ndarray(format="gray")) for f in container.decode(video=0)]
    return [(time - frames[0][0], factory.number_in(picture)) for time, picture in frames]


@pytest.mark.parametrize(
    "recipe",
    [
        factory.CFR, factory.VFR_GAP, factory.VFR_B_FRAMES, factory.HEVC, factory.MPEG4, factory.MJPEG,
        factory.TS, factory.MP3_MKV, factory.ALAW_SOUND,
    ],
    ids=["CFR", "VFR", "VFR+B", "HEVC", "MPEG-4", "MJPEG", "TS", "MKV", "A-law"],
)  # fmt: skip
def test_the_proxy_keeps_every_frame_and_its_time(recipe: factory.Recipe, tmp_path: Path) -> None:
    data = factory.make(recipe)
    made = proxied(data, tmp_path)
    assert (made.inexact, made.lost) == (None, 0)
    copy = made.path.read_bytes()
    expected = numbers_and_times(data)
    assert [number for _, number in expected] == list(range(len(recipe.times)))
    assert numbers_and_times(copy) == expected
    times = [Fraction(pts - made.frames.pts[0], made.frames.timescale) for pts in made.frames.pts]
    assert times == [time for time, _ in expected]


def test_hidden_frames_stay_hidden(tmp_path: Path) -> None:
    data = _starting_at(factory.make(factory.CFR), 10)
    expected = numbers_and_times(data)
    assert expected[0][1] == 10
    made = proxied(data, tmp_path)
    assert made.inexact is None
    assert numbers_and_times(made.path.read_bytes()) == expected


def _starting_at(mp4: bytes, frame: int) -> bytes:
    """The clip with an edit list that begins at a frame in the middle of a group of pictures."""
    edits = (
        b"\x00" * 4
        + b"\x00\x00\x00\x01"
        + (65 * 40).to_bytes(4, "big")
        + (frame * 3600).to_bytes(4, "big")
        + b"\x00\x01\x00\x00"
    )
    at = mp4.index(b"elst")
    size = int.from_bytes(mp4[at - 4 : at], "big")
    assert size == 8 + len(edits)
    return mp4[: at + 4] + edits + mp4[at + 4 + len(edits) :]


def test_the_proxy_has_no_b_frames_and_a_key_picture_every_second(tmp_path: Path) -> None:
    made = proxied(factory.make(factory.B_FRAMES), tmp_path)
    with av.open(str(made.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.dts is not None]
    assert all(packet.pts == packet.dts for packet in packets)
    keys = [packet.pts * packet.time_base for packet in packets if packet.is_keyframe]
    assert all(later - earlier <= Fraction(101, 100) for earlier, later in pairwise(keys))


def test_the_proxy_is_upright_and_without_the_cameras_notes(tmp_path: Path) -> None:
    source = LocalFile(MEDIA / "decord_rot_90.mov")
    made = make_proxy(source, probe(source), tmp_path)
    with av.open(str(made.path)) as container:
        frame = next(container.decode(video=0))
        assert frame.rotation == 0
        assert frame.height > frame.width
    assert made.inexact is None


def test_no_telemetry_and_no_place_goes_into_the_proxy(tmp_path: Path) -> None:
    source = LocalFile(MEDIA / "gopro_max_walk_gps_848x480.mp4")
    made = make_proxy(source, probe(source), tmp_path)
    with av.open(str(made.path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert "location" not in container.metadata
        assert "creation_time" not in container.metadata


def test_all_renditions_stay_below_a_quarter_of_the_original(tmp_path: Path) -> None:
    source = LocalFile(MEDIA / "gopro_max_walk_gps_848x480.mp4")
    found = probe(source)
    made = make_proxy(source, found, tmp_path)
    sprites = make_sprites(LocalFile(made.path), made.table, tmp_path)
    poster = make_poster(source, found, tmp_path)
    total = sum(path.stat().st_size for path in (made.path, poster, *sprites.sheets))
    assert total < 0.25 * source.size


def test_a_damaged_recording_says_how_many_frames_were_lost(tmp_path: Path) -> None:
    source = LocalFile(MEDIA / "decord_corrupted.mp4")
    made = make_proxy(source, probe(source), tmp_path)
    assert made.lost == 1
    assert len(made.frames.pts) == 49


def test_sound_stands_at_its_own_time_in_the_proxy(tmp_path: Path) -> None:
    made = proxied(factory.make(factory.AAC_SOUND), tmp_path)
    with av.open(str(made.path)) as container:
        assert [stream.start_time for stream in container.streams] == [0, 0]


def test_the_stored_proxy_plays_as_the_original_does(tmp_path: Path) -> None:
    made = proxied(factory.make(factory.VFR_GAP), tmp_path)
    stored = StoredProxy("key", LocalFile(made.path), made.table)
    assert stored.segments >= 2
    data = stored.init() + b"".join(stored.segment(n) for n in range(stored.segments))
    assert data == made.path.read_bytes()[: len(data)]
    assert [number for _, number in numbers_and_times(data)] == list(range(len(factory.VFR_GAP.times)))
    assert FrameTable.from_json(stored.frame_table()) == made.frames
    assert stored.playlist().count("#EXTINF") == stored.segments
    assert 'CODECS="avc1.' in stored.master_playlist()


def test_a_table_of_another_version_is_refused() -> None:
    with pytest.raises(NotAProxyTable):
        StoredProxy("key", BytesSource(b""), json.dumps({"version": 99}).encode())


def test_a_still_and_thumbnails_with_their_times(tmp_path: Path) -> None:
    source = LocalFile(MEDIA / "gopro_max_walk_gps_848x480.mp4")
    found = probe(source)
    assert make_poster(source, found, tmp_path).read_bytes()[:3] == b"\xff\xd8\xff"
    made = make_proxy(source, found, tmp_path)
    sprites = make_sprites(LocalFile(made.path), made.table, tmp_path)
    assert [sheet.name for sheet in sprites.sheets] == ["sprite-0.jpg"]
    cues = [line for line in sprites.vtt.decode().splitlines() if "-->" in line]
    assert cues[0].startswith("00:00:00.000 --> 00:00:02.")
    assert cues[-1].endswith("00:00:10.510")
    assert "sprite-0.jpg#xywh=160,0,160,90" in sprites.vtt.decode()


def test_progress_is_told(tmp_path: Path) -> None:
    source = BytesSource(factory.make(factory.CFR))
    told: list[float] = []
    make_proxy(source, probe(source), tmp_path, progress=told.append)
    assert told
    assert all(0 <= share <= 1 for share in told)


def test_what_has_no_picture_gets_no_proxy(tmp_path: Path) -> None:
    source = BytesSource(b"words")
    with pytest.raises(MediaFailed, match="no picture"):
        make_proxy(source, probe(source), tmp_path)


def test_the_ffmpeg_in_use_says_its_version() -> None:
    assert version(binary())
    assert set(tools()) == {"ffmpeg", "av"}


def test_a_missing_ffmpeg_is_named() -> None:
    with pytest.raises(FfmpegMissing, match="/nowhere"):
        binary("/nowhere/ffmpeg")


def test_ffmpeg_reads_no_other_file_and_no_host(tmp_path: Path) -> None:
    playlist = tmp_path / "list"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    with playlist.open("rb") as opened:
        given = Input(opened.fileno(), Container.MP4)
        argv = compiled(binary(), given, [(str(tmp_path / "out.mp4"), ["v:0"], {"f": "mp4"})])
        assert "-protocol_whitelist" in argv
        with pytest.raises(MediaFailed):
            render(argv, given, tmp_path, limits=Limits(wall=30, cpu=20, file_size=10_000))


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(factory.make(factory.CFR))
    with (tmp_path / "clip").open("rb") as opened:
        given = Input(opened.fileno(), Container.MP4)
        argv = compiled(binary(), given, [(str(tmp_path / "out.mp4"), ["v:0"], {"f": "mp4", "c:v": "libx264"})])
        argv[argv.index("-max_pixels") + 1] = "1000"
        with pytest.raises(MediaFailed):
            render(argv, given, tmp_path, limits=Limits(wall=30, cpu=20, memory=2 * 1024**3, file_size=10**6))
