"""The first administrator, those who are invited, those who leave, and docks."""

import re
from collections.abc import Callable
from datetime import timedelta

from custody.entry import ActKind
from evidence.clock import ManualClock
from evidence.ground import Ground
from evidence.models import Agency, Dock, EnrolmentCode, Person, SetupLink
from evidence.onetime import code_hash
from portal import second_factor
from portal.docks import issue_enrolment_code
from portal.people import first_setup_link, invite_person
from tests.portal.conftest import PASSWORD, Browser, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]


def open_link(visitor: Visitor, address: str) -> Visitor:
    path, _, secret = address.partition("#")
    visitor.get(path.removeprefix("http://127.0.0.1:8440"))
    visitor.submit("/set-up", {"link": secret})
    visitor.follow()
    return visitor


def key_on(visitor: Visitor) -> str:
    """The authenticator's key as the page shows it."""
    found = re.search(r"((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})", visitor.page.text)
    assert found, visitor.page.text
    return found[1].replace(" ", "")


def finish(visitor: Visitor, ground: Ground, **typed: str) -> Visitor:
    code = second_factor.code_at(key_on(visitor), ground.clock.now())
    visitor.submit("/set-up/details", {"password": PASSWORD, "code": code, **typed})
    return visitor


ADA = {"name": "Ada Lovelace", "email": "Ada@Force.example", "agency": "Northshire Police"}


def test_the_first_administrator_sets_up_once_and_is_signed_in(ground: Ground, browser: Browser) -> None:
    address = first_setup_link(ground)
    assert address
    visitor = open_link(browser(), address)
    assert "<svg" in visitor.page.text
    assert finish(visitor, ground, **ADA).page.status_code == 303, visitor.page.text
    assert visitor.visit("/").url.path == "/docks"
    with ground.database.read() as session:
        assert session.query(Person).one().email == "ada@force.example"
        assert session.query(Agency).one().name == "Northshire Police"
    assert first_setup_link(ground) is None
    assert "not valid any more" in open_link(browser(), address).page.text


def test_looking_at_a_set_up_link_spends_nothing_and_a_new_one_ends_the_old(ground: Ground, browser: Browser) -> None:
    old = first_setup_link(ground)
    for _ in range(3):
        assert "Add Dockline" in open_link(browser(), old or "").page.text
    new = first_setup_link(ground)
    assert "not valid any more" in open_link(browser(), old or "").page.text
    assert "Add Dockline" in open_link(browser(), new or "").page.text


def test_a_set_up_link_is_over_after_an_hour_and_never_kept_in_clear(
    ground: Ground, browser: Browser, clock: ManualClock
) -> None:
    address = first_setup_link(ground) or ""
    with ground.database.read() as session:
        assert session.query(SetupLink).one().id not in address
    clock.advance(timedelta(hours=1))
    assert "not valid any more" in open_link(browser(), address).page.text


def test_two_browsers_that_finish_one_link_make_one_administrator(ground: Ground, browser: Browser) -> None:
    address = first_setup_link(ground) or ""
    first, second = open_link(browser(), address), open_link(browser(), address)
    assert finish(first, ground, **ADA).page.status_code == 303
    assert finish(second, ground, **{**ADA, "email": "b@force.example"}).page.status_code == 422
    with ground.database.read() as session:
        assert session.query(Person).count() == 1


def test_what_is_not_right_is_said_beside_its_field_and_nothing_is_made(ground: Ground, browser: Browser) -> None:
    visitor = open_link(browser(), first_setup_link(ground) or "")
    visitor.submit("/set-up/details", {"name": "", "email": "no address", "password": "short", "code": "1"})
    assert visitor.page.status_code == 422
    for words in ("Enter a name", "correct format", "12 characters or more", "security code is not right"):
        assert words in visitor.page.text
    assert finish(visitor, ground, **ADA).page.status_code == 303, "the same authenticator key goes on"


def test_somebody_invited_joins_as_the_administrator_said_and_not_as_they_type(
    station: Station, browser: Browser
) -> None:
    address = invite_person(station.ground, name="Omar Khan", email="omar@force.example", role="officer", collar="9000")
    visitor = open_link(browser(), address)
    assert (
        finish(visitor, station.ground, name="Jane Smith", email="x@y.example", collar="4417").page.status_code == 303
    )
    with station.ground.database.read() as session:
        person = session.query(Person).filter_by(name="Omar Khan").one()
        assert (person.collar, person.role, person.email) == ("9000", "officer", "omar@force.example")
    (act,) = station.acts(ActKind.PERSON_ENROLLED)
    assert act.on["person"] == person.id


def test_an_administrator_invites_and_the_link_is_shown_once(
    station: Station, signed_in: SignIn, browser: Browser
) -> None:
    visitor = signed_in(station.person("Ada Admin", "administrator"))
    visitor.visit("/people")
    page = visitor.submit("/people", {"name": "Zoë Ångström", "email": "zoe@cps.example", "role": "prosecutor"})
    found = re.search(r"http://127\.0\.0\.1:8440/set-up#[\w-]+", page.text)
    assert found
    assert "set-up#" not in visitor.visit("/people").text
    assert "Zoë Ångström" in visitor.page.text
    assert finish(open_link(browser(), found[0]), station.ground).page.status_code == 303
    visitor.submit("/people", {"name": "Another", "email": "ZOE@cps.example", "role": "officer"})
    assert visitor.page.status_code == 422
    assert "has an account already" in visitor.page.text


def test_a_closed_account_is_out_at_once_and_its_links_are_dead(
    station: Station, signed_in: SignIn, browser: Browser
) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    admin, officer = signed_in(station.person("Ada Admin", "administrator")), signed_in(jane)
    admin.visit("/people")
    found = re.search(r"http://\S+/set-up#[\w-]+", admin.submit(f"/people/{jane.id}/invite").text)
    assert found
    admin.submit(f"/people/{jane.id}/remove")
    assert "is closed" in admin.page.text
    assert officer.get("/footage").status_code == 303
    assert "not valid any more" in open_link(browser(), found[0]).page.text
    officer.get("/sign-in")
    assert officer.submit("/sign-in", {"email": jane.email, "password": PASSWORD}).status_code == 422
    (act,) = station.acts(ActKind.PERSON_REVOKED)
    assert act.on["person"] == jane.id


def test_a_new_set_up_link_replaces_password_and_authenticator_and_ends_sessions(
    station: Station, signed_in: SignIn, browser: Browser
) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    admin, officer = signed_in(station.person("Ada Admin", "administrator")), signed_in(jane)
    admin.visit("/people")
    found = re.search(r"http://\S+/set-up#[\w-]+", admin.submit(f"/people/{jane.id}/invite").text)
    assert found
    assert officer.get("/footage").status_code == 200, "the old ones work until the link is used"
    assert (
        finish(open_link(browser(), found[0]), station.ground, password="another fine harbour").page.status_code == 303
    )
    assert officer.get("/footage").status_code == 303
    officer.get("/sign-in")
    assert officer.submit("/sign-in", {"email": jane.email, "password": PASSWORD}).status_code == 422


def test_nobody_closes_their_own_account_or_one_of_another_agency(station: Station, signed_in: SignIn) -> None:
    ada = station.person("Ada Admin", "administrator")
    foreign = station.person("Foreign Officer", "officer")
    with station.ground.database.write() as session:
        now = station.ground.clock.now() + timedelta(days=1)
        session.add(Agency(id="ag_2", name="Elsewhere", kind="police", created_at=now))
        session.flush()
        session.get_one(Person, foreign.id).agency_id = "ag_2"
    visitor = signed_in(ada)
    assert "Foreign" not in visitor.visit("/people").text
    for person in (ada.id, foreign.id, "per_" + "0" * 32):
        assert visitor.post(f"/people/{person}/remove", {"form_token": visitor.token()}).status_code == 404
        visitor.visit("/people")


def test_a_dock_gets_a_code_that_is_kept_as_a_hash_and_shown_once(station: Station, signed_in: SignIn) -> None:
    visitor = signed_in(station.person("Ada Admin", "administrator"))
    page = visitor.submit("/docks/codes", {"name": "Charlie 3", "station": "Hanley"})
    found = re.search(r"--enrol ([0-9A-Z-]{24})", page.text)
    assert found
    with station.ground.database.read() as session:
        kept = session.query(EnrolmentCode).one()
        assert kept.id == code_hash(found[1].lower())
        assert kept.dock_name == "Charlie 3"
    assert found[1] not in visitor.visit("/docks").text
    assert visitor.submit("/docks/codes", {"name": " "}).status_code == 422
    assert len(issue_enrolment_code(station.ground, "Desk")) == 24


def test_a_revoked_dock_stays_revoked_and_is_told_once(station: Station, signed_in: SignIn) -> None:
    visitor = signed_in(station.person("Ada Admin", "administrator"))
    visitor.visit("/docks")
    form = visitor.form(f"/docks/{station.dock}/revoke")
    for _ in range(2):
        visitor.post(form.action, form.fields)
    assert "Revoked" in visitor.follow().text
    with station.ground.database.read() as session:
        assert session.get_one(Dock, station.dock).revoked_at is not None
    assert len(station.acts(ActKind.DOCK_REVOKED)) == 1
