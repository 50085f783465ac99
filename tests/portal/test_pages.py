"""Every sample page: rendered whole, accessible wide and narrow, on screen and paper, under the strict policy."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from jinja2 import UndefinedError
from playwright.sync_api import Browser, ConsoleMessage, Page

from portal import headers
from portal.rendering import TEMPLATES, Renderer
from portal.views.page import Page as View
from portal.views.page import Shell
from portal.views.statements import PROBLEMS
from tests.portal.page_server import Site, serving
from tests.portal.sample_pages import SAMPLES
from tests.portal.sample_values import STAFF

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def test_every_kind_of_page_has_a_sample() -> None:
    sampled = {type(page).__name__ for page, _ in SAMPLES.values()}
    assert sampled >= {kind.__name__ for kind in View.__subclasses__() if kind.__module__.startswith("portal.")}


def test_every_template_says_what_it_is_told() -> None:
    for template in TEMPLATES.rglob("*.html"):
        assert template.read_text().startswith("{#"), template


def test_a_value_that_nobody_gave_is_an_error() -> None:
    class Odd(View):
        template = "problem.html"
        title = "Odd"

    with pytest.raises(UndefinedError, match="words"):
        Renderer().page(Odd(), Shell())


def test_what_a_person_typed_is_escaped() -> None:
    page, shell = SAMPLES["link-new-wrong"]
    html = Renderer().page(page, shell)
    assert "<b>Bobby</b>" not in html
    assert "&lt;b&gt;Bobby&lt;/b&gt;" in html


def test_a_password_is_never_given_back() -> None:
    page, shell = SAMPLES["sign-in-wrong"]
    assert 'type="password"' in Renderer().page(page, shell)
    assert not re.search(r'type="password"[^>]*value="[^"]', Renderer().page(page, shell))


def test_every_form_that_changes_something_carries_the_session_s_token() -> None:
    for name, (page, shell) in SAMPLES.items():
        html = Renderer().page(page, replace(shell, form_token="t" * 43))
        posts = re.findall(r'<form[^>]*method="post".*?</form>', html, re.DOTALL)
        assert all('name="form_token"' in form for form in posts), name


def test_no_page_carries_script_style_or_address_of_its_own() -> None:
    for name, (page, shell) in SAMPLES.items():
        html = Renderer().page(page, shell)
        assert not re.search(r"<script(?![^>]*src=\"/static/)", html), name
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", html), name
        assert not re.search(r"(src|href|action)=\"(https?:)?//", html), name


def test_an_exhibit_page_names_no_film_before_a_viewing_is_granted() -> None:
    page, shell = SAMPLES["exhibit"]
    html = Renderer().page(page, shell)
    assert not re.search(r"m3u8|frames\.json|poster|sprite", html)


def test_problems_say_what_to_do() -> None:
    assert all(problem.advice for problem in PROBLEMS.values())


def test_the_policy_allows_nothing_inline_and_nobody_else() -> None:
    policy = headers.CONTENT_SECURITY_POLICY
    assert "unsafe" not in policy
    assert "http" not in policy
    assert policy.startswith("default-src 'none'")


@pytest.fixture(scope="module")
def samples() -> Iterator[Site]:
    site = Site()
    site.add_samples()
    with serving(site):
        yield site


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Page:
    context = chromium.new_context(reduced_motion="reduce")
    return context.new_page()


def _violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{each['id']}: {node['html'][:160]}" for each in found for node in each["nodes"]]


@pytest.mark.browser
@pytest.mark.parametrize("name", SAMPLES)
def test_a_page_is_accessible_and_keeps_to_its_policy(name: str, tab: Page, samples: Site) -> None:
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        said.append(message.text)

    tab.on("console", listen)
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(f"{samples.address}/sample/{name}")
    assert _violations(tab) == []
    tab.set_viewport_size({"width": 320, "height": 800})
    tab.goto(f"{samples.address}/sample/{name}")
    assert tab.evaluate("() => document.documentElement.scrollWidth") <= 320
    assert _violations(tab) == []
    tab.remove_listener("console", listen)
    assert [line for line in said if "Content Security Policy" in line] == []


@pytest.mark.browser
@pytest.mark.parametrize("name", ["case", "exhibit", "footage", "link-made", "court-watch", "people", "problem-403"])
def test_a_page_is_accessible_on_paper_and_prints_no_controls(name: str, tab: Page, samples: Site) -> None:
    tab.goto(f"{samples.address}/sample/{name}")
    tab.emulate_media(media="print")
    assert _violations(tab) == []
    assert not tab.locator("main button").locator("visible=true").count()
    tab.emulate_media(media="screen")


@pytest.mark.browser
@pytest.mark.parametrize("name", ["sign-in", "set-up", "footage", "cases", "court-open", "court-code", "link-new"])
def test_forms_stand_whole_without_script(name: str, chromium: Browser, samples: Site) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{samples.address}/sample/{name}")
    for button in page.locator("main form button").all():
        if "password-input" not in (button.get_attribute("class") or ""):
            assert button.is_visible()
    for field in page.locator("main form input:not([type=hidden]):not([type=checkbox]):not([type=radio])").all():
        assert field.is_visible()
    context.close()


@pytest.mark.browser
def test_a_link_s_secret_moves_from_the_address_into_the_form(tab: Page, samples: Site) -> None:
    tab.goto(f"{samples.address}/sample/court-open#lnk_1.c2VjcmV0")
    assert tab.locator('input[name="link"]').input_value() == "lnk_1.c2VjcmV0"
    assert tab.locator('input[name="link"]').get_attribute("type") == "hidden"
    assert tab.evaluate("() => location.href").endswith("/sample/court-open")
    assert not any("c2VjcmV0" in path for path in samples.log)


@pytest.mark.browser
def test_without_a_fragment_the_link_is_pasted(tab: Page, samples: Site) -> None:
    tab.goto("about:blank")
    tab.goto(f"{samples.address}/sample/court-open")
    assert tab.get_by_label("Paste the link that you were sent").is_visible()


def test_a_signed_in_page_offers_to_sign_out_and_the_court_to_finish() -> None:
    page, shell = SAMPLES["cases"]
    assert 'action="/sign-out"' in Renderer().page(page, STAFF)
    page, shell = SAMPLES["court-watch"]
    assert 'action="/leave"' in Renderer().page(page, shell)
