"""How the camera moved from one frame to the next: a similarity transform found from points in the picture.

A body-worn camera swings with every step, so a face that stands still in the world crosses half the picture in a few
frames. Boxes are compared and filled in after the camera's own movement is taken out.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Transform = NDArray[np.float64]  # 2 x 3: where a point of the earlier frame is found in the later one, in full pixels
STILL: Transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_WIDTH = 384  # pixels that are enough to follow the camera
_POINTS, _LEAST_POINTS = 160, 12


class CameraMotion:
    """Follows the camera through consecutive frames."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None

    def step(self, grey: NDArray[np.uint8]) -> Transform:
        """The transform from the frame before to this one (luma, any size); no movement where none can be found."""
        scale = min(1.0, _WIDTH / grey.shape[1])
        small = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        before, self._before = self._before, small
        if before is None or before.shape != small.shape:
            return STILL
        found = _similarity(before, small)
        if found is None:
            return STILL
        found[:, 2] /= scale
        return found


def _similarity(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Transform | None:
    points = cv2.goodFeaturesToTrack(before, _POINTS, 0.01, 8)
    if points is None or len(points) < _LEAST_POINTS:
        return None
    guess = np.empty_like(points)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, points, guess, winSize=(15, 15), maxLevel=4)
    good = status.ravel() == 1
    if int(good.sum()) < _LEAST_POINTS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(points[good], moved[good], ransacReprojThreshold=2.0)
    if matrix is None or int(inliers.sum()) < _LEAST_POINTS // 2:
        return None
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    return np.asarray(matrix, np.float64) if 0.7 < zoom < 1.4 else None


def inverse(transform: Transform) -> Transform:
    """The way back."""
    return np.asarray(cv2.invertAffineTransform(transform), np.float64)


def warped(box: NDArray[np.float64], transform: Transform) -> NDArray[np.float64]:
    """A box (left, top, right, bottom) carried along: its middle moves, its sides zoom, it does not turn."""
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 1.0])
    zoom = float(np.hypot(transform[0, 0], transform[1, 0]))
    half = np.array([box[2] - box[0], box[3] - box[1]]) / 2 * zoom
    x, y = transform @ middle
    return np.array([x - half[0], y - half[1], x + half[0], y + half[1]])
