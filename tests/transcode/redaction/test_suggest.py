"""Faces in real footage: found by the model, linked, and hidden in every frame that the truth names."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from evidence.digest import Digest
from tests import media_factory as factory
from transcode.packager_source import BytesSource, LocalFile
from transcode.profiles import SUGGESTION
from transcode.redaction.detect import CenterFace, merged, overlap, weights
from transcode.redaction.onnx_rewrite import NotAModel, with_free_shapes
from transcode.redaction.plan import Plan, State
from transcode.redaction.suggest import suggest, tools
from transcode.redaction.track import Linking
from transcode.trouble import NotPlayable

MEDIA = Path(__file__).parent.parent.parent / "media"
CLIPS = ("vcam_faces_720p30", "headpose_270p_vfr", "walking_270p_vfr")


@pytest.fixture(scope="module", params=CLIPS)
def judged(request: pytest.FixtureRequest) -> tuple[Plan, dict[str, Any]]:
    source = LocalFile(MEDIA / f"{request.param}.mp4")
    told = json.loads((MEDIA / f"{request.param}.json").read_text())
    return suggest(source, Digest.of(b"clip"), seconds=10), told


def test_no_face_that_the_truth_names_is_bare(judged: tuple[Plan, dict[str, Any]]) -> None:
    plan, truth = judged
    bare = [
        (track["id"], box["frame"])
        for track in truth["tracks"]
        for box in track["boxes"]
        if box.get("visible", 1.0) >= 0.6 and not _covered(plan, box["frame"], box["xyxy"])
    ]
    assert bare == []


def _covered(plan: Plan, frame: int, face: list[float]) -> bool:
    left, top, right, bottom = (round(value) for value in face)
    room = np.zeros((bottom - top, right - left), bool)
    for box in plan.at(frame):
        x0, x1 = (round(side * plan.width) - left for side in (box.left, box.right))
        y0, y1 = (round(side * plan.height) - top for side in (box.top, box.bottom))
        room[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)] = True
    return room.size == 0 or float(room.mean()) >= 0.9


def test_no_track_of_a_suggestion_has_a_bare_frame(judged: tuple[Plan, object]) -> None:
    plan, _ = judged
    assert plan.tracks
    assert all(track.bare_frames() == [] for track in plan.tracks)


def test_a_suggestion_is_only_a_suggestion_and_says_how_it_was_made(judged: tuple[Plan, object]) -> None:
    plan, _ = judged
    assert plan.state is State.SUGGESTION
    assert plan.made_by["profile"] == SUGGESTION.name
    assert plan.made_by["tools"] == dict(sorted(tools().items()))
    assert Plan.from_json(plan.to_json()).digest == plan.digest


def test_the_profile_says_what_the_linker_does() -> None:
    how, told = Linking(), SUGGESTION.parameters
    assert (told["most_gap"], told["extend"]) == (how.most_gap, how.extend)
    assert told["keep_permille"] == how.sure * 1000
    assert (told["margin_percent"], told["margin_unseen_percent"]) == (how.margin * 100, how.unseen_margin * 100)


def test_footage_without_a_face_gives_an_empty_plan() -> None:
    plan = suggest(BytesSource(factory.make(factory.VFR_GAP)), Digest.of(b""), seconds=5)
    assert (plan.frames, plan.tracks) == (len(factory.VFR_GAP.times), ())


def test_what_is_no_recording_gets_no_plan() -> None:
    with pytest.raises(NotPlayable):
        suggest(BytesSource(b"words, words\n" * 50), Digest.of(b""), seconds=1)


def test_one_face_is_one_box_at_any_size() -> None:
    reader = cv2.VideoCapture(str(MEDIA / "vcam_faces_720p30.mp4"))
    reader.set(cv2.CAP_PROP_POS_FRAMES, 40)
    picture = np.asarray(cv2.cvtColor(reader.read()[1], cv2.COLOR_BGR2RGB), np.uint8)
    detector = CenterFace(weights().read_bytes())
    whole = detector.detect(picture)
    sure = whole[whole[:, 4] > 0.5]
    half = detector.detect(np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5), np.uint8))
    assert len(sure) >= 1
    assert all(overlap(box[:4], half[:, :4] * 2).max() > 0.6 for box in sure)


def test_boxes_that_overlap_are_one() -> None:
    rows = np.array([[0, 0, 10, 10, 0.5], [1, 1, 11, 11, 0.9], [50, 50, 60, 60, 0.3]], np.float32)
    assert [round(float(score), 1) for score in merged(rows)[:, 4]] == [0.9, 0.3]
    assert merged(np.zeros((0, 5), np.float32)).shape == (0, 5)


def test_a_model_that_is_cut_off_is_refused() -> None:
    with pytest.raises(NotAModel):
        with_free_shapes(b"\x3a\xff", "input.1", 3)
    with pytest.raises(NotAModel):
        with_free_shapes(b"\x3a\x00", "input.1", 3)
