"""Viewings: the entry before the first byte, and the question asked anew before every byte after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi import FastAPI

from custody.entry import ActKind
from evidence.clock import ManualClock
from evidence.digest import Digest
from evidence.identifiers import new_id
from evidence.models import Link, Person, Recording, RedactionPlan, Rendition, Viewing
from portal import acts, links
from portal.people import actor_of
from portal.routes.play import Range, disposition
from tests.portal.conftest import CLIP, Browser, Somebody, Station
from tests.portal.test_links import opened, share
from tests.portal.visitor import Visitor
from transcode.profiles import SPRITE
from transcode.redaction.plan import Box, Plan, Reason, Track

SignIn = Callable[[Somebody], Visitor]


@pytest.fixture
def exhibit(station: Station) -> str:
    return station.exhibit()


@dataclass
class Watching:
    """A browser on an exhibit's page, with the token that its player has."""

    visitor: Visitor
    page: str

    def begin(self, **fields: str) -> dict:  # type: ignore[type-arg]
        answer = self.visitor.begin(f"{self.page}/viewings", self.visitor.token(), **fields)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]


@pytest.fixture
def officer(station: Station, exhibit: str, signed_in: SignIn) -> Watching:
    visitor = signed_in(station.people["Jane Anne Smith"])
    visitor.visit(f"/exhibits/{exhibit}")
    return Watching(visitor, f"/exhibits/{exhibit}")


@pytest.fixture
def court(station: Station, exhibit: str, browser: Browser) -> Watching:
    shared = share(station, exhibit, may_download=True)
    return Watching(opened(browser(), shared), f"/court/{shared.link_id}")


def revoke(station: Station) -> None:
    with station.ground.database.write() as session:
        link = session.query(Link).one()
        by = acts.staff(session, actor_of(session.get_one(Person, link.created_by)))
        links.revoke(session, station.ground.clock, link, by, link.created_by)


def test_a_viewing_is_one_entry_however_many_segments_it_takes(station: Station, court: Watching) -> None:
    told = court.begin()
    base = told["playback"]["source"].removesuffix("master.m3u8")
    for name in ("master.m3u8", "media.m3u8", "init.mp4", "0.m4s", "1.m4s", "2.m4s", "frames.json"):
        answer = court.visitor.fetch(base + name)
        assert answer.status_code == 200, name
        assert answer.headers["cache-control"] == "no-store"
    (act,) = station.acts(ActKind.PLAYED)
    assert act.using["viewing"] == told["viewing"]
    assert act.on["link"]
    assert act.who.role == "recipient"


def test_the_entry_is_durable_before_anything_has_an_address(station: Station, court: Watching) -> None:
    assert "/play/" not in court.visitor.page.text
    assert not station.acts(ActKind.PLAYED)
    told = court.begin()
    with station.ground.database.read() as session:
        viewing = session.get_one(Viewing, told["viewing"])
    assert viewing.entry_id > 0
    assert len(station.acts(ActKind.PLAYED)) == 1


def test_the_first_watching_by_a_court_stops_the_clock_and_an_officers_does_not(
    station: Station, exhibit: str, officer: Watching, court: Watching, clock: ManualClock
) -> None:
    officer.begin()
    assert station.recording_of(exhibit).watched_at is None
    clock.advance(timedelta(minutes=1))
    court.begin()
    first = station.recording_of(exhibit).watched_at
    assert first == clock.now()
    clock.advance(timedelta(minutes=1))
    court.begin()
    assert station.recording_of(exhibit).watched_at == first


def test_revocation_bites_at_the_next_segment_and_says_why(station: Station, court: Watching) -> None:
    base = court.begin()["playback"]["source"].removesuffix("master.m3u8")
    assert court.visitor.fetch(base + "0.m4s").status_code == 200
    revoke(station)
    answer = court.visitor.fetch(base + "1.m4s")
    assert (answer.status_code, answer.json()["code"]) == (410, "link-over")
    assert court.visitor.fetch(base + "status.json").status_code == 410
    assert court.visitor.begin(f"{court.page}/viewings", court.visitor.token()).status_code == 410


def test_expiry_bites_in_the_middle_of_a_film(
    station: Station, exhibit: str, browser: Browser, clock: ManualClock
) -> None:
    shared = share(station, exhibit, lasts=timedelta(minutes=30))
    watching = Watching(opened(browser(), shared), f"/court/{shared.link_id}")
    base = watching.begin()["playback"]["source"].removesuffix("master.m3u8")
    clock.advance(timedelta(minutes=30))
    assert watching.visitor.fetch(base + "0.m4s").status_code == 410


def test_playing_keeps_a_session_alive_and_asking_for_the_state_does_not(officer: Watching, clock: ManualClock) -> None:
    told = officer.begin()
    base = told["playback"]["source"].removesuffix("master.m3u8")
    for _ in range(6):
        clock.advance(timedelta(minutes=20))
        assert officer.visitor.fetch(base + "0.m4s").status_code == 200
    clock.advance(timedelta(minutes=20))
    assert officer.visitor.fetch(told["status"]).status_code == 200
    clock.advance(timedelta(minutes=20))
    answer = officer.visitor.fetch(base + "0.m4s")
    assert (answer.status_code, answer.json()["code"]) == (401, "not-signed-in")


def test_a_session_that_is_ended_while_playing_plays_no_further(
    station: Station, officer: Watching, signed_in: SignIn
) -> None:
    base = officer.begin()["playback"]["source"].removesuffix("master.m3u8")
    other = signed_in(station.people["Jane Anne Smith"])
    other.visit("/sessions")
    other.submit("/sessions")
    assert officer.visitor.fetch(base + "0.m4s").status_code == 401


def test_a_closed_account_plays_no_further(station: Station, officer: Watching) -> None:
    base = officer.begin()["playback"]["source"].removesuffix("master.m3u8")
    with station.ground.database.write() as session:
        session.get_one(Person, station.people["Jane Anne Smith"].id).active = False
    assert officer.visitor.fetch(base + "0.m4s").status_code == 401


def test_a_viewing_belongs_to_its_session_alone(
    station: Station, officer: Watching, court: Watching, signed_in: SignIn, browser: Browser
) -> None:
    hers, theirs = officer.begin(), court.begin()
    colleague = signed_in(station.person("Omar Khan", "officer", "9000"))
    for stranger in (colleague, browser()):
        for told in (hers, theirs):
            assert stranger.fetch(told["playback"]["source"]).status_code == 404
    assert officer.visitor.fetch(theirs["playback"]["source"]).status_code == 404
    assert court.visitor.fetch(hers["playback"]["source"]).status_code == 404
    assert officer.visitor.fetch(f"/play/{'vie_' + '0' * 32}/0.m4s").status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "script"},
    ],
)
def test_pieces_go_to_the_player_on_this_portals_page_only(court: Watching, headers: dict[str, str]) -> None:
    source = court.begin()["playback"]["source"]
    assert court.visitor.fetch(source, headers).status_code == 403


def test_the_best_copy_is_shown_and_the_other_on_request_each_with_its_entry(
    station: Station, exhibit: str, officer: Watching
) -> None:
    first = officer.begin()
    assert first["playback"]["rendition"] == "original"
    assert (
        officer.visitor.begin(f"{officer.page}/viewings", officer.visitor.token(), rendition="proxy").status_code == 422
    )
    station.proxy(station.recording_of(exhibit).id)
    later = officer.visitor.fetch(first["status"]).json()
    assert later["playback"] == {"rendition": "proxy", "source": None, "frames": None}
    second = officer.begin()
    assert second["playback"]["rendition"] == "proxy"
    base = second["playback"]["source"].removesuffix("master.m3u8")
    assert officer.visitor.fetch(base + "0.m4s").text.startswith("proxy segment 0 of 17 bytes")
    third = officer.begin(rendition="original")
    assert third["playback"]["rendition"] == "original"
    shown = [(act.using["rendition"], act.on["digest"]) for act in station.acts(ActKind.PLAYED)]
    master = station.recording_of(exhibit).digest
    proxy = str(Digest.of(b"the playback copy"))
    assert shown == [("original", master), ("playback-1", proxy), ("original", master)]


def test_where_nothing_plays_yet_there_is_no_entry_and_a_place_to_ask_again(
    station: Station, exhibit: str, court: Watching
) -> None:
    recording = station.recording_of(exhibit).id
    with station.ground.database.write() as session:
        session.get_one(Recording, recording).probe = {"playable": False}
    told = court.begin()
    assert told["viewing"] is None
    assert told["playback"] is None
    assert "is being made" in told["note"]
    assert court.visitor.fetch(told["status"]).json()["playback"] is None
    assert not station.acts(ActKind.PLAYED)
    station.proxy(recording)
    assert court.visitor.fetch(told["status"]).json()["playback"]["rendition"] == "proxy"
    assert not station.acts(ActKind.PLAYED), "asking is not watching"
    assert court.begin()["playback"]["rendition"] == "proxy"


def suggest(station: Station, recording: str) -> None:
    """A machine's suggestion: one face in two frames."""
    boxes = tuple(Box(frame, frame * 40, 0.1, 0.2, 0.3, 0.4, 0.9, Reason.DETECTED) for frame in (7, 8))
    with station.ground.database.read() as session:
        digest = Digest.parse(session.get_one(Recording, recording).digest)
    plan = Plan(digest, 1000, 500, 1280, 720, (Track("t1", "face", boxes),))
    key = f"plans/{recording}/1.json"
    station.ground.objects.put_once(key, plan.to_json())
    with station.ground.database.write() as session:
        session.add(
            RedactionPlan(id=new_id("pln"), recording_id=recording, version=1, state="suggestion", object_key=key)
        )


def test_suggestions_are_drawn_for_officers_and_never_told_to_a_court(
    station: Station, exhibit: str, officer: Watching, court: Watching
) -> None:
    suggest(station, station.recording_of(exhibit).id)
    told = officer.begin()
    assert officer.visitor.fetch(told["suggestions"]).json() == {
        "version": 1,
        "width": 1280,
        "height": 720,
        "tracks": [{"id": "t1", "kind": "face", "first": 7, "boxes": [[0.1, 0.2, 0.3, 0.4]] * 2}],
    }
    assert "face" in officer.visitor.visit(officer.page).text.lower()
    theirs = court.begin()
    assert theirs["suggestions"] is None
    assert court.visitor.fetch(f"/play/{theirs['viewing']}/suggestions.json").status_code == 404


def test_thumbnails_come_from_what_workers_made(station: Station, exhibit: str, officer: Watching) -> None:
    assert officer.begin()["sprite"] is None
    recording = station.recording_of(exhibit).id
    folder = f"renditions/{recording}/{SPRITE.name}"
    station.ground.objects.put_once(f"{folder}/sprite.vtt", b"WEBVTT")
    station.ground.objects.put_once(f"{folder}/sprite-0.jpg", b"jpeg")
    with station.ground.database.write() as session:
        parts = {"sprite-0.jpg": {"key": f"{folder}/sprite-0.jpg"}}
        row = Rendition(id=new_id("ren"), recording_id=recording, profile=SPRITE.name, state="ready")
        row.object_key, row.detail = f"{folder}/sprite.vtt", {"parts": parts}
        session.add(row)
    sprite = officer.begin()["sprite"]
    assert officer.visitor.fetch(sprite).headers["content-type"].startswith("text/vtt")
    assert officer.visitor.fetch(sprite.replace("sprite.vtt", "sprite-0.jpg")).content == b"jpeg"
    for name in ("sprite-1.jpg", "..%2F..%2Fproxy.mp4", "9.m4s", "00.m4s", "-1.m4s", "secret"):
        assert officer.visitor.fetch(sprite.replace("sprite.vtt", name)).status_code == 404


def test_a_download_is_disclosed_to_its_recipient_before_the_first_byte(
    station: Station, exhibit: str, court: Watching
) -> None:
    recording = station.recording_of(exhibit)
    leads = court.visitor.get(f"{court.page}/original")
    assert leads.status_code == 303
    (act,) = station.acts(ActKind.DOWNLOADED)
    assert act.recipient is not None
    assert act.on["digest"] == recording.digest
    answer = court.visitor.get(leads.headers["location"])
    assert answer.status_code == 200
    assert str(Digest.of(answer.content)) == recording.digest
    assert answer.headers["etag"] == f'"{recording.digest}"'
    assert answer.headers["content-disposition"].startswith('attachment; filename="clip-1.mp4"')


def test_a_download_that_was_cut_goes_on_by_a_range_and_stays_one_entry(
    station: Station, exhibit: str, officer: Watching
) -> None:
    whole = CLIP + b"clip-1.mp4"
    where = officer.visitor.get(f"{officer.page}/original").headers["location"]
    size = station.recording_of(exhibit).size
    first = officer.visitor.get(where, {"Range": "bytes=0-999"})
    rest = officer.visitor.get(where, {"Range": "bytes=1000-", "If-Range": first.headers["etag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    assert rest.headers["content-range"] == f"bytes 1000-{size - 1}/{size}"
    assert (first.content + rest.content).startswith(whole)
    assert officer.visitor.get(where, {"Range": f"bytes={size}-"}).status_code == 416
    assert officer.visitor.get(where, {"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == 200
    assert officer.visitor.request("HEAD", where).headers["content-length"] == str(size)
    assert len(station.acts(ActKind.DOWNLOADED)) == 1


def test_a_link_for_watching_downloads_nothing(station: Station, exhibit: str, browser: Browser) -> None:
    shared = share(station, exhibit)
    visitor = opened(browser(), shared)
    assert visitor.get(f"/court/{shared.link_id}/original").status_code == 403
    viewing = Watching(visitor, f"/court/{shared.link_id}")
    visitor.visit(viewing.page)
    told = viewing.begin()
    assert visitor.get(f"/downloads/{told['viewing']}").status_code == 404, "a viewing is no download"
    assert not station.acts(ActKind.DOWNLOADED)


def test_a_foreign_page_begins_no_download_and_no_viewing(officer: Watching, station: Station) -> None:
    assert officer.visitor.get(f"{officer.page}/original", {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert not station.acts(ActKind.DOWNLOADED)


def test_a_revoked_link_stops_a_download_at_the_next_piece(station: Station, court: Watching, app: FastAPI) -> None:
    from portal.court import LinkClosed
    from portal.dependencies import Playing
    from portal.routes.play import pieces

    where = court.visitor.get(f"{court.page}/original").headers["location"]
    portal = app.state.portal
    showing = portal.showings.find(station.ground, where.rpartition("/")[2])
    running = pieces(Playing(portal, showing, idle=False), Range(0, 20, partial=False))
    assert next(running)
    more = pieces(Playing(portal, showing, idle=False), Range(0, 20, partial=False))
    revoke(station)
    with pytest.raises(LinkClosed):
        next(more)
    assert court.visitor.get(where).status_code == 410


def test_administrators_and_auditors_begin_no_viewing(station: Station, exhibit: str, signed_in: SignIn) -> None:
    for role in ("administrator", "auditor"):
        visitor = signed_in(station.person(f"The {role}", role))
        visitor.visit("/sessions")
        assert visitor.begin(f"/exhibits/{exhibit}/viewings", visitor.token()).status_code == 403
        assert visitor.get(f"/exhibits/{exhibit}/original").status_code == 403
    assert not station.acts(ActKind.PLAYED)


def test_a_recording_in_no_case_is_watched_by_its_officer(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"a.mp4": "expected"})
    recording = station.store(docking, "a.mp4")
    visitor = signed_in(jane)
    visitor.visit(f"/recordings/{recording}")
    told = Watching(visitor, f"/recordings/{recording}").begin()
    assert visitor.fetch(told["playback"]["source"]).status_code == 200
    (act,) = station.acts(ActKind.PLAYED)
    assert act.on["recording"] == recording


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 100, False)),
        ("bytes=0-9", (0, 10, True)),
        ("bytes=90-", (90, 10, True)),
        ("bytes=-10", (90, 10, True)),
        ("bytes=-1000", (0, 100, True)),
        ("bytes=50-5000", (50, 50, True)),
        ("bytes=0-0,5-6", (0, 100, False)),
        ("items=0-1", (0, 100, False)),
        ("bytes=-", (0, 100, False)),
        ("bytes=9-5", None),
        ("bytes=100-", None),
        ("bytes=-0", None),
    ],
)
def test_ranges_as_rfc_9110_has_them(header: str | None, expected: tuple[int, int, bool] | None) -> None:
    found = Range.asked(header, None, '"e"', 100)
    assert (found and (found.first, found.length, found.partial)) == expected


def test_a_hostile_file_name_stays_a_file_name() -> None:
    said = disposition('../../etc/"pass\r\nwd\\..\\第4.mp4')
    assert "\r" not in said
    assert "/" not in said.split("filename*")[0]
    assert said.count('"') == 2
    assert said.startswith("attachment; ")
