"""The journey as people make it: dock, sign in, type the reference, share a link, watch in court, step, end, verify."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect

from evidence.ground import open_ground
from evidence.settings import load_settings
from portal.people import create_person, first_setup_link
from tests.portal.numbered_film import READ_NUMBER, camera_file, constant, variable

pytestmark = [pytest.mark.journey, pytest.mark.browser, pytest.mark.timeout(280)]
PASSWORD = "violet lantern harbour"
COUNT = 200
GO = f"""
async (frame) => {{
  const player = document.querySelector("[data-module=dockline-player]").docklinePlayer;
  await player.goTo({{ frame }});
  const label = document.querySelector("[data-player=frame]").dataset.frame;
  return [({READ_NUMBER})(document.querySelector("video")), Number(label)];
}}
"""


@dataclass
class Installation:
    """A running ``dockline up``, and an officer's account in it."""

    data: Path
    address: str
    email: str
    secret: str
    set_up: str

    def dockline(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "dockline", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=self.environ)

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "DOCKLINE_DATA": str(self.data), "DOCKLINE_PORT": self.address.rsplit(":", 1)[1]}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    data = tmp_path_factory.mktemp("journey") / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dockline", "up", "--data", str(data), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        assert running.stdout is not None
        said = ""
        while "Dockline is up" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        environ = {**os.environ, "DOCKLINE_PORT": str(port)}
        ground = open_ground(load_settings(data, environ))
        secret = pyotp.random_base32()
        link = first_setup_link(ground)
        assert link is not None
        create_person(
            ground, name="Jane Anne Smith", email="jane@force.example", role="officer", password=PASSWORD,
            totp_secret=secret, collar="4711",
        )  # fmt: skip
        ground.database.close()
        yield Installation(data, f"http://127.0.0.1:{port}", "jane@force.example", secret, link)
        running.terminate()
        assert running.wait(60) == 0, "dockline up ends cleanly"


def dock(installation: Installation, camera: Path) -> dict[str, Any]:
    code = json.loads(installation.dockline("dock-code", "Dock 1", "--json").stdout)["code"]
    done = installation.dockline(
        "dock", "--server", installation.address, "--enrol", code, "--watch", str(camera),
        "--state", str(installation.data / "dock"), "--camera", "BWC7", "--officer", "4711", "--once", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def sign_in(page: Page, installation: Installation) -> None:
    page.goto(f"{installation.address}/sign-in")
    page.fill("[name=email]", installation.email)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Continue").or_(page.get_by_role("button", name="Sign in")).click()
    page.fill("[name=code]", pyotp.TOTP(installation.secret).now())
    page.get_by_role("button", name="Continue").or_(page.get_by_role("button", name="Sign in")).click()
    page.wait_for_url("**/footage")


def eventually(page: Page, path: str, text: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while True:
        page.goto(path)
        if text in page.content():
            return
        assert time.monotonic() < until, page.locator("main").inner_text()
        page.wait_for_timeout(500)


def test_from_a_camera_in_the_dock_to_frames_in_court_each_with_its_own_number(
    installation: Installation, tmp_path: Path, chromium: Browser
) -> None:
    # A camera comes back with two clips, of even and of uneven frame times; each frame shows its number.
    camera = tmp_path / "camera" / "BWC7"
    camera.mkdir(parents=True)
    films = {"BWC7_20261121_213204_0001.mp4": constant(COUNT), "BWC7_20261121_214710_0002.mp4": variable(COUNT)}
    for name, stamps in films.items():
        (camera / name).write_bytes(camera_file(stamps, b_frames=2))
    told = dock(installation, camera.parent)
    assert [file["safe_to_wipe"] for file in told["files"]] == [True, True]

    # The officer signs in and types the reference once, for both.
    officer = chromium.new_context()
    page = officer.new_page()
    sign_in(page, installation)
    for name in films:
        expect(page.get_by_text(name).first).to_be_visible()
    page.get_by_label(re.compile("reference", re.I)).first.fill("21 AB 12345 25")
    page.locator("form", has=page.locator("[name=reference]")).first.get_by_role("button").last.click()
    eventually(page, f"{installation.address}/cases?q=21ab1234525", "21AB1234525")
    page.get_by_role("link", name=re.compile("21AB1234525")).first.click()
    case = page.url
    expect(page.get_by_text("JAS/1").first).to_be_visible()
    expect(page.get_by_text("JAS/2").first).to_be_visible()

    for reference in ("JAS/1", "JAS/2"):
        # A link for the court, and a code that is read out.
        page.goto(case)
        page.locator("main a", has_text=reference).first.click()
        exhibit = page.url
        page.get_by_role("button", name=re.compile("Share by secure link")).click()
        page.fill("[name=recipient]", "The Court Clerk")
        page.fill("[name=organisation]", "Stoke-on-Trent Crown Court")
        page.fill("[name=purpose]", "First hearing")
        page.locator("form", has=page.locator("[name=recipient]")).get_by_role("button").last.click()
        address = page.locator("#link-address").input_value()
        page.get_by_role("button", name=re.compile("code", re.I)).first.click()
        code = re.search(r"\b(\d{3})\s?(\d{3})\b", page.locator("main").inner_text())
        assert code is not None

        # The court opens it without an account; frames move, and every step shows the number of its picture.
        court = chromium.new_context()
        screen = court.new_page()
        refused: list[str] = []
        screen.on("console", lambda said, to=refused: to.append(said.text) if "Content Security" in said.text else None)
        screen.goto(address)
        screen.get_by_role("button", name=re.compile("continue|code", re.I)).first.click()
        screen.fill("[name=code]", code[1] + code[2])
        screen.get_by_role("button", name=re.compile("continue|open|watch", re.I)).first.click()
        screen.locator("[data-module=dockline-player][data-ready]").wait_for(timeout=60_000)
        for frame in (0, 1, 24, 25, 66, 67, 68, 199, 120, 7):
            assert screen.evaluate(GO, frame) == [frame, frame]
        screen.keyboard.press(".")
        expect(screen.locator("[data-player=frame]")).to_have_attribute("data-frame", "8")
        before = screen.locator("video").evaluate("(video) => video.currentTime")
        screen.get_by_role("button", name="Play", exact=True).click()
        screen.wait_for_function("(before) => document.querySelector('video').currentTime > before + 0.5", arg=before)
        assert refused == []

        # It ends when its owner ends it.
        page.goto(exhibit)
        page.get_by_role("link", name="The Court Clerk").first.click()
        expect(page.get_by_text("Opened").first).to_be_visible()
        page.get_by_role("button", name="Revoke link").click()
        status = screen.evaluate(
            """() => fetch(performance.getEntriesByType('resource').map((r) => r.name)
                 .find((name) => name.endsWith('.m4s'))).then((answer) => answer.status)"""
        )
        assert status in {401, 403, 410}, "the next segment is refused"
        court.close()

    # The continuity tells it, and its proof verifies offline with nothing but the key.
    page.goto(exhibit)
    expect(page.get_by_text("The original was stored, write-once").first).to_be_visible()
    proof = page.locator("a[href*=proof]").first.get_attribute("href")
    assert proof is not None
    answer = page.request.get(installation.address + proof)
    assert answer.ok
    clip = camera / "BWC7_20261121_214710_0002.mp4"
    (tmp_path / "clip.tlog-proof").write_bytes(answer.body())
    key = httpx.get(f"{installation.address}/log/vkey", trust_env=False).text.strip()
    assert key == (installation.data / "log.vkey").read_text().strip()
    done = installation.dockline("verify", str(clip), "--proof", str(tmp_path / "clip.tlog-proof"), "--key", key)
    assert done.returncode == 0, done.stdout + done.stderr
    officer.close()

    well = json.loads(installation.dockline("fsck", "--json").stdout)
    assert well == {"well": True, "findings": []}


def test_the_first_administrator_sets_up_by_the_link_that_was_printed_once(
    installation: Installation, chromium: Browser
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(installation.set_up)
    assert installation.set_up.split("#")[1] not in page.url, "the secret is out of the address bar at once"
    context.close()
