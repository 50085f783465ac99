"""A recording whose index was never written: what is saved, with whose help, and what is said when nothing can be."""

import io
from pathlib import Path

import av
import pytest

from tests import media_factory as factory
from transcode.packager_source import BytesSource
from transcode.recovery import description_of, has_no_index, make_recovered_proxy, parameter_sets, recover
from transcode.trouble import MediaFailed


@pytest.mark.parametrize(
    "recipe", [factory.CFR, factory.AAC_SOUND, factory.VFR_B_FRAMES], ids=["picture only", "with sound", "B-frames"]
)
def test_pictures_come_back_with_the_help_of_another_recording(recipe: factory.Recipe, tmp_path: Path) -> None:
    whole = factory.make(recipe)
    broken = BytesSource(factory.truncated(whole, 0.6))
    assert has_no_index(broken)
    saved = recover(broken, tmp_path, description=description_of(BytesSource(whole)))
    made = make_recovered_proxy(saved, tmp_path)
    with av.open(str(made.path)) as container:
        numbers = [factory.number_in(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    assert numbers == sorted(numbers)
    assert numbers[:10] == list(range(10))
    assert len(numbers) > 25
    assert "another recording of the same camera" in saved.words
    assert "times of the frames" in str(made.inexact)


def test_a_camera_that_repeats_its_description_needs_no_help(tmp_path: Path) -> None:
    recipe = factory.Recipe(container="mpegts")  # transport streams repeat it before every key picture
    with av.open(io.BytesIO(factory.make(recipe))) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    from transcode.packager_segment import lengths_of_annex_b

    footage = b"".join(lengths_of_annex_b(packet) for packet in packets)
    broken = b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00" + b"\x00\x00\x00\x00mdat" + footage
    saved = recover(BytesSource(broken), tmp_path)
    assert saved.pictures == 75
    assert "its own description" in saved.words


def test_without_a_description_it_is_said_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(MediaFailed, match="whole recording of the same camera"):
        recover(BytesSource(factory.truncated(factory.make(factory.CFR))), tmp_path)


def test_a_file_without_footage_is_not_recovered(tmp_path: Path) -> None:
    with pytest.raises(MediaFailed, match="no footage"):
        recover(BytesSource(b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00"), tmp_path)


def test_noise_gives_no_pictures(tmp_path: Path) -> None:
    noise = b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00" + b"\x00\x00\x00\x00mdat" + bytes(range(256)) * 40
    with pytest.raises(MediaFailed, match="no pictures"):
        recover(BytesSource(noise), tmp_path, description=description_of(BytesSource(factory.make(factory.CFR))))


def test_a_whole_recording_has_its_index() -> None:
    assert not has_no_index(BytesSource(factory.make(factory.CFR)))


def test_a_malformed_description_is_refused() -> None:
    with pytest.raises(MediaFailed):
        parameter_sets(b"\x01\x64\x00\x28\xff\xe1\x00")
