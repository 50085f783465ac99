"""Password, authenticator, waiting after wrong tries, and sessions that end when they should."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from custody.entry import ActKind
from evidence.clock import ManualClock
from evidence.models import WebSession
from portal import second_factor
from portal.passwords import WeakPassword, check_strength, hash_password, is_password
from tests.portal.conftest import PASSWORD, Browser, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]


@pytest.fixture
def jane(station: Station) -> Somebody:
    return station.person("Jane Anne Smith", "officer", "4417")


def code_of(station: Station, who: Somebody) -> str:
    return second_factor.code_at(who.totp_secret, station.ground.clock.now())


def first_step(visitor: Visitor, who: Somebody, password: str = PASSWORD) -> Visitor:
    visitor.get("/sign-in")
    visitor.submit("/sign-in", {"email": who.email.upper(), "password": password})
    return visitor


def whole(visitor: Visitor, station: Station, who: Somebody) -> Visitor:
    first_step(visitor, who).follow()
    visitor.submit("/sign-in/code", {"code": code_of(station, who)})
    visitor.follow()
    return visitor


def test_password_and_code_let_an_officer_in_and_the_ledger_knows(
    station: Station, browser: Browser, jane: Somebody
) -> None:
    visitor = whole(browser(), station, jane)
    assert visitor.page.url.path == "/footage"
    assert "Jane Anne Smith" in visitor.page.text
    (act,) = station.acts(ActKind.SIGNED_IN)
    assert act.on["person"] == jane.id
    assert "Smith" not in act.canonical().decode(), "names stand as commitments"


def test_the_password_alone_opens_nothing(station: Station, browser: Browser, jane: Somebody) -> None:
    visitor = first_step(browser(), jane)
    assert visitor.page.headers["location"] == "/sign-in/code"
    assert visitor.get("/footage").headers["location"].startswith("/sign-in")
    assert visitor.get("/sessions").headers["location"].startswith("/sign-in")


def test_a_code_is_good_once(station: Station, browser: Browser, jane: Somebody) -> None:
    code = code_of(station, jane)
    for status in (303, 422):
        visitor = first_step(browser(), jane)
        visitor.follow()
        assert visitor.submit("/sign-in/code", {"code": code}).status_code == status


def test_a_code_of_one_step_ago_is_taken_and_an_older_one_is_not(
    station: Station, browser: Browser, jane: Somebody, clock: ManualClock
) -> None:
    code = code_of(station, jane)
    clock.advance(timedelta(seconds=61))
    visitor = first_step(browser(), jane)
    visitor.follow()
    assert visitor.submit("/sign-in/code", {"code": code}).status_code == 422
    code = code_of(station, jane)
    clock.advance(timedelta(seconds=30))
    assert visitor.submit("/sign-in/code", {"code": f"{code[:3]} {code[3:]}"}).status_code == 303


def test_wrong_unknown_closed_and_locked_are_told_in_the_same_words(
    station: Station, browser: Browser, jane: Somebody
) -> None:
    wrong = first_step(browser(), jane, "not her password").page
    unknown = first_step(browser(), Somebody("", "nobody@force.example", ""), PASSWORD).page

    def without_names(text: str) -> str:
        lines = [line for line in text.splitlines() if "form_token" not in line]
        return "\n".join(lines).replace(jane.email.upper(), "EMAIL").replace("NOBODY@FORCE.EXAMPLE", "EMAIL")

    assert wrong.status_code == unknown.status_code == 422
    assert without_names(wrong.text) == without_names(unknown.text)
    for _ in range(5):
        first_step(browser(), jane, "not her password")
        station.ground.clock.advance(timedelta(seconds=30))  # type: ignore[attr-defined]
    locked = first_step(browser(), jane).page
    assert without_names(locked.text) == without_names(wrong.text)
    assert PASSWORD not in locked.text


def test_five_wrong_tries_lock_for_fifteen_minutes_and_are_told_to_the_ledger_once(
    station: Station, browser: Browser, jane: Somebody, clock: ManualClock
) -> None:
    for _ in range(5):
        first_step(browser(), jane, "not her password")
        clock.advance(timedelta(seconds=30))
    for _ in range(3):
        assert first_step(browser(), jane).page.status_code == 422, "not even the right password"
    clock.advance(timedelta(minutes=15))
    assert whole(browser(), station, jane).page.status_code == 200
    (act,) = station.acts(ActKind.SIGN_IN_REFUSED)
    assert act.on["person"] == jane.id


def test_wrong_codes_count_too_and_the_password_does_not_reset_them(
    station: Station, browser: Browser, jane: Somebody, clock: ManualClock
) -> None:
    for _ in range(5):
        visitor = first_step(browser(), jane)
        visitor.follow()
        visitor.submit("/sign-in/code", {"code": "000000"})
        clock.advance(timedelta(seconds=30))
    assert first_step(browser(), jane).page.status_code == 422


def test_many_accounts_tried_from_one_address_are_stopped(station: Station, browser: Browser, jane: Somebody) -> None:
    from portal import attempts

    place = attempts.place_of(station.ground.sealer, "sign-in", "203.0.113.7")
    with station.ground.database.write() as session:
        for _ in range(attempts.LIMIT):
            attempts.count(session, place, station.ground.clock.now())
    assert first_step(browser(), jane).page.status_code == 429
    assert first_step(browser(came_from="198.51.100.1"), jane).page.status_code == 303
    station.ground.clock.advance(attempts.WINDOW)  # type: ignore[attr-defined]
    assert first_step(browser(), jane).page.status_code == 303


def test_the_next_page_is_kept_when_it_is_ours_and_dropped_when_it_is_not(
    station: Station, browser: Browser, jane: Somebody
) -> None:
    visitor = browser()
    visitor.visit("/cases?q=21AB")
    visitor.submit("/sign-in", {"email": jane.email, "password": PASSWORD})
    visitor.follow()
    visitor.submit("/sign-in/code", {"code": code_of(station, jane)})
    assert visitor.page.headers["location"] == "/cases?q=21AB"
    for evil in ("//evil.example/", "https://evil.example", "/\\evil.example", "/a b", "javascript:alert(1)"):
        assert "evil" not in browser().get(f"/sign-in?next={evil}").text


def test_an_idle_session_ends_and_a_used_one_ends_after_twelve_hours(
    station: Station, signed_in: SignIn, jane: Somebody, clock: ManualClock
) -> None:
    visitor = signed_in(jane)
    for _ in range(28):
        clock.advance(timedelta(minutes=25))
        assert visitor.get("/footage").status_code == 200
    clock.advance(timedelta(minutes=25))
    assert visitor.get("/footage").status_code == 303, "twelve hours are over"
    visitor = signed_in(jane)
    clock.advance(timedelta(minutes=31))
    assert visitor.get("/footage").status_code == 303, "half an hour without use"


def test_signing_out_ends_the_session_and_clears_the_browser(
    station: Station, signed_in: SignIn, jane: Somebody
) -> None:
    visitor = signed_in(jane)
    cookie = visitor.client.cookies.get("dockline-session")
    answer = visitor.submit("/sign-out")
    assert "storage" in answer.headers["clear-site-data"]
    assert "dockline-session" not in visitor.client.cookies
    visitor.client.cookies.set("dockline-session", cookie or "", domain="127.0.0.1")
    assert visitor.get("/footage").status_code == 303


def test_one_sees_ones_sessions_and_can_end_another(station: Station, signed_in: SignIn, jane: Somebody) -> None:
    here, there = signed_in(jane), signed_in(jane)
    page = here.visit("/sessions")
    assert page.text.count("Chrome") >= 2
    here.submit("/sessions")
    assert there.get("/footage").status_code == 303
    assert here.get("/footage").status_code == 200


def test_nobody_ends_a_session_of_somebody_else(station: Station, signed_in: SignIn, jane: Somebody) -> None:
    from portal.sessions import handle_of

    omar = signed_in(station.person("Omar Khan", "officer", "9000"))
    hers = signed_in(jane)
    with station.ground.database.read() as session:
        handle = handle_of(session.query(WebSession).filter_by(person_id=jane.id).one())
    omar.visit("/footage")
    omar.post("/sessions", {"session": handle, "form_token": omar.token()})
    assert hers.get("/footage").status_code == 200


def test_cookies_are_kept_from_scripts_and_hold_nothing_that_the_server_keeps(
    station: Station, browser: Browser, jane: Somebody
) -> None:
    visitor = first_step(browser(), jane)
    cookie = visitor.page.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    value = visitor.client.cookies["dockline-session"]
    with station.ground.database.read() as session:
        assert all(value not in (row.id, row.form_token) for row in session.query(WebSession))


def test_a_session_gets_a_new_reference_with_the_second_factor(
    station: Station, browser: Browser, jane: Somebody
) -> None:
    visitor = first_step(browser(), jane)
    half = visitor.client.cookies["dockline-session"]
    visitor.follow()
    visitor.submit("/sign-in/code", {"code": code_of(station, jane)})
    assert visitor.client.cookies["dockline-session"] != half
    visitor.client.cookies.set("dockline-session", half, domain="127.0.0.1")
    assert visitor.get("/footage").status_code == 303


@pytest.mark.parametrize(
    "weak",
    ["short", "aaaaaaaaaaaaaa", "password1234", "PasswordPassword", "123456789012", "jane.smith-99!!", "x" * 201,
     "correct horse battery staple"],
)  # fmt: skip
def test_what_is_tried_first_is_no_password(weak: str) -> None:
    with pytest.raises(WeakPassword):
        check_strength(weak, about=("Jane Smith", "jane@force.example"))


@pytest.mark.parametrize("good", ["violet lantern harbour", "слон и мост над рекой", " leading blanks count "])
def test_three_words_in_any_script_are_a_password(good: str) -> None:
    check_strength(good, about=("Jane Smith", "jane@force.example"))


def test_a_password_is_kept_with_argon2id_and_no_hash_matches_nothing() -> None:
    kept = hash_password(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert is_password(kept, PASSWORD)
    assert not is_password(kept, PASSWORD + " ")
    assert not is_password("", PASSWORD)
    assert not is_password("", "")
