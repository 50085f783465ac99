"""The pure parts: what a file is by its first bytes, boxes, playlists, frame tables and profiles."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import media_factory as factory
from transcode.frames import FrameTable, NotAFrameTable, same_times
from transcode.packager_boxes import Sample, Track, box, codecs_of, fragment, fragments_of, init_tracks, walk
from transcode.packager_media import Shown
from transcode.packager_playlist import Layout, master_playlist, media_playlist
from transcode.packager_segment import lengths_of_annex_b
from transcode.profiles import ALL, PROXY
from transcode.sniff import Container, boxes, container_of, looks_like_text, mp4_damage

TIMES = st.lists(st.integers(1, 10**6), max_size=50)


@given(TIMES, st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_a_frame_table_reads_back(steps: list[int], first: int, scale: int) -> None:
    pts = [first + sum(steps[:n]) for n in range(len(steps) + 1)]
    table = FrameTable.of(scale, reversed(pts), last=5, width=2, height=4, rotation=90)
    assert FrameTable.from_json(table.to_json()) == table
    assert list(table.pts) == pts


@given(TIMES, st.integers(1, 20), st.integers(-1000, 1000))
def test_tables_in_other_ticks_and_with_another_origin_are_the_same(steps: list[int], times: int, shift: int) -> None:
    one = FrameTable.of(1000, _sums(steps), last=1, width=1, height=1)
    other = FrameTable.of(1000 * times, [shift + times * t for t in _sums(steps)], last=1, width=1, height=1)
    assert same_times(one, other) is None


def _sums(steps: list[int]) -> list[int]:
    return [sum(steps[:n]) for n in range(len(steps) + 1)]


def test_the_first_difference_between_tables_is_named() -> None:
    one = FrameTable.of(1000, [0, 40, 80], last=40, width=1, height=1)
    assert same_times(one, FrameTable.of(1000, [0, 40], last=40, width=1, height=1)) == "3 frames against 2"
    assert "frame 1" in str(same_times(one, FrameTable.of(1000, [0, 41, 80], last=40, width=1, height=1)))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"version":2}', b'{"version":1,"pts":["x"]}'])
def test_what_is_no_frame_table_is_refused(data: bytes) -> None:
    with pytest.raises(NotAFrameTable):
        FrameTable.from_json(data)


def test_a_recording_without_frames_has_no_table() -> None:
    with pytest.raises(NotAFrameTable):
        FrameTable.of(1000, [], last=1, width=1, height=1)


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\x00\x00\x00\x18ftypisom", Container.MP4),
        (b"\x00\x00\x00\x08wide\x00\x00", Container.MP4),
        (b"RIFF\x00\x00\x00\x00AVI LIST", Container.AVI),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", Container.WAV),
        (b"\x1a\x45\xdf\xa3", Container.MATROSKA),
        ((b"\x47" + bytes(187)) * 8, Container.MPEG_TS),
        (b"#EXTM3U\n", None),
        (b"\x47" + bytes(100), None),
        (b"", None),
    ],
)
def test_a_container_is_known_by_its_bytes(head: bytes, container: Container | None) -> None:
    assert container_of(head) is container


def test_text_is_told_from_noise() -> None:
    assert looks_like_text("Ein Bericht über nichts.\n".encode() * 5)
    assert not looks_like_text(bytes(range(256)))


@given(st.binary(max_size=300))
def test_boxes_of_any_bytes_end(data: bytes) -> None:
    assert len(list(boxes(len(data), lambda at, n: data[at : at + n]))) <= 40
    list(walk(data))
    init_tracks(data)


def test_what_is_missing_from_an_mp4_is_said() -> None:
    whole = factory.index_first(factory.make(factory.CFR))
    for data, words in ((whole, None), (whole[:-100], "100 bytes are missing"), (whole[:50], "missing")):
        found = mp4_damage(len(data), lambda at, n, data=data: data[at : at + n])
        assert (found is None) if words is None else words in str(found)


def test_a_fragment_reads_back() -> None:
    video = Track(1, 9000, [Sample(b"abc", 10), Sample(b"de", 20, -5, key=False)])
    data = box(b"ftyp", b"iso6") + fragment(7, [video, Track(2, 5, []), Track(3, 1, [Sample(b"s", 1024)])])
    assert data.endswith(b"abcdes")
    assert fragments_of(data, 1) == (12, [fragments_of(data, 1)[1][0]])
    assert fragments_of(data, 1)[1][0].start == 9000
    assert [kind for kind, _, _ in walk(data)].count(b"traf") == 2


def test_start_codes_become_lengths_and_delimiters_go() -> None:
    data = b"\x00\x00\x00\x01\x09\xf0\x00\x00\x00\x01\x67abc\x00\x00\x01\x65def"
    assert lengths_of_annex_b(data) == b"\x00\x00\x00\x04\x67abc\x00\x00\x00\x04\x65def"


def test_codecs_are_named_by_their_description() -> None:
    assert codecs_of(b"....avcC\x01\x64\x00\x28") == "avc1.640028"


@given(st.lists(st.integers(1, 900_000), min_size=1, max_size=30))
def test_a_playlist_has_every_segment_and_a_target_above_all(steps: list[int]) -> None:
    marks = _sums(steps)
    lines = media_playlist(Layout(90_000, marks[:-1], marks[-1], "avc1.42001e", 2, 2, 1)).splitlines()
    lengths = [float(line[8:-1]) for line in lines if line.startswith("#EXTINF:")]
    target = int(next(line for line in lines if "TARGETDURATION" in line).split(":")[1])
    assert len(lengths) == len(steps)
    assert all(length <= target for length in lengths)
    assert sum(lengths) == pytest.approx(marks[-1] / 90_000, abs=1e-4)


def test_a_master_has_one_variant() -> None:
    assert master_playlist(Layout(1, [0], 1, "avc1.42001e", 2, 2, 0)).count("#EXT-X-STREAM-INF") == 1


def test_the_picture_as_shown_is_upright_with_square_pixels() -> None:
    assert Shown.of(720, 576, Fraction(16, 15), 0) == Shown(768, 576, 0)
    assert Shown.of(720, 576, Fraction(1), 90) == Shown(576, 720, 90)


def test_a_profile_is_recorded_the_same_way_each_time() -> None:
    record = PROXY.record({"ffmpeg": "9", "av": "18"})
    assert json.dumps(record) == json.dumps(PROXY.record({"av": "18", "ffmpeg": "9"}))
    assert all(profile.name.rsplit("-", 1)[1].isdigit() for profile in ALL.values())
