"""Secure links, from the owner's form to the court's picture, and everything that must not open one."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from custody.entry import ActKind
from evidence.clock import ManualClock
from evidence.models import Exhibit, Link, LinkCode
from portal import links
from portal.links import Terms
from tests.portal.conftest import Browser, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]
TYPED: dict[str, str | list[str]] = {
    "recipient": "Her Honour Judge Rowe",
    "organisation": "Northshire Crown Court",
    "purpose": "First hearing on 3 December 2026",
    "allowance": "view",
}


@pytest.fixture
def exhibit(station: Station) -> str:
    return station.exhibit()


def share(
    station: Station, exhibit: str, *, lasts: timedelta = timedelta(days=14), may_download: bool = False, **more: int
) -> links.Shared:
    terms = Terms(
        recipient="Her Honour Judge Rowe",
        organisation="Northshire Crown Court",
        purpose="First hearing",
        expires_at=station.ground.clock.now() + lasts,
        may_download=may_download,
        max_openings=more.get("openings"),
    )
    return links.share(station.ground, exhibit_id=exhibit, by=station.people["Jane Anne Smith"].id, terms=terms)


def hand_in(visitor: Visitor, address: str) -> Visitor:
    visitor.get("/open")
    visitor.submit("/open", {"link": address})
    visitor.follow()
    return visitor


def opened(visitor: Visitor, shared: links.Shared) -> Visitor:
    hand_in(visitor, shared.address)
    visitor.submit("/open/code", {"code": shared.code.digits})
    visitor.follow()
    assert visitor.page.url.path == f"/court/{shared.link_id}", visitor.page.text
    return visitor


def test_an_officer_shares_an_exhibit_and_the_court_opens_it(
    station: Station, exhibit: str, signed_in: SignIn, browser: Browser
) -> None:
    owner = signed_in(station.people["Jane Anne Smith"])
    owner.visit(f"/exhibits/{exhibit}/links")
    page = owner.submit(f"/exhibits/{exhibit}/links", TYPED)
    address = re.search(r"http://\S+/open#lnk_\w+\.[\w-]+", page.text)
    assert address
    link = re.search(r"lnk_\w+", address[0])[0]  # type: ignore[index]
    page = owner.submit(f"/links/{link}/code")
    code = re.search(r'dl-code-panel__title">(\d{6})<', page.text)
    assert code
    court = browser()
    hand_in(court, address[0])
    assert "Her Honour Judge Rowe" in court.page.text
    assert "JAS/1" not in court.page.text, "nothing about the exhibit before the code is right"
    court.submit("/open/code", {"code": f"{code[1][:3]} {code[1][3:]}"})
    page = court.follow()
    for words in ("JAS/1", "21AB1234525", "First hearing on 3 December 2026", f'data-begin="/court/{link}/viewings"'):
        assert words in page.text
    assert "Download original" not in page.text
    shown = owner.visit(f"/links/{link}").text
    assert "1 time" in shown
    assert "Opened with a security code (Chrome)" in shown
    assert address[0] not in shown, "the address is shown once"
    (told,) = station.acts(ActKind.DISCLOSED)
    assert told.recipient is not None
    assert told.recipient.agency == "Northshire Crown Court"
    assert told.why == "First hearing on 3 December 2026"
    assert "Rowe" not in told.canonical().decode()
    assert len(station.acts(ActKind.LINK_OPENED)) == 1
    assert station.recording_of(exhibit).disclosed_at is not None


def test_the_link_stands_in_the_continuity_for_its_owner_and_not_for_other_recipients(
    station: Station, exhibit: str, signed_in: SignIn, browser: Browser
) -> None:
    shared = share(station, exhibit)
    assert "A secure link was issued" in signed_in(station.people["Jane Anne Smith"]).visit(f"/exhibits/{exhibit}").text
    page = opened(browser(), shared).page.text
    assert "A secure link was issued" not in page
    assert "The original was stored" in page
    with station.ground.database.read() as session:
        entry = session.query(links.Link).one().id
    assert entry


def test_a_form_that_is_not_right_says_everything_at_once(station: Station, exhibit: str, signed_in: SignIn) -> None:
    owner = signed_in(station.people["Jane Anne Smith"])
    owner.visit(f"/exhibits/{exhibit}/links")
    page = owner.submit(
        f"/exhibits/{exhibit}/links",
        {"recipient": " ", "purpose": "", "expires-day": "31", "expires-month": "2", "openings": "none"},
    )
    assert page.status_code == 422
    for words in ("the name of the recipient", "Enter the purpose", "real date", "between 1 and 1,000"):
        assert words in page.text
    owner.visit(f"/exhibits/{exhibit}/links")
    owner.submit(f"/exhibits/{exhibit}/links", {**TYPED, "expires-year": "2020"})
    assert "must end in the future" in owner.page.text
    assert not station.acts(ActKind.DISCLOSED)


def test_one_form_sent_twice_makes_one_link(station: Station, exhibit: str, signed_in: SignIn) -> None:
    owner = signed_in(station.people["Jane Anne Smith"])
    owner.visit(f"/exhibits/{exhibit}/links")
    form = owner.form(f"/exhibits/{exhibit}/links")
    fields = [(n, v) for n, v in form.fields if n not in TYPED] + [(n, str(v)) for n, v in TYPED.items()]
    assert owner.post(form.action, fields).status_code == 200
    assert owner.post(form.action, fields).status_code == 303
    with station.ground.database.read() as session:
        assert session.query(Link).count() == 1
    owner.visit(f"/exhibits/{exhibit}/links")
    assert owner.submit(f"/exhibits/{exhibit}/links", TYPED).status_code == 200, "a new page makes a new link"
    assert len(station.acts(ActKind.DISCLOSED)) == 2


def test_a_scanner_that_fetches_runs_scripts_and_presses_every_button_spends_nothing(
    station: Station, exhibit: str, browser: Browser
) -> None:
    shared = share(station, exhibit)
    path, _, secret = shared.address.removeprefix("http://127.0.0.1:8440").partition("#")
    for _ in range(3):
        scanner = browser()
        scanner.request("GET", path)
        hand_in(scanner, secret)
        for form in scanner.forms():
            for _ in range(2):
                scanner.post(form.action, form.fields)
        scanner.get("/open/code")
    with station.ground.database.read() as session:
        assert session.query(Link).one().openings == 0
        assert session.query(LinkCode).one().used_at is None
        assert session.query(LinkCode).one().tries == 0
    assert not station.acts(ActKind.LINK_OPENED)
    opened(browser(), shared)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nonsense",
        "lnk_" + "0" * 32 + "." + "x" * 43,
        "http://127.0.0.1:8440/open",
        "lnk_'; DROP TABLE links;--.abc",
    ],
)
def test_a_wrong_link_is_told_the_same_whatever_is_wrong(
    station: Station, exhibit: str, browser: Browser, wrong: str
) -> None:
    shared = share(station, exhibit)
    almost = hand_in(browser(), shared.address[:-1] + ("A" if shared.address[-1] != "A" else "B")).page
    other = hand_in(browser(), wrong).page
    assert almost.status_code == other.status_code == 404
    assert almost.text == other.text
    assert "Rowe" not in almost.text
    assert "Smith" not in almost.text


def test_a_code_is_good_once(station: Station, exhibit: str, browser: Browser) -> None:
    shared = share(station, exhibit)
    opened(browser(), shared)
    second = hand_in(browser(), shared.address)
    assert second.submit("/open/code", {"code": shared.code.digits}).status_code == 422
    assert "not right, or it is too old" in second.page.text


def test_a_code_is_over_after_ten_minutes(station: Station, exhibit: str, browser: Browser, clock: ManualClock) -> None:
    shared = share(station, exhibit)
    visitor = hand_in(browser(), shared.address)
    clock.advance(timedelta(minutes=10))
    assert visitor.submit("/open/code", {"code": shared.code.digits}).status_code == 422


def test_five_wrong_codes_close_it_until_the_owner_reads_out_another(
    station: Station, exhibit: str, browser: Browser, signed_in: SignIn
) -> None:
    shared = share(station, exhibit)
    wrong = f"{(int(shared.code.digits) + 1) % 1_000_000:06}"
    visitor = hand_in(browser(), shared.address)
    statuses = [visitor.submit("/open/code", {"code": wrong}).status_code for _ in range(5)]
    assert statuses == [422, 422, 422, 422, 429]
    assert "Too many wrong codes" in visitor.page.text
    visitor = hand_in(browser(), shared.address)
    assert visitor.submit("/open/code", {"code": shared.code.digits}).status_code == 429
    assert len(station.acts(ActKind.LINK_REFUSED)) == 1
    owner = signed_in(station.people["Jane Anne Smith"])
    owner.visit(f"/links/{shared.link_id}")
    code = re.search(r"\b(\d{6})</h2>", owner.submit(f"/links/{shared.link_id}/code").text)
    assert code
    visitor = hand_in(browser(), shared.address)
    assert visitor.submit("/open/code", {"code": code[1]}).status_code == 303


def test_a_new_code_ends_the_one_before(station: Station, exhibit: str, browser: Browser) -> None:
    shared = share(station, exhibit)
    with station.ground.database.write() as session:
        links.issue_code(session, station.ground.sealer, station.ground.clock, session.query(Link).one())
    visitor = hand_in(browser(), shared.address)
    assert visitor.submit("/open/code", {"code": shared.code.digits}).status_code == 422


def test_a_standing_code_opens_twice_and_still_closes_after_five_wrong_ones(
    station: Station, exhibit: str, browser: Browser
) -> None:
    terms = Terms("The court", "A demonstration", station.ground.clock.now() + timedelta(days=1))
    shared = links.share(
        station.ground,
        exhibit_id=exhibit,
        by=station.people["Jane Anne Smith"].id,
        terms=terms,
        code_lasts=timedelta(hours=8),
        standing=True,
    )
    for _ in range(2):
        opened(browser(), shared)
    visitor = hand_in(browser(), shared.address)
    wrong = f"{(int(shared.code.digits) + 1) % 1_000_000:06}"
    for _ in range(5):
        visitor.submit("/open/code", {"code": wrong})
    visitor = hand_in(browser(), shared.address)
    assert visitor.submit("/open/code", {"code": shared.code.digits}).status_code == 429


def test_only_the_owner_gives_out_codes(station: Station, exhibit: str, signed_in: SignIn) -> None:
    shared = share(station, exhibit)
    colleague = signed_in(station.person("Omar Khan", "officer", "9000"))
    colleague.visit(f"/links/{shared.link_id}")
    assert colleague.submit(f"/links/{shared.link_id}/code").status_code == 403
    auditor = signed_in(station.person("Al Auditor", "auditor"))
    assert auditor.visit(f"/links/{shared.link_id}").status_code == 200
    assert auditor.submit(f"/links/{shared.link_id}/revoke").status_code == 403


def test_an_expired_link_says_so_to_its_recipient(
    station: Station, exhibit: str, browser: Browser, clock: ManualClock
) -> None:
    shared = share(station, exhibit, lasts=timedelta(hours=1))
    visitor = opened(browser(), shared)
    clock.advance(timedelta(hours=1))
    answer = visitor.get(f"/court/{shared.link_id}")
    assert answer.status_code == 410
    assert "expired" in answer.text
    fresh = hand_in(browser(), shared.address).page
    assert fresh.status_code == 410
    assert "Jane Anne Smith" in fresh.text, "whom to ask"


def test_a_revoked_link_is_shut_for_everybody_at_once(
    station: Station, exhibit: str, browser: Browser, signed_in: SignIn
) -> None:
    shared = share(station, exhibit)
    visitor = opened(browser(), shared)
    owner = signed_in(station.people["Jane Anne Smith"])
    owner.visit(f"/links/{shared.link_id}")
    form = owner.form(f"/links/{shared.link_id}/revoke")
    for _ in range(2):
        assert owner.post(form.action, form.fields).status_code == 200
    assert visitor.get(f"/court/{shared.link_id}").status_code == 410
    assert "was ended" in visitor.page.text
    assert hand_in(browser(), shared.address).page.status_code == 410
    assert len(station.acts(ActKind.LINK_REVOKED)) == 1
    assert owner.post(f"/links/{shared.link_id}/code", form.fields).status_code == 303, "no code for a dead link"


def test_a_link_for_one_opening_opens_once_and_goes_on_playing(
    station: Station, exhibit: str, browser: Browser
) -> None:
    shared = share(station, exhibit, openings=1)
    visitor = opened(browser(), shared)
    assert visitor.get(f"/court/{shared.link_id}").status_code == 200
    assert hand_in(browser(), shared.address).page.status_code == 410


def test_one_link_opens_nothing_of_another(station: Station, exhibit: str, browser: Browser) -> None:
    mine, other = share(station, exhibit), share(station, station.exhibit("21AB9999925"))
    visitor = opened(browser(), mine)
    assert visitor.get(f"/court/{other.link_id}").headers["location"] == "/open"
    assert visitor.begin(f"/court/{other.link_id}/viewings", "x").status_code == 401
    cookie = visitor.client.cookies[f"dockline-link-{mine.link_id}"]
    visitor.client.cookies.set(f"dockline-link-{other.link_id}", cookie, domain="127.0.0.1")
    assert visitor.get(f"/court/{other.link_id}").status_code == 303, "another link's cookie under its name"


def test_several_links_live_side_by_side_and_finishing_ends_them_all(
    station: Station, exhibit: str, browser: Browser
) -> None:
    first, second = share(station, exhibit), share(station, station.exhibit("21AB9999925"))
    visitor = opened(opened(browser(), first), second)
    for shared in (first, second):
        assert visitor.get(f"/court/{shared.link_id}").status_code == 200
    visitor.submit("/leave")
    assert "storage" in visitor.page.headers["clear-site-data"]
    for shared in (first, second):
        assert visitor.get(f"/court/{shared.link_id}").status_code == 303
    assert visitor.post("/leave", {}).status_code == 303


def test_a_court_session_outlives_a_lunch_and_not_the_day(
    station: Station, exhibit: str, browser: Browser, clock: ManualClock
) -> None:
    shared = share(station, exhibit)
    visitor = opened(browser(), shared)
    for _ in range(6):
        clock.advance(timedelta(minutes=110))
        assert visitor.get(f"/court/{shared.link_id}").status_code == 200
    clock.advance(timedelta(minutes=70))
    assert visitor.get(f"/court/{shared.link_id}").status_code == 303, "twelve hours are over"


def test_a_link_to_a_withdrawn_exhibit_is_ended_by_the_correction(
    station: Station, exhibit: str, browser: Browser
) -> None:
    shared = share(station, exhibit)
    visitor = opened(browser(), shared)
    station.refer(station.people["Jane Anne Smith"], "21AB7777725", station.recording_of(exhibit).id)
    assert visitor.get(f"/court/{shared.link_id}").status_code == 410
    with station.ground.database.read() as session:
        assert session.get_one(Exhibit, exhibit).withdrawn_at is not None
    (act,) = station.acts(ActKind.LINK_REVOKED)
    assert act.why == "the reference was corrected"


def test_neither_secret_nor_code_is_kept_or_comes_back_in_a_cookie(
    station: Station, exhibit: str, browser: Browser
) -> None:
    shared = share(station, exhibit)
    secret = shared.address.rpartition(".")[2]
    visitor = hand_in(browser(), shared.address)
    assert secret not in str(visitor.client.cookies)
    assert secret not in visitor.page.text
    with station.ground.database.read() as session:
        assert secret not in session.query(Link).one().secret_hash
        assert shared.code.digits not in session.query(LinkCode).one().mark
    data = station.ground.settings.data / "dockline.sqlite3"
    kept = data.read_bytes() + data.with_name(data.name + "-wal").read_bytes()
    assert secret.encode() not in kept


def test_a_prosecutor_shares_too_and_an_auditor_does_not(station: Station, exhibit: str, signed_in: SignIn) -> None:
    prosecutor = signed_in(station.person("Pat Prosecutor", "prosecutor"))
    prosecutor.visit(f"/exhibits/{exhibit}/links")
    assert prosecutor.submit(f"/exhibits/{exhibit}/links", TYPED).status_code == 200
    assert signed_in(station.person("Al Auditor", "auditor")).get(f"/exhibits/{exhibit}/links").status_code == 403
