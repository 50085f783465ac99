"""The player in a real browser: the number it shows is the number burned into the picture, wherever one goes."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from portal.rendering import Renderer
from portal.views.exhibit import BeginWhen
from tests.portal.numbered_film import READ_NUMBER, NumberedFilm, camera_file, constant, make_film, variable
from tests.portal.page_server import TYPES, Answer, Site, serving
from tests.portal.sample_values import COURT, EXHIBIT, STAFF_PLAYER, WATCH
from transcode.packager import Packaged, Packager
from transcode.packager_source import BytesSource

pytestmark = pytest.mark.browser
COUNT = 300

SPRITE = b"""WEBVTT

00:00.000 --> 00:06.000
sheet.jpg#xywh=0,0,160,90

00:06.000 --> 00:13.000
sheet.jpg#xywh=160,0,160,90
"""
SUGGESTIONS = {
    "version": 1,
    "tracks": [{"id": "t1", "kind": "face", "first": 10, "boxes": [[0.1, 0.2, 0.3, 0.5]] * 20 + [None]}],
}

SHOWN = f"""
() => {{
  const video = document.querySelector("video");
  const label = document.querySelector("[data-player=frame]").dataset.frame;
  return [({READ_NUMBER})(video), label === undefined ? null : Number(label)];
}}
"""
DRAWN = """
() => {
  const canvas = document.querySelector("canvas");
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
}
"""
GO = f"""
async (frame) => {{
  const player = document.querySelector("[data-module=dockline-player]").docklinePlayer;
  await player.goTo({{ frame }});
  return ({SHOWN})();
}}
"""


@dataclass
class Cinema:
    """A page with a player, the films it may be given, and what it asked for."""

    site: Site
    films: dict[str, NumberedFilm]
    offer: str = "original"
    extras: dict[str, str | None] = field(default_factory=dict)
    refusal: Answer | None = None
    begun: list[str] = field(default_factory=list)

    def answer(self, rendition: str = "") -> dict[str, object]:
        name = rendition or self.offer
        playback = {"source": f"/play/{name}/master.m3u8", "rendition": name, "frames": f"/play/{name}/frames.json"}
        nothing = dict.fromkeys(("frames", "suggestions", "sprite", "poster"))
        return {
            "viewing": "vie_1",
            "status": "/play/status.json",
            "playback": playback if name else None,
            "note": "",
            **nothing,
            **self.extras,
        }

    def begin(self, body: bytes) -> Answer:
        form = parse_qs(body.decode())
        assert form["form_token"] == [COURT.form_token]
        self.begun.append(form.get("rendition", [""])[0])
        return self.refusal or Answer(json.dumps(self.answer(self.begun[-1])).encode(), status=201)

    def status(self, _: bytes) -> Answer:
        return Answer(json.dumps(self.answer()).encode())


@pytest.fixture(scope="module")
def films() -> dict[str, NumberedFilm]:
    return {
        "constant": make_film(constant(COUNT)),
        "variable": make_film(variable(COUNT)),
        "b-frames": make_film(constant(COUNT), b_frames=2),
    }


def _cinema(films: dict[str, NumberedFilm]) -> Cinema:
    site = Site()
    cinema = Cinema(site, films)
    renderer = Renderer()
    for when in BeginWhen:
        player = replace(STAFF_PLAYER, begin="/begin", when=when, duration_ms=None)
        site.fixed[f"/watch-{when}"] = Answer(
            renderer.page(replace(WATCH, player=player), COURT).encode(), "text/html; charset=utf-8"
        )
    player = replace(STAFF_PLAYER, begin="/begin", when=BeginWhen.LOAD)
    site.fixed["/exhibit"] = Answer(
        renderer.page(replace(EXHIBIT, player=player), COURT).encode(), "text/html; charset=utf-8"
    )
    site.asked = {"/begin": cinema.begin, "/play/status.json": cinema.status}
    for rendition, film in films.items():
        for name, body in film.files.items():
            kind = TYPES.get("." + name.rsplit(".", 1)[1], "application/json" if name.endswith("json") else "video/mp4")
            site.fixed[f"/play/{rendition}/{name}"] = Answer(body, kind)
    site.fixed["/play/sprite.vtt"] = Answer(SPRITE, "text/vtt")
    site.fixed["/play/suggestions.json"] = Answer(json.dumps(SUGGESTIONS).encode())
    return cinema


@pytest.fixture
def cinema(films: dict[str, NumberedFilm]) -> Iterator[Cinema]:
    cinema = _cinema({"original": films["variable"], "proxy": films["constant"]})
    with serving(cinema.site):
        yield cinema


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert [line for line in said if "Content Security Policy" in line or "Error" in line] == []


def _open(tab: Page, cinema: Cinema, path: str = "/watch-load", rendition: str = "original") -> None:
    tab.goto(cinema.site.address + path)
    tab.locator(f'[data-module=dockline-player][data-ready="{rendition}"]').wait_for()


@pytest.mark.parametrize("kind", ["constant", "variable"])
def test_after_random_seeks_label_and_picture_are_the_frame_that_was_asked_for(
    kind: str, tab: Page, films: dict[str, NumberedFilm]
) -> None:
    cinema = _cinema({"original": films[kind]})
    places = [0, COUNT - 1, 24, 25, 26, 49, 50, 99, 100, 101, *random.Random(7).sample(range(COUNT), 40)]
    with serving(cinema.site):
        _open(tab, cinema)
        for place in places:
            assert tab.evaluate(GO, place) == [place, place]


def test_with_b_frames_the_label_is_still_the_picture_s(tab: Page, films: dict[str, NumberedFilm]) -> None:
    cinema = _cinema({"original": films["b-frames"]})
    with serving(cinema.site):
        _open(tab, cinema)
        assert tab.evaluate(SHOWN) == [0, 0]
        for place in random.Random(11).sample(range(COUNT), 40):
            seen, label = tab.evaluate(GO, place)
            assert label == seen
            assert seen == place


@pytest.mark.parametrize(
    ("stamps", "b_frames"), [(constant(COUNT), 0), (variable(COUNT), 0), (constant(COUNT), 2), (variable(COUNT), 2)]
)
def test_the_stored_original_packaged_as_it_is_asked_for_is_exact_too(
    stamps: list[int], b_frames: int, tab: Page
) -> None:
    packager = Packager(warm=0)
    try:
        film = _packaged(packager.original("rec_1", BytesSource(camera_file(stamps, b_frames=b_frames))))
    finally:
        packager.close()
    with serving(_cinema({"original": film}).site) as site:
        _open(tab, Cinema(site, {}))
        for place in [0, COUNT - 1, *random.Random(5).sample(range(COUNT), 30)]:
            assert tab.evaluate(GO, place) == [place, place]


def _packaged(packaged: Packaged) -> NumberedFilm:
    files = {"master.m3u8": packaged.master_playlist().encode(), "media.m3u8": packaged.playlist().encode()}
    files |= {"init.mp4": packaged.init(), "frames.json": packaged.frame_table()}
    return NumberedFilm(files | {f"{n}.m4s": packaged.segment(n) for n in range(packaged.segments)}, COUNT)


@pytest.mark.parametrize("kind", ["constant", "variable"])
def test_steps_go_one_frame_at_a_time_in_both_directions(kind: str, tab: Page, films: dict[str, NumberedFilm]) -> None:
    cinema = _cinema({"original": films[kind]})
    with serving(cinema.site):
        _open(tab, cinema)
        tab.evaluate(GO, 95)
        label = tab.locator("[data-player=frame]")
        for expected in range(96, 106):
            tab.get_by_role("button", name="Frame forward").click()
            expect(label).to_have_attribute("data-frame", str(expected))
            assert tab.evaluate(SHOWN) == [expected, expected]
        tab.locator("body").click(position={"x": 5, "y": 5})
        for expected in range(104, 94, -1):
            tab.keyboard.press(",")
            expect(label).to_have_attribute("data-frame", str(expected))
            assert tab.evaluate(SHOWN) == [expected, expected]


def test_a_burst_of_steps_ends_where_it_was_sent(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    tab.evaluate(GO, 10)
    for _ in range(12):
        tab.keyboard.press(".")
    expect(tab.locator("[data-player=frame]")).to_have_attribute("data-frame", "22")
    assert tab.evaluate(SHOWN) == [22, 22]


def test_while_it_plays_every_label_belongs_to_its_picture(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    tab.evaluate("""() => {
      const { docklinePlayer: player } = document.querySelector("[data-module=dockline-player]");
      window.seen = [];
      player.watch.onFrame(() => window.seen.push(player.frame));
    }""")
    tab.keyboard.press("k")
    expect(tab.locator("[data-player=play-label]")).to_have_text("Pause")
    tab.wait_for_function("() => window.seen.length > 40")
    tab.keyboard.press("k")
    expect(tab.locator("[data-player=play-label]")).to_have_text("Play")
    seen = tab.evaluate("() => window.seen")
    assert None not in seen
    assert seen == sorted(seen)
    picture, label = tab.evaluate(SHOWN)
    assert picture == label


def test_j_goes_backwards_frame_by_frame_and_k_stops(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    tab.evaluate(GO, 200)
    tab.keyboard.press("j")
    tab.wait_for_function("() => Number(document.querySelector('[data-player=frame]').dataset.frame) < 190")
    tab.keyboard.press("k")
    expect(tab.locator("[data-player=play-label]")).to_have_text("Play")
    tab.evaluate("() => document.querySelector('[data-module=dockline-player]').docklinePlayer.seeker.running")
    picture, label = tab.evaluate(SHOWN)
    assert picture == label
    assert picture < 190


def test_nothing_is_asked_for_before_somebody_presses_watch(tab: Page, cinema: Cinema) -> None:
    tab.goto(cinema.site.address + "/watch-press")
    tab.get_by_role("button", name="Watch").wait_for()
    assert not [path for path in cinema.site.log if path.startswith(("/begin", "/play"))]
    tab.get_by_role("button", name="Watch").click()
    expect(tab.locator("[data-player=play-label]")).to_have_text("Pause")
    assert cinema.begun == [""]
    assert tab.locator("video").evaluate("(video) => video.muted")


def test_the_other_copy_is_a_viewing_of_its_own_and_keeps_the_place(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    tab.evaluate(GO, 120)
    cinema.offer = "proxy"
    copy = tab.get_by_label("Showing")
    expect(copy.locator('[value="proxy"]')).to_be_enabled(timeout=15_000)
    copy.select_option("proxy")
    tab.locator('[data-ready="proxy"]').wait_for()
    assert cinema.begun == ["", "proxy"]
    expect(tab.locator("[data-player=frame]")).to_have_attribute("data-frame", "120")
    assert tab.evaluate(SHOWN) == [120, 120]


def test_the_other_copy_comes_even_when_the_first_one_hangs(tab: Page, cinema: Cinema) -> None:
    cinema.offer = "proxy"
    _open(tab, cinema, rendition="proxy")
    tab.get_by_label("Showing").select_option("original")
    tab.locator('[data-ready="original"]').wait_for()
    for path in list(cinema.site.fixed):
        if path.startswith("/play/original") and path.endswith(".m4s"):
            cinema.site.fixed[path] = Answer(b"{}", "application/problem+json", 403)
    tab.evaluate("() => document.querySelector('[data-module=dockline-player]').docklinePlayer.stream.leaveFor(-1)")
    tab.evaluate(
        "() => { document.querySelector('[data-module=dockline-player]').docklinePlayer.goTo({ frame: 250 }); }"
    )
    expect(tab.locator("[data-player=message]")).to_contain_text("may not watch")
    tab.get_by_label("Showing").select_option("proxy")
    tab.locator('[data-ready="proxy"]').wait_for()
    assert tab.evaluate(GO, 60) == [60, 60]


def test_one_can_go_to_a_frame_or_a_time_by_typing(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    field = tab.get_by_label("Go to")
    field.fill("150")
    tab.get_by_role("button", name="Go", exact=True).click()
    expect(tab.locator("[data-player=frame]")).to_have_text(f"Frame 150 of {COUNT}")
    field.fill("0:02.5")
    field.press("Enter")
    expect(tab.locator("[data-player=time]")).to_contain_text("0:00:02.4")
    field.fill("somewhere")
    field.press("Enter")
    expect(tab.locator("[data-player=message]")).to_contain_text("Type a frame number")


def test_the_bar_works_by_keyboard_one_frame_a_press(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    bar = tab.get_by_label("Position in the film")
    bar.focus()
    for _ in range(3):
        bar.press("ArrowRight")
    expect(tab.locator("[data-player=frame]")).to_have_attribute("data-frame", "3")
    assert "frame 3" in (bar.get_attribute("aria-valuetext") or "")
    bar.press("End")
    expect(tab.locator("[data-player=frame]")).to_have_attribute("data-frame", str(COUNT - 1))


def test_shortcuts_can_be_switched_off_and_stay_off(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    tab.get_by_text("Keyboard shortcuts").click()
    tab.get_by_label("Use single keys on this page").uncheck()
    tab.keyboard.press(".")
    assert tab.evaluate(SHOWN) == [0, 0]
    _open(tab, cinema)
    tab.keyboard.press(".")
    assert not tab.get_by_label("Use single keys on this page").is_checked()
    assert tab.evaluate(SHOWN) == [0, 0]


def test_time_of_day_is_that_of_the_frame(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    expect(tab.locator("[data-player=wall]")).to_have_text("2026-11-22 13:50:05.000 UTC")
    tab.evaluate(GO, 1)
    expect(tab.locator("[data-player=wall]")).to_have_text("2026-11-22 13:50:05.033 UTC")


def test_suggestions_are_drawn_on_their_frames_only_when_asked_for(tab: Page, cinema: Cinema) -> None:
    cinema.extras = {"suggestions": "/play/suggestions.json", "sprite": "/play/sprite.vtt"}
    _open(tab, cinema, "/exhibit")
    tab.evaluate(GO, 15)
    assert not tab.evaluate(DRAWN)
    button = tab.get_by_role("button", name="Suggestions")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert tab.evaluate(DRAWN)
    tab.evaluate(GO, 200)
    assert not tab.evaluate(DRAWN)


def test_without_a_frame_table_no_frame_number_is_claimed(tab: Page, films: dict[str, NumberedFilm]) -> None:
    cinema = _cinema({"original": films["variable"]})
    table = cinema.site.fixed.pop("/play/original/frames.json")
    with serving(cinema.site):
        _open(tab, cinema)
        expect(tab.locator("[data-player=frame]")).to_have_text("Time only, until the frame table is there")
        cinema.site.fixed["/play/original/frames.json"] = table
        expect(tab.locator("[data-player=frame]")).to_have_text(f"Frame 0 of {COUNT}", timeout=15_000)
        assert tab.evaluate(GO, 77) == [77, 77]


def test_a_refusal_is_told_in_the_server_s_own_words(tab: Page, cinema: Cinema) -> None:
    problem = {
        "title": "Gone",
        "status": 410,
        "detail": "This link was ended by Jane Anne Smith.",
        "advice": "Ask her for a new one.",
    }
    cinema.refusal = Answer(json.dumps(problem).encode(), "application/problem+json", 410)
    tab.goto(cinema.site.address + "/watch-load")
    expect(tab.locator("[data-player=message]")).to_have_text(
        "This link was ended by Jane Anne Smith. Ask her for a new one."
    )


def test_a_link_that_ends_while_it_plays_stops_the_film_and_says_so(tab: Page, cinema: Cinema) -> None:
    _open(tab, cinema)
    for path in list(cinema.site.fixed):
        if path.endswith(".m4s"):
            cinema.site.fixed[path] = Answer(b"{}", "application/problem+json", 410)
    tab.evaluate("() => document.querySelector('[data-module=dockline-player]').docklinePlayer.stream.leaveFor(-1)")
    expect(tab.locator("[data-player=message]")).to_contain_text("ended or has expired", timeout=15_000)
    assert tab.locator("video").evaluate("(video) => video.paused")


def test_a_player_that_shows_a_film_is_accessible(tab: Page, cinema: Cinema) -> None:
    cinema.extras = {"suggestions": "/play/suggestions.json"}
    _open(tab, cinema, "/exhibit")
    tab.get_by_text("Keyboard shortcuts").click()
    tab.get_by_role("button", name="Suggestions").click()
    assert Axe().run(tab, context=".dl-player").response["violations"] == []


@pytest.mark.parametrize("width", [320, 1280])
def test_the_player_fits_and_its_targets_are_large_enough(width: int, tab: Page, cinema: Cinema) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    _open(tab, cinema)
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= width
    for control in tab.locator(".dl-player__panel :is(button, select, input:not([type=checkbox]), summary)").all():
        box = control.bounding_box()
        if box is not None:
            assert min(box["width"], box["height"]) >= 24
