"""Time to court (T1, T2) and link to first frame (P1): the real program, a real dock, a browser where there is one.

T1 compares a recording's way from the dock seeing it to its first segment at the court with ``cp`` and SHA-256 of the
same file, one after the other, in the same minutes. The link is issued the moment the exhibit exists, which the mark
would allow to have happened before.
"""

import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from benchmarks.harness import Report, median
from dockline.court import Court
from evidence.ground import Ground, open_ground
from evidence.models import Exhibit, Recording
from evidence.settings import load_settings
from portal import links
from portal.docks import issue_enrolment_code
from portal.people import create_person
from tests.media_factory import repeated

CLIP = Path(__file__).resolve().parents[1] / "dockline" / "footage" / "BWC7_20261121_213204_0001.mp4"
CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def main(full: bool = False) -> None:
    report = Report("court")
    size = 1024 if full else 256
    with tempfile.TemporaryDirectory() as folder, _installation(Path(folder)) as ground:
        officer = create_person(
            ground, name="Jane Anne Smith", email="jane@force.example", role="officer",
            password="violet lantern harbour", totp_secret="JBSWY3DPEHPK3PXP", collar="4711",
        )  # fmt: skip
        code = issue_enrolment_code(ground, "Bench", "")
        _large(report, ground, officer, Path(folder), code, size)
        address, digits = _small(report, ground, officer, Path(folder))
        _browser(report, address, digits)
    report.write()


def _large(report: Report, ground: Ground, officer: str, folder: Path, code: str, size: int) -> None:
    ratios: list[float] = []
    for number in range(3):
        camera = folder / f"camera-{number}"
        camera.mkdir()
        source = repeated(CLIP, camera / f"BWC7_2026112{number}_213204_0001.mp4", size * 2**20 + number * 100_000)
        plain = _cp_and_hash(source, folder / "copy.mp4")
        court = _to_court(ground, officer, folder, camera, code if number == 0 else "", source)
        ratios.append((court - 1) / plain)
        report.raw[f"T1 round {number}"] = {"cp and sha256": plain, "dock to court": court}
        source.unlink()
    value = median(ratios)
    report.add(
        "T1", f"{size} MiB: (dock to court - 1 s) / (cp, then SHA-256)", value, "x", wanted="<= 1.5", met=value <= 1.5
    )


def _small(report: Report, ground: Ground, officer: str, folder: Path) -> tuple[str, str]:
    times: list[float] = []
    for number in range(3):
        camera = folder / f"small-{number}"
        camera.mkdir()
        source = repeated(CLIP, camera / f"BWC7_2026111{number}_213204_0001.mp4", 20 * 10**6 + number * 50_000)
        times.append(_to_court(ground, officer, folder, camera, "", source))
    report.add(
        "T2", "20 MB clip, dock to first segment at court", median(times), "s", wanted="< 2", met=median(times) < 2
    )
    with ground.database.read() as session:
        newest = session.scalars(select(Exhibit).order_by(Exhibit.number.desc()).limit(1)).one()
    shared = _share(ground, newest.id, officer)
    return shared.address, shared.code.digits


def _browser(report: Report, address: str, digits: str) -> None:
    if CHROMIUM is None:
        print("no Chromium here: P1 not measured")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("button", name=re.compile("continue", re.I)).first.click()
        page.fill("[name=code]", digits)
        times = []
        began = time.monotonic()
        page.get_by_role("button", name=re.compile("continue", re.I)).first.click()
        for _ in range(4):
            page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=60_000)
            times.append(time.monotonic() - began)
            began = time.monotonic()
            page.reload()
        browser.close()
    report.add("P1", "link's page to first frame in Chromium, first", times[0], "s", wanted="< 1.5", met=times[0] < 1.5)
    warm = median(times[1:])
    report.add("P1", "the same, again", warm, "s", wanted="< 0.7", met=warm < 0.7)


def _to_court(ground: Ground, officer: str, folder: Path, camera: Path, code: str, source: Path) -> float:
    """Seconds from the dock seeing the file to the first segment in the court's hands."""
    reference = f"21AB{random.randrange(10**7):07}"
    command = [
        sys.executable, "-m", "dockline", "dock", "--watch", str(camera), "--server", ground.settings.address,
        "--state", str(folder / "dock"), "--camera", "BWC7", "--officer", "4711", "--reference", reference, "--once",
        *(["--enrol", code] if code else []),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as dock:
        recording, exhibit = _await_exhibit(ground, source.name, dock)
        shared = _share(ground, exhibit, officer)
        court = Court(shared.address)
        court.play(court.open(shared.code.digits), whole=False)
        seconds = (datetime.now(UTC) - recording.docked_at).total_seconds()
        court.close()
        dock.wait()
    return seconds


def _await_exhibit(ground: Ground, name: str, dock: "subprocess.Popen[str]") -> tuple[Recording, str]:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with ground.database.read() as session:
            row = session.execute(
                select(Recording, Exhibit.id)
                .join(Exhibit, Exhibit.recording_id == Recording.id)
                .where(Recording.name.endswith(name), Recording.viewable_at.is_not(None))
            ).first()
        if row is not None:
            return row[0], row[1]
        if dock.poll() not in {None, 0}:
            raise RuntimeError(dock.stderr.read() if dock.stderr else "the dock failed")
        time.sleep(0.02)
    raise RuntimeError("the exhibit never came")


def _share(ground: Ground, exhibit: str, officer: str) -> links.Shared:
    expires = ground.clock.now() + timedelta(days=1)
    terms = links.Terms(recipient="Court", purpose="Benchmark", expires_at=expires)
    return links.share(ground, exhibit_id=exhibit, by=officer, terms=terms)


def _cp_and_hash(source: Path, copy: Path) -> float:
    began = time.monotonic()
    subprocess.run(["cp", str(source), str(copy)], check=True)
    with copy.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    seconds = time.monotonic() - began
    copy.unlink()
    return seconds


@contextmanager
def _installation(folder: Path) -> Iterator[Ground]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    command = [sys.executable, "-m", "dockline", "up", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "Dockline is up" in line:
                break
        ground = open_ground(load_settings(data, {**os.environ, "DOCKLINE_PORT": str(port)}))
        try:
            yield ground
        finally:
            ground.database.close()
            running.terminate()
            running.wait()
