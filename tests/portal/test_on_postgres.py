"""The same portal on PostgreSQL: one journey through everything that locks, counts or compares."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from custody.entry import ActKind
from evidence.clock import ManualClock
from evidence.database import Database
from evidence.ground import Ground, open_ground
from evidence.migrate import migrate
from evidence.models import Case, DockedFile, Exhibit, Link
from evidence.settings import Settings
from portal import acts, attempts, links, second_factor
from portal.actors import join_case
from portal.people import actor_of, invite_person
from tests.portal.conftest import PASSWORD, Browser, Somebody, Station
from tests.portal.test_links import hand_in, opened, share
from tests.portal.test_people import finish, open_link
from tests.portal.test_playback import Watching
from tests.portal.visitor import Visitor

pytestmark = pytest.mark.postgres
SignIn = Callable[[Somebody], Visitor]


@pytest.fixture
def ground(tmp_path: Path, postgres_url: str, clock: ManualClock) -> Iterator[Ground]:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    opened = open_ground(Settings(data=data), clock)
    opened.database.close()
    database = Database(postgres_url, pool=4)
    migrate(database)
    yield replace(opened, database=database)
    database.close()


def test_footage_travels_from_the_officer_to_the_court(station: Station, signed_in: SignIn, browser: Browser) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("", {"a.mp4": "stored", "late.mp4": "uploading"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    visitor.submit(f"/footage/{docking}/claim")
    visitor.follow()
    with station.ground.database.read() as session:
        files = [file.id for file in session.query(DockedFile).filter_by(docking_id=docking)]
    page = visitor.submit(f"/footage/{docking}/reference", {"reference": "21AB1234525", "files": files})
    assert "JAS/1" in page.text, page.text
    join_case(station.ground, station.store(docking, "late.mp4"))
    station.publish()
    assert "late.mp4" in visitor.visit("/footage").text
    exhibit = re.findall(r'href="/exhibits/(exh_\w+)"', visitor.page.text)[0]
    assert "Download proof" in visitor.visit(f"/exhibits/{exhibit}").text
    assert "2 exhibits" in visitor.visit(re.findall(r"/cases/cas_\w+", visitor.page.text)[0]).text
    assert "1 case found" in visitor.visit("/cases?q=1234").text

    shared = share(station, exhibit, may_download=True)
    wrong = f"{(int(shared.code.digits) + 1) % 1_000_000:06}"
    assert hand_in(browser(), shared.address).submit("/open/code", {"code": wrong}).status_code == 422
    court = Watching(opened(browser(), shared), f"/court/{shared.link_id}")
    source = court.begin()["playback"]["source"]
    assert court.visitor.fetch(source).status_code == 200
    assert court.visitor.get(court.visitor.get(f"{court.page}/original").headers["location"]).status_code == 200
    with station.ground.database.write() as session:
        link = session.get_one(Link, shared.link_id)
        links.revoke(session, station.ground.clock, link, acts.recipient(session, link), "")
    assert court.visitor.fetch(source).status_code == 410
    assert len(station.acts(ActKind.PLAYED)) == 1
    assert any(row["clock"]["watched"] for row in visitor.get("/api/v1/recordings").json()["recordings"])


def test_people_join_sign_in_and_wait_after_wrong_tries(station: Station, browser: Browser) -> None:
    ground = station.ground
    address = invite_person(ground, name="Omar Khan", email="omar@force.example", role="officer", collar="9000")
    assert finish(open_link(browser(), address), ground).page.status_code == 303
    jane = station.person("Jane Anne Smith", "officer", "4417")
    for password, status in (("wrong password!", 422), (PASSWORD, 303)):
        visitor = browser()
        visitor.get("/sign-in")
        assert visitor.submit("/sign-in", {"email": jane.email, "password": password}).status_code == status
    visitor.follow()
    code = second_factor.code_at(jane.totp_secret, ground.clock.now())
    visitor.submit("/sign-in/code", {"code": code})
    assert visitor.follow().status_code == 200
    with ground.database.write() as session:
        place = attempts.place_of(ground.sealer, "sign-in", "203.0.113.7")
        for _ in range(attempts.LIMIT):
            attempts.count(session, place, ground.clock.now())
    visitor = browser()
    visitor.get("/sign-in")
    assert visitor.submit("/sign-in", {"email": jane.email, "password": PASSWORD}).status_code == 429


def test_eight_officers_who_type_one_new_reference_at_once_open_one_case(station: Station) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {f"{number}.mp4": "expected" for number in range(8)})
    recordings = [station.store(docking, f"{number}.mp4") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda recording: station.refer(jane, "21AB1234525", recording)[0], recordings))
    with station.ground.database.read() as session:
        assert session.query(Case).count() == 1
        references = {session.get_one(Exhibit, exhibit).reference for exhibit in made}
    assert references == {f"JAS/{number}" for number in range(1, 9)}
    assert len(station.acts(ActKind.CASE_OPENED)) == 1


def test_what_somebody_may_do_follows_their_row(station: Station) -> None:
    officer = station.person("Jane Anne Smith", "officer", "4417")
    with station.ground.database.read() as session:
        from evidence.models import Person

        assert actor_of(session.get_one(Person, officer.id)).agency_name == station.ground.settings.agency
