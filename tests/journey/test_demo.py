"""The whole program, started as a user starts it: from a camera's files to a court's link that plays."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]


def demo(data: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "dockline", "demo", "--exit", "--data", str(data)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=270, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_demonstration_ends_with_a_link_that_played_and_a_ledger_that_verifies_and_does_so_twice(
    tmp_path: Path,
) -> None:
    first = demo(tmp_path / "demo")
    assert first["verified"] is True
    assert "/open#" in first["link"]
    stages = first["stages"]
    order = ["received", "stored", "safe_to_wipe", "viewable", "disclosed", "watched"]
    assert all(stages[stage] >= 0 for stage in order)
    assert stages["received"] <= stages["stored"] <= stages["viewable"] <= stages["watched"]
    again = demo(tmp_path / "demo")
    assert again["verified"] is True
    assert again["recordings"] == first["recordings"], "the same clips once more are the same recordings"
