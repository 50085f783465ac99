"""The linker: nothing bare between two sightings, whatever the camera did meanwhile."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from transcode.redaction.detect import Boxes
from transcode.redaction.motion import STILL, CameraMotion, Transform, inverse, warped
from transcode.redaction.plan import Reason
from transcode.redaction.track import Linking, Placed, link

SIZE = (1000, 800)


def boxes(*rows: tuple[float, float, float, float, float]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 5)


def pan(x: float, y: float = 0.0) -> Transform:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def covers(placed: Placed, left: float, top: float, right: float, bottom: float) -> bool:
    area = placed.area
    return bool(area[0] <= left and area[1] <= top and area[2] >= right and area[3] >= bottom)


def test_frames_between_two_sightings_are_filled() -> None:
    seen = {0: boxes((100, 100, 150, 160, 0.9)), 10: boxes((110, 100, 160, 160, 0.9))}
    (track,) = link(seen, [STILL] * 11, SIZE)
    assert sorted(track) == list(range(11))
    assert track[0].reason is Reason.DETECTED
    assert track[5].reason is Reason.FILLED
    assert covers(track[5], 105, 100, 155, 160)


def test_a_camera_that_swings_does_not_lose_a_face() -> None:
    seen = {n: boxes((900 - 40 * n, 300, 960 - 40 * n, 370, 0.9)) for n in range(0, 20, 5)}
    (track,) = link(seen, [STILL, *[pan(-40)] * 19], SIZE)
    assert all(covers(track[n], 900 - 40 * n, 300, 960 - 40 * n, 370) for n in range(16))


def test_a_face_that_runs_by_itself_is_followed() -> None:
    seen = {n: boxes((100 + 30 * n, 300, 160 + 30 * n, 370, 0.9)) for n in range(0, 20, 2)}
    tracks = link(seen, [STILL] * 20, SIZE)
    assert len(tracks) == 1
    assert all(covers(tracks[0][n], 100 + 30 * n, 300, 160 + 30 * n, 370) for n in range(19))


def test_unsure_sightings_count_before_and_after_a_sure_one() -> None:
    seen = {n: boxes((100, 100, 150, 160, 0.7 if n == 5 else 0.1)) for n in range(10)}
    (track,) = link(seen, [STILL] * 10, SIZE)
    assert track[0].reason is Reason.LINKED
    assert track[5].reason is Reason.DETECTED


def test_what_was_never_sure_is_left_out() -> None:
    assert link({n: boxes((100, 100, 150, 160, 0.1)) for n in range(10)}, [STILL] * 10, SIZE) == []


def test_both_ends_are_extended_and_grow() -> None:
    (track,) = link({20: boxes((100, 100, 150, 160, 0.9))}, [STILL] * 40, SIZE)
    assert sorted(track) == list(range(12, 29))
    assert track[12].reason is Reason.EXTENDED
    assert covers(track[12], *track[19].area)


def test_a_longer_absence_in_the_same_place_is_bridged() -> None:
    seen = {n: boxes((100, 100, 150, 160, 0.9)) for n in (*range(5), *range(30, 35))}
    (track,) = link(seen, [STILL] * 35, SIZE, Linking(most_gap=5))
    assert sorted(track) == list(range(35))


def test_two_people_who_stand_apart_are_two_tracks() -> None:
    seen = {n: boxes((100, 100, 150, 160, 0.9), (600, 100, 650, 160, 0.8)) for n in range(5)}
    assert len(link(seen, [STILL] * 5, SIZE)) == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 39),
            st.floats(0, 900),
            st.floats(0, 700),
            st.floats(8, 200),
            st.floats(0.08, 1.0),
        ),
        max_size=30,
    ),
    st.floats(-20, 20),
)
def test_no_track_has_a_bare_frame_and_no_box_leaves_the_picture(
    sightings: list[tuple[int, float, float, float, float]], swing: float
) -> None:
    seen = {frame: boxes() for frame in range(40)}
    for frame, x, y, side, score in sightings:
        seen[frame] = np.concatenate([seen[frame], boxes((x, y, x + side, y + side, score))])
    for track in link(seen, [STILL, *[pan(swing)] * 39], SIZE):
        assert sorted(track) == list(range(min(track), max(track) + 1))
        for placed in track.values():
            assert 0 <= placed.area[0] <= placed.area[2] <= SIZE[0]
            assert 0 <= placed.area[1] <= placed.area[3] <= SIZE[1]


def test_the_cameras_movement_is_found_and_can_be_undone() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (48, 64), np.uint8)
    world = np.kron(noise, np.ones((16, 16), np.uint8))
    camera = CameraMotion()
    camera.step(world[100:600, 200:900])
    found = camera.step(world[90:590, 180:880])
    assert np.allclose(found[:, 2], (20, 10), atol=1.5)
    box = np.array([10.0, 20.0, 50.0, 60.0])
    assert np.allclose(warped(warped(box, found), inverse(found)), box)


def test_a_black_picture_moves_nowhere() -> None:
    camera = CameraMotion()
    dark = np.zeros((240, 320), np.uint8)
    assert np.array_equal(camera.step(dark), STILL)
    assert np.array_equal(camera.step(dark), STILL)
