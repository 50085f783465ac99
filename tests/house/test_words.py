"""The project speaks of itself alone: no paths of a machine, no registry's host, no secret, no unfinished business."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "a path of some machine": re.compile(r"/(?:wor" r"k|hom" r"e|roo" r"t|far" r"m)/[a-z]"),
    "a package registry's host": re.compile(
        r"pyp" r"i\.org|pythonhos" r"ted\.org|npmj" r"s\.(?:org|com)|deb\.deb" r"ian\.org"
    ),
    "unfinished business": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b|NotImplemented" r"Error"),
    "a private key": re.compile(r"BEGIN (?:EC |RSA |)PRIV" r"ATE KEY"),
}
BINARY = {".mp4", ".mov", ".png", ".jpg", ".ico", ".woff2", ".zip", ".flac", ".onnx"}


def tracked() -> list[Path]:
    names = (
        subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    )
    return [ROOT / name for name in names if name and Path(name).suffix not in BINARY and "static/dist" not in name]


def test_no_tracked_file_names_what_does_not_belong_to_the_project() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {what}: {hit[0]}"
        for path in tracked()
        if path.is_file()
        for what, pattern in FORBIDDEN.items()
        for hit in pattern.finditer(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found, "\n".join(found)
