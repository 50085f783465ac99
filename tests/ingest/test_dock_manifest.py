"""A manifest has one text, and only the dock that it names can have signed it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.keys import FileSigner
from evidence.digest import Digest
from evidence.errors import BadInput
from ingest.manifest import Manifest, ManifestForged, NotAManifest, sign, verify
from ingest.names import MAX_NAME, NameRefused, checked_name, label_of

MANIFEST = Manifest(
    dock="dok_" + "0" * 32, docking="dkg_" + "1" * 32, camera="BWC-00412", officer="4711", name="DCIM/0001.mp4",
    size=7, digest=Digest.of(b"footage"), kind="clip", taken_at="2026-11-22T22:10:00.000000Z",
)  # fmt: skip


def changed(**members: object) -> str:
    value = {**json.loads(MANIFEST.canonical()), **members}
    return json.dumps({k: v for k, v in value.items() if v is not None}, sort_keys=True, separators=(",", ":"))


def test_a_manifest_reads_back_as_it_was_written() -> None:
    assert Manifest.parse(MANIFEST.canonical()) == MANIFEST


def test_what_is_not_known_is_left_out_and_what_is_known_stands_beside_the_camera_s_time() -> None:
    assert "camera_time" not in MANIFEST.canonical()
    told = Manifest.parse(changed(camera_time="1970-01-01T00:00:00.000000Z", clock_offset_ms=-1200))
    assert (told.camera_time, told.clock_offset_ms) == ("1970-01-01T00:00:00.000000Z", -1200)


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "\ud800", changed(v=2), changed(size="7"), changed(size=-1), changed(size=True),
        changed(digest="sha256:00"), changed(dock="dok_1"), changed(docking=None), changed(kind="film"),
        changed(taken_at="2026-11-22"), changed(taken_at="2026-11-22T22:10:00Z"), changed(more="than it should"),
        changed(name="../x.mp4"), changed(camera="x" * 121), changed(officer="x" * 41), changed(clock_offset_ms="1"),
        MANIFEST.canonical() + " ", changed(camera="y" * 9000), json.dumps(json.loads(MANIFEST.canonical()), indent=1),
    ],
)  # fmt: skip
def test_what_is_not_a_manifest_to_the_byte_is_refused_with_words(text: str) -> None:
    with pytest.raises(NotAManifest, match=r"\w+ \w+"):
        Manifest.parse(text)


def test_a_signature_holds_for_its_text_and_its_key_alone() -> None:
    dock, other = FileSigner.generate(), FileSigner.generate()
    text = MANIFEST.canonical()
    signature = sign(dock, text)
    verify(dock.public_key.hex(), text, signature)
    for key, what, by in (
        (other.public_key.hex(), text, signature),
        (dock.public_key.hex(), text + " ", signature),
        (dock.public_key.hex(), text, sign(other, text)),
        (dock.public_key.hex(), text, "00"),
        ("zz", text, signature),
    ):
        with pytest.raises(ManifestForged):
            verify(key, what, by)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../clip.mp4", "a/../../b", "a//b", "./a", "a/.", "a\0b", "a\nb", "x" * (MAX_NAME + 1),
     "clip\u202e4pm.exe", "a\u2028b", "\ud800", "\x9b31m"],
)  # fmt: skip
def test_a_name_that_travels_paths_or_hides_something_is_refused(name: str) -> None:
    with pytest.raises(NameRefused):
        checked_name(name)


@pytest.mark.parametrize(
    "name", ["DCIM/100/0001.MP4", "Überfall Straße.mp4", "עדות.mov", "証拠 1.mp4", "a..b/c...mp4", "👮‍♀️.mp4"]
)
def test_a_name_in_any_script_is_kept_as_it_is(name: str) -> None:
    assert checked_name(label_of(name.encode())) == name


PARTS = st.binary(min_size=1, max_size=60).filter(
    lambda part: b"/" not in part and b"\0" not in part and part.strip(b".") != b""
)
PATHS = st.lists(PARTS, min_size=1, max_size=12).map(b"/".join)


@given(PATHS)
def test_every_path_of_a_file_system_has_a_label_that_the_server_takes(path: bytes) -> None:
    assert checked_name(label_of(path))


@given(PATHS, PATHS)
def test_two_paths_never_share_a_label(one: bytes, other: bytes) -> None:
    assert (one == other) == (label_of(one) == label_of(other))


def test_a_refused_name_is_bad_input_with_advice() -> None:
    assert issubclass(NameRefused, BadInput)
    assert NameRefused.advice.endswith(".")
