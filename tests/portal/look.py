"""Photograph every sample page, wide, narrow and on paper: ``python -m tests.portal.look FOLDER [NAME ...]``."""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browsers import ARGUMENTS, CHROMIUM
from tests.portal.page_server import Site, serving
from tests.portal.sample_pages import SAMPLES

WIDTHS = {"wide": 1280, "narrow": 320}


def photograph(page: Page, address: str, target: Path) -> None:
    for kind, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address)
        page.screenshot(path=f"{target}-{kind}.png", full_page=True)
    page.set_viewport_size({"width": 794, "height": 1123})
    page.emulate_media(media="print")
    page.screenshot(path=f"{target}-print.png", full_page=True)
    page.emulate_media(media="screen")


def main(folder: str, *names: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    site = Site()
    site.add_samples()
    with serving(site), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        for name in names or SAMPLES:
            photograph(page, f"{site.address}/sample/{name}", Path(folder) / name)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
