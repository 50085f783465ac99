"""The plan as a document: the same bytes again, a digest, and no nonsense let in."""

import json

import pytest

from evidence.digest import Digest
from transcode.redaction.plan import Box, NotAPlan, Plan, Reason, State, Track

BOXES = tuple(Box(n, n * 40 + 1000, 0.1, 0.2, 0.30004, 0.4, 0.87654, Reason.DETECTED) for n in range(5, 9))
PLAN = Plan(Digest.of(b"x"), 1000, 20, 1280, 720, (Track("face-1", "face", BOXES),), first_pts=1000)


def test_a_plan_reads_back_to_the_same_bytes() -> None:
    again = Plan.from_json(PLAN.to_json())
    assert again.to_json() == PLAN.to_json()
    assert again.digest == PLAN.digest == Digest.of(PLAN.to_json())
    assert again.state is State.SUGGESTION


def test_the_bytes_are_canonical() -> None:
    told = PLAN.to_json()
    assert told == json.dumps(json.loads(told), sort_keys=True, separators=(",", ":")).encode()


def test_any_change_changes_the_digest() -> None:
    other = Plan.from_json(PLAN.to_json().replace(b'"suggestion"', b'"approved"'))
    assert other.state is State.APPROVED
    assert other.digest != PLAN.digest


def test_ranges_count_from_the_first_frame() -> None:
    (found,) = PLAN.ranges()
    assert (found.id, found.kind, found.start, found.end) == ("face-1", "face", 0.2, 0.32)


def test_a_frame_knows_what_hides_it() -> None:
    assert [box.frame for box in PLAN.at(6)] == [6]
    assert PLAN.at(4) == ()


def test_a_track_knows_its_bare_frames() -> None:
    assert PLAN.tracks[0].bare_frames() == []
    assert Track("face-2", "face", (BOXES[0], BOXES[3])).bare_frames() == [6, 7]
    assert PLAN.tracks[0].share_detected == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        PLAN.to_json().replace(b'"version":1', b'"version":2'),
        PLAN.to_json().replace(b"0.4", b"1.4"),
        PLAN.to_json().replace(b'"detected"', b'"dreamt"'),
        PLAN.to_json().replace(b"sha256:", b"md5:"),
    ],
    ids=["nothing", "a list", "empty", "version", "outside", "reason", "digest"],
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(NotAPlan):
        Plan.from_json(data)
