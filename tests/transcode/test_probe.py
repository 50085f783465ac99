"""What a recording is found to be, and the words for what it is not."""

from pathlib import Path

import pytest

from tests import media_factory as factory
from transcode.packager_source import BytesSource, LocalFile
from transcode.probe import Health, Probe, probe

MEDIA = Path(__file__).parent.parent / "media"


def probed(recipe: factory.Recipe) -> Probe:
    return probe(BytesSource(factory.make(recipe)))


def test_a_sound_recording_is_described() -> None:
    found = probed(factory.AAC_SOUND)
    assert (found.health, found.reasons, found.container, found.playable) == (Health.WHOLE, (), "mp4", True)
    assert found.picture is not None
    assert (found.picture.codec, found.picture.frames, found.picture.duration) == ("h264", 75, pytest.approx(3.0))
    assert (found.picture.shown_width, found.picture.shown_height, found.picture.even) == (320, 240, True)
    assert found.sound is not None
    assert (found.sound.codec, found.sound.rate) == ("aac", 48000)


def test_uneven_frame_times_are_noticed() -> None:
    found = probed(factory.VFR_GAP)
    assert found.picture is not None
    assert not found.picture.even
    assert not found.has_sound


@pytest.mark.parametrize(
    ("recipe", "codec", "container"),
    [
        (factory.HEVC, "hevc", "mp4"),
        (factory.MPEG4, "mpeg4", "mp4"),
        (factory.MJPEG, "mjpeg", "avi"),
        (factory.MP3_MKV, "h264", "matroska"),
        (factory.TS, "h264", "mpeg-ts"),
    ],
)
def test_codecs_and_containers_are_told(recipe: factory.Recipe, codec: str, container: str) -> None:
    found = probed(recipe)
    assert found.picture is not None
    assert (found.picture.codec, found.container, found.playable) == (codec, container, codec == "h264")
    assert (found.why_not_playable is None) == found.playable


def test_a_rotated_recording_is_shown_upright() -> None:
    found = probe(LocalFile(MEDIA / "decord_rot_90.mov"))
    assert found.picture is not None
    assert (found.picture.rotation, found.picture.shown_width, found.picture.shown_height) == (90, 320, 568)


def test_what_the_camera_wrote_about_itself_is_kept() -> None:
    found = probe(LocalFile(MEDIA / "gopro_max_walk_gps_848x480.mp4"))
    assert found.creation_time == "2019-11-18T15:45:32.000000Z"
    assert dict(found.tags)["firmware"] == "H19.03.01.30.00"
    assert "GoPro MET" in {stream.name for stream in found.streams}


@pytest.mark.parametrize(
    ("data", "health", "words"),
    [
        (b"", Health.EMPTY, "empty"),
        (b"Not a film at all, just words.\n" * 30, Health.NOT_MEDIA, "text"),
        (bytes(range(256)) * 8, Health.NOT_MEDIA, "not known here"),
        (factory.truncated(factory.make(factory.CFR)), Health.DAMAGED, "index at the end was never written"),
    ],
    ids=["empty", "text", "noise", "no index"],
)
def test_what_is_no_recording_is_said_in_words(data: bytes, health: Health, words: str) -> None:
    found = probe(BytesSource(data))
    assert found.health is health
    assert words in " ".join(found.reasons)
    assert not found.playable


def test_a_recording_cut_short_plays_up_to_the_cut() -> None:
    found = probe(BytesSource(factory.truncated(factory.index_first(factory.make(factory.CFR)), 0.7)))
    assert (found.health, found.playable) == (Health.CUT_SHORT, True)
    assert "cut off" in found.reasons[0]
    assert found.picture is not None
    assert 30 < found.picture.frames < 75


def test_a_playlist_in_disguise_reaches_no_other_file() -> None:
    found = probe(BytesSource(b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"))
    assert found.health is Health.NOT_MEDIA
