"""The stored original as HLS: every frame at its own time, with the right picture, from a file and a remote store."""

import io
import json
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from evidence.errors import NotFound
from evidence.objectstore import MemoryStore
from evidence.sandbox import Limits
from tests import media_factory as factory
from transcode.frames import FrameTable
from transcode.packager import Packaged, Packager
from transcode.packager_boxes import walk
from transcode.packager_source import BytesSource, LocalFile, StoredObject
from transcode.trouble import MediaFailed, NotPlayable, PackagerBusy
from transcode.wire import MediaChild

MEDIA = Path(__file__).parent.parent / "media"


@pytest.fixture(scope="module")
def packager() -> Iterator[Packager]:
    made = Packager(limit=4, idle=60, warm=1)
    yield made
    made.close()


def whole(packaged: Packaged) -> bytes:
    return packaged.init() + b"".join(packaged.segment(n) for n in range(packaged.segments))


def pictures(data: bytes) -> list[tuple[Fraction, int]]:
    """Time since the first frame, and the number burned into it, of every decoded frame."""
    with av.open(io.BytesIO(data)) as container:
        frames = [(f.pts * f.time_base, f.to_ndarray(format="gray")) for f in container.decode(video=0)]
    return [(time - frames[0][0], factory.number_in(picture)) for time, picture in frames]


@pytest.mark.parametrize("remote", [False, True], ids=["file", "remote"])
@pytest.mark.parametrize(
    "recipe",
    [factory.CFR, factory.VFR_GAP, factory.B_FRAMES, factory.VFR_B_FRAMES, factory.TS, factory.ADPCM_AVI],
    ids=["constant rate", "uneven with a gap", "B-frames", "uneven with B-frames", "transport stream", "AVI"],
)
def test_every_frame_plays_at_its_own_time(
    packager: Packager, recipe: factory.Recipe, remote: bool, tmp_path: Path
) -> None:
    data = factory.make(recipe)
    (tmp_path / "clip").write_bytes(data)
    source = BytesSource(data) if remote else LocalFile(tmp_path / "clip")
    packaged = packager.original(f"{recipe}{remote}", source)
    expected = [(Fraction(time, factory.TICKS), number) for number, time in enumerate(recipe.times)]
    assert pictures(whole(packaged)) == expected
    table = FrameTable.from_json(packaged.frame_table())
    assert [Fraction(pts - table.pts[0], table.timescale) for pts in table.pts] == [row[0] for row in expected]


@pytest.mark.parametrize("recipe", [factory.VFR_B_FRAMES, factory.TS, factory.MP3_MKV], ids=["MP4", "TS", "MKV"])
def test_every_picture_lasts_until_the_next_one_that_is_shown(packager: Packager, recipe: factory.Recipe) -> None:
    data = whole(packager.original(f"lasting {recipe}", BytesSource(factory.make(recipe))))
    with av.open(io.BytesIO(data)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = sorted((packet.pts, packet.duration) for packet in packets)
    assert [pts + duration for pts, duration in shown[:-1]] == [pts for pts, _ in shown[1:]]


def test_the_index_at_the_front_plays_alike(packager: Packager) -> None:
    data = factory.make(factory.B_FRAMES)
    first, last = (
        packager.original(f"place {n}", BytesSource(d)) for n, d in enumerate((factory.index_first(data), data))
    )
    assert pictures(whole(first)) == pictures(whole(last))


def test_the_playlist_adds_up_to_the_times_in_the_boxes(packager: Packager) -> None:
    packaged = packager.original("sums", BytesSource(factory.make(factory.VFR_B_FRAMES)))
    lengths = [float(line[8:-1]) for line in packaged.playlist().splitlines() if line.startswith("#EXTINF:")]
    starts = [_video_start(packaged.segment(n)) for n in range(packaged.segments)]
    scale = FrameTable.from_json(packaged.frame_table()).timescale
    for number, start in enumerate(starts):
        assert sum(lengths[:number]) == pytest.approx(start / scale, abs=1e-5)
    assert starts[0] == 0


def _video_start(segment: bytes) -> int:
    return next(int.from_bytes(segment[at + 4 : at + 12], "big") for kind, at, _ in walk(segment) if kind == b"tfdt")


def test_every_segment_begins_with_a_key_picture_and_decodes_alone(packager: Packager) -> None:
    packaged = packager.original("alone", BytesSource(factory.make(factory.B_FRAMES)))
    assert packaged.segments == 2
    numbers = [[n for _, n in pictures(packaged.init() + packaged.segment(i))] for i in range(packaged.segments)]
    assert [*numbers[0], *numbers[1]] == list(range(75))


def test_the_master_names_codecs_and_size(packager: Packager) -> None:
    packaged = packager.original("master", BytesSource(factory.make(factory.AAC_SOUND)))
    master = packaged.master_playlist()
    assert 'CODECS="avc1.' in master
    assert 'mp4a.40.2"' in master
    assert "RESOLUTION=320x240" in master
    assert master.endswith("media.m3u8\n")
    assert '#EXT-X-MAP:URI="init.mp4"' in packaged.playlist()


@pytest.mark.parametrize(
    "recipe",
    [factory.AAC_SOUND, factory.ALAW_SOUND, factory.ADPCM_AVI, factory.MP3_MKV],
    ids=["AAC copied", "A-law", "ADPCM", "MP3"],
)
def test_sound_of_any_codec_stays_in_step_and_has_no_seam(packager: Packager, recipe: factory.Recipe) -> None:
    sound, rate = _sound_of(whole(packager.original(f"sound {recipe.sound}", BytesSource(factory.make(recipe)))))
    loud = np.sqrt(np.convolve(sound**2, np.ones(480) / 480, "same"))
    rise = int(np.argmax(loud > 1.5 * np.median(loud[rate // 10 : rate // 2])))
    assert rise / rate == pytest.approx(1.0, abs=0.05)  # the tone doubles after one second
    assert len(sound) / rate == pytest.approx(recipe.times[-1] / factory.TICKS, abs=0.15)
    inner = loud[rate // 5 : int(0.9 * rate)]
    assert inner.min() > 0.7 * inner.max()  # no hole where two segments meet


def _sound_of(data: bytes) -> tuple[Any, int]:
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    room = np.zeros(int(rate * 6))
    for frame in frames:
        at = round(float(frame.pts * frame.time_base) * rate)
        piece = frame.to_ndarray()[0]
        room[at : at + len(piece)] = piece
    return room[: round(float(frames[-1].pts * frames[-1].time_base) * rate) + 1024], rate


def test_a_rotation_is_told_and_kept(packager: Packager) -> None:
    packaged = packager.original("turned", BytesSource(factory.make(factory.ROTATED)))
    table = FrameTable.from_json(packaged.frame_table())
    assert (table.width, table.height, table.rotation) == (240, 320, 90)
    with av.open(io.BytesIO(whole(packaged))) as container:
        assert next(container.decode(video=0)).rotation == -90


def test_a_recording_whose_end_is_missing_plays_up_to_the_cut(packager: Packager) -> None:
    data = factory.truncated(factory.index_first(factory.make(factory.CFR)), 0.7)
    shown = pictures(whole(packager.original("cut", BytesSource(data))))
    assert [number for _, number in shown] == list(range(len(shown)))
    assert 30 < len(shown) < 75


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"Notes of the shift: nothing happened.\n" * 40, "text"),
        (factory.make(factory.HEVC), "hevc"),
        (factory.truncated(factory.make(factory.CFR)), "cannot be decoded"),
    ],
    ids=["empty", "text", "HEVC", "no index"],
)
def test_what_cannot_play_says_why(packager: Packager, data: bytes, words: str) -> None:
    with pytest.raises(NotPlayable, match=words):
        packager.original(f"not {words}", BytesSource(data)).playlist()


def test_a_recording_without_a_picture_says_so(packager: Packager) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        sound = out.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            out.mux(packet)
    with pytest.raises(NotPlayable, match="no picture"):
        packager.original("mute", BytesSource(buffer.getvalue())).init()


def test_a_segment_that_is_not_there_is_not_found(packager: Packager) -> None:
    with pytest.raises(NotFound):
        packager.original("sums", BytesSource(b"")).segment(99)


def test_a_stored_object_is_a_source() -> None:
    store = MemoryStore()
    store.put_once("received/one", b"0123456789")
    source = StoredObject(store, "received/one")
    assert (source.size, source.read(3, 4), source.open_file()) == (10, b"3456", None)
    with pytest.raises(NotFound):
        StoredObject(store, "received/two")


def test_forty_viewers_of_one_recording_share_one_child() -> None:
    packager = Packager(limit=1, warm=0)
    source = BytesSource(factory.make(factory.CFR))
    seen: list[bytes] = []

    def view() -> None:
        packaged = packager.original("one", source)
        seen.append(packaged.init() + packaged.segment(0))

    viewers = [threading.Thread(target=view) for _ in range(40)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    packager.close()
    assert len(seen) == 40
    assert len(set(seen)) == 1


def test_the_least_recent_recording_gives_way_and_comes_back() -> None:
    packager = Packager(limit=1, warm=0)
    one, two = (packager.original(str(n), BytesSource(factory.make(factory.CFR))) for n in (1, 2))
    first = one.segment(0)
    assert two.segment(0) == first
    assert pictures(one.init() + one.segment(1))[0][1] > 0
    packager.close()


def test_an_idle_recording_lets_its_child_go() -> None:
    packager = Packager(limit=2, idle=0.3, warm=0)
    packaged = packager.original("idle", BytesSource(factory.make(factory.CFR)))
    packaged.init()
    deadline = time.monotonic() + 20
    while packaged.holds_child and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.05)
    assert not packaged.holds_child  # type: ignore[attr-defined]
    packager.close()


class _Stalled(BytesSource):
    """A source that does not answer until it is let."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked, self.go = threading.Event(), threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        self.asked.set()
        self.go.wait(30)
        return super().read(offset, length)


def test_more_at_once_than_the_limit_are_told_to_wait() -> None:
    packager = Packager(limit=1, warm=0)
    data = factory.make(factory.CFR)
    stalled = _Stalled(data)
    watching = threading.Thread(target=packager.original("busy", stalled).init)
    watching.start()
    assert stalled.asked.wait(30)
    with pytest.raises(PackagerBusy):
        packager.original("other", BytesSource(data)).init()
    stalled.go.set()
    watching.join()
    packager.close()


class _Slow(BytesSource):
    def read(self, offset: int, length: int) -> bytes:
        time.sleep(3)
        return super().read(offset, length)


def test_a_child_that_hangs_is_ended_with_a_reason() -> None:
    child = MediaChild("transcode.packager_child", limits=Limits())
    child.open(_Slow(factory.make(factory.CFR)))
    with pytest.raises(MediaFailed, match="longer than"):
        child.ask({"ask": "open"}, seconds=0.5)
    assert not child.alive


def test_a_child_that_dies_is_replaced() -> None:
    packager = Packager(limit=1, warm=1)
    packaged = packager.original("dies", BytesSource(factory.make(factory.CFR)))
    packaged.init()
    packaged.release()  # type: ignore[attr-defined]
    assert pictures(packaged.init() + packaged.segment(0))[0][1] == 0
    packager.close()


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes_give_an_answer_and_harm_nothing(packager: Packager, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = bytearray(factory.make(factory.VFR_B_FRAMES))
    for at in random.integers(0, len(data), 60):
        data[at] = random.integers(0, 256)
    try:
        packaged = packager.original(f"damaged {seed}", BytesSource(bytes(data)))
        assert packaged.segments >= 1
        json.loads(packaged.frame_table())
        whole(packaged)
    except (NotPlayable, MediaFailed):
        return  # an answer with a reason; anything else would fail here


def test_real_footage_with_telemetry_plays(packager: Packager) -> None:
    packaged = packager.original("gopro", LocalFile(MEDIA / "gopro_max_walk_gps_848x480.mp4"))
    with av.open(io.BytesIO(whole(packaged))) as container:
        assert sum(1 for _ in container.decode(video=0)) == 315
        assert [stream.type for stream in container.streams] == ["video", "audio"]
