"""Finding a case however its URN is typed, an exhibit's page, and what each role sees of it."""

import re
from collections.abc import Callable

import pytest

from custody.entry import ActKind
from custody.ledger import log_key
from custody.policy import Policy
from custody.proof import TlogProof
from custody.verify import verify_file
from evidence.digest import Digest
from evidence.models import Agency, Case, Person, Recording
from portal import cases
from portal.people import actor_of
from tests.portal.conftest import Browser, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]


def hits(visitor: Visitor, typed: str) -> list[str]:
    page = visitor.get(f"/cases?q={typed}")
    assert page.status_code == 200
    return re.findall(r'href="/cases/(cas_\w+)"', page.text)


@pytest.mark.parametrize(
    "typed",
    [
        "21AB1234525",
        "21ab1234525",
        " 21 AB 12345 25 ",
        "21AB%2F12345%2F25",
        "21-ab-12345-25",
        "21AB123",
        "12345",
        "2345",
    ],
)
def test_a_case_is_found_however_its_urn_is_typed(station: Station, signed_in: SignIn, typed: str) -> None:
    station.exhibit("21AB1234525")
    station.exhibit("99ZZ0000001")
    assert len(hits(signed_in(station.people["Jane Anne Smith"]), typed)) == 1


@pytest.mark.parametrize(
    "typed", ["21", "%25%25%25", "___", "' OR 1=1", "<script>alert(1)</script>", "99XX9999999", "ж" * 100]
)
def test_a_search_that_finds_nothing_says_so_in_words(station: Station, signed_in: SignIn, typed: str) -> None:
    station.exhibit()
    visitor = signed_in(station.people["Jane Anne Smith"])
    assert hits(visitor, typed) == []
    assert "No case found" in visitor.page.text
    assert "<script>alert" not in visitor.page.text


def test_the_case_page_shows_exhibits_and_how_long_each_took(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit("INC-42")
    visitor = signed_in(station.people["Jane Anne Smith"])
    (case,) = hits(visitor, "INC42")
    page = visitor.get(f"/cases/{case}").text
    for words in ("JAS/1", "clip-1.mp4", "1 exhibit", "not shaped like a URN", "None yet", f"/exhibits/{exhibit}"):
        assert words in page


def test_another_agencys_case_is_not_there(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    foreign = station.person("Frida Foreign", "officer", "4417")
    with station.ground.database.write() as session:
        session.add(Agency(id="ag_2", name="Elsewhere", kind="police", created_at=station.ground.clock.now()))
        session.flush()
        session.get_one(Person, foreign.id).agency_id = "ag_2"
        case = session.query(Case).one().id
    visitor = signed_in(foreign)
    assert hits(visitor, "21AB1234525") == []
    guessed = visitor.get("/cases/cas_" + "0" * 32)
    for path in (f"/cases/{case}", f"/exhibits/{exhibit}", f"/exhibits/{exhibit}/links"):
        answer = visitor.get(path)
        assert answer.status_code == guessed.status_code == 404
        assert without_token(answer.text) == without_token(guessed.text), "foreign and unknown look the same"


def without_token(text: str) -> str:
    return re.sub(r'value="[\w-]+\.\w+"', "", text)


def test_one_urn_typed_by_two_agencies_is_two_cases(station: Station) -> None:
    station.exhibit("21AB1234525")
    foreign = station.person("Frida Foreign", "officer", "1")
    with station.ground.database.write() as session:
        session.add(Agency(id="ag_2", name="Elsewhere", kind="police", created_at=station.ground.clock.now()))
        session.flush()
        person = session.get_one(Person, foreign.id)
        person.agency_id = "ag_2"
        session.flush()
        session.refresh(person)
        from evidence.identifiers import Urn
        from portal import acts

        actor = actor_of(person)
        case = cases.open_or_join(
            session, station.ground.clock, actor, Urn.parse("21AB1234525"), acts.staff(session, actor)
        )
        assert case.urn is None
        assert session.query(Case).count() == 2


def test_the_exhibit_page_tells_facts_continuity_and_renditions(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    recording = station.recording_of(exhibit)
    station.proxy(recording.id)
    station.publish()
    page = signed_in(station.people["Jane Anne Smith"]).visit(f"/exhibits/{exhibit}").text
    for words in (
        "JAS/1",
        recording.digest.removeprefix("sha256:"),
        "The original was stored",
        "made an exhibit",
        "Jane Anne Smith (4417)",
        "Download proof",
        "Playback copy",
        "1280 x 720, H264",
        f'data-begin="/exhibits/{exhibit}/viewings"',
        "1.2 s ahead of UTC",
    ):
        assert words in page
    assert "/play/" not in page, "no address of the film stands on the page"


def test_a_proof_from_the_page_verifies_offline_with_nothing_but_the_key(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    station.publish()
    visitor = signed_in(station.people["Jane Anne Smith"])
    page = visitor.visit(f"/exhibits/{exhibit}").text
    first = re.findall(r'href="(/exhibits/\w+/proofs/\d+)"', page)[0]
    answer = visitor.get(first)
    assert answer.headers["content-disposition"].endswith('.tlog-proof"')
    proof = TlogProof.parse(answer.content)
    policy = Policy.parse(f"log {log_key(station.ground)}\nquorum none\n".encode())
    recording = station.recording_of(exhibit)
    assert verify_file(Digest.parse(recording.digest), proof.extra or b"", answer.content, policy).holds
    assert not verify_file(Digest.of(b"another file"), proof.extra or b"", answer.content, policy).holds


def test_a_proof_belongs_to_the_exhibit_it_is_asked_of(station: Station, signed_in: SignIn) -> None:
    first, second = station.exhibit("21AB0000125"), station.exhibit("21AB0000225")
    station.publish()
    visitor = signed_in(station.people["Jane Anne Smith"])
    entry = re.findall(r"/proofs/(\d+)", visitor.visit(f"/exhibits/{first}").text)[0]
    assert visitor.get(f"/exhibits/{second}/proofs/{entry}").status_code == 404
    assert visitor.get(f"/exhibits/{first}/proofs/{entry}").status_code == 200


def test_who_sees_what_of_an_exhibit(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    expected = {  # page, player, share, download
        "officer": (200, True, True, True),
        "prosecutor": (200, True, True, True),
        "redactor": (200, True, False, False),
        "auditor": (200, False, False, False),
        "administrator": (403, False, False, False),
    }
    for role, (status, player, share, download) in expected.items():
        visitor = signed_in(station.person(f"Another {role}", role, "1" if role == "officer" else ""))
        answer = visitor.get(f"/exhibits/{exhibit}")
        assert answer.status_code == status
        assert ("dockline-player" in answer.text) is player, role
        assert ("Share by secure link" in answer.text) is share, role
        assert ("Download original" in answer.text) is download, role


def test_looking_something_up_is_logged_and_told_to_auditors(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    hers = signed_in(station.people["Jane Anne Smith"])
    hers.visit(f"/exhibits/{exhibit}")
    case = re.findall(r"/cases/(cas_\w+)", hers.page.text)[0]
    hers.visit(f"/cases/{case}")
    looked_up = [dict(act.on) for act in station.acts(ActKind.CONSULTED)]
    assert [on.get("exhibit", on.get("case")) for on in looked_up] == [exhibit, case]
    assert "It was looked up" not in hers.visit(f"/exhibits/{exhibit}").text
    assert "It was looked up" in signed_in(station.person("Al Auditor", "auditor")).visit(f"/exhibits/{exhibit}").text


def test_a_recording_without_a_case_is_its_officers_alone(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    omar = station.person("Omar Khan", "officer", "9000")
    docking = station.docking("4417", {"a.mp4": "expected"})
    recording = station.store(docking, "a.mp4")
    hers = signed_in(jane)
    assert "no reference yet" in hers.get(f"/recordings/{recording}").text
    denied = signed_in(omar).get(f"/recordings/{recording}")
    assert denied.status_code == 403
    assert "only when it is your own or part of a case" in denied.text
    (exhibit,) = station.refer(jane, "21AB1234525", recording)
    assert hers.get(f"/recordings/{recording}").headers["location"] == f"/exhibits/{exhibit}"
    assert signed_in(omar).get(f"/exhibits/{exhibit}").status_code == 200


def test_names_in_any_script_and_markup_are_shown_as_text(station: Station, signed_in: SignIn) -> None:
    officer = station.person("Łukasz <b>Żółć</b>", "officer", "77")
    name = "../<img src=x onerror=alert(1)> 第4.mp4"
    docking = station.docking("77", {name: "expected"})
    (exhibit,) = station.refer(officer, "21AB1234525", station.store(docking, name))
    page = signed_in(officer).visit(f"/exhibits/{exhibit}").text
    assert "<img src=x" not in page
    assert "第4.mp4" in page
    assert "Łukasz &lt;b&gt;Żółć" in page


def test_what_an_exhibit_shows_is_said_by_its_own_officer(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    hers = signed_in(station.people["Jane Anne Smith"])
    hers.visit(f"/exhibits/{exhibit}")
    hers.post(f"/exhibits/{exhibit}/shows", {"form_token": hers.token(), "shows": "The arrest, from 1:20"})
    assert "The arrest, from 1:20" in hers.follow().text
    other = signed_in(station.person("Omar Khan", "officer", "9000"))
    other.visit(f"/exhibits/{exhibit}")
    assert other.post(f"/exhibits/{exhibit}/shows", {"form_token": other.token(), "shows": "no"}).status_code == 403


def test_a_damaged_recording_says_what_is_wrong_and_offers_the_original(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    with station.ground.database.write() as session:
        recording = session.get_one(Recording, station.recording_of(exhibit).id)
        recording.health, recording.health_note = "not-media", "This is no film: a text file that is named .mp4."
    page = signed_in(station.people["Jane Anne Smith"]).visit(f"/exhibits/{exhibit}").text
    assert "a text file that is named .mp4" in page
    assert "dockline-player" not in page
    assert "Download original" in page


def test_the_court_clock_as_programs_read_it_is_bounded_by_role(station: Station, signed_in: SignIn) -> None:
    exhibit = station.exhibit()
    omar = station.person("Omar Khan", "officer", "9000")
    uncased = station.store(station.docking("9000", {"b.mp4": "expected"}), "b.mp4")
    recording = station.recording_of(exhibit)

    def seen(who: Somebody) -> set[str]:
        return {
            row["id"]
            for row in signed_in(who).get("/api/v1/recordings", accept="application/json").json()["recordings"]
        }

    assert seen(station.people["Jane Anne Smith"]) == {recording.id}
    assert seen(omar) == {recording.id, uncased}
    assert seen(station.person("Pat Prosecutor", "prosecutor")) == {recording.id}
    assert seen(station.person("Ada Admin", "administrator")) == {recording.id, uncased}
    (row,) = [
        row for row in signed_in(omar).get("/api/v1/recordings").json()["recordings"] if row["id"] == recording.id
    ]
    assert row["exhibit"] == "JAS/1"
    assert row["clock"]["stored"].endswith("Z")
    assert row["clock"]["watched"] is None
    assert row["seconds_from_dock"]["stored"] == 0


def test_the_checkpoint_is_public_and_the_entries_are_for_auditors(
    station: Station, signed_in: SignIn, browser: Browser
) -> None:
    assert browser().get("/log/checkpoint").status_code == 404
    exhibit = station.exhibit()
    station.publish()
    note = browser().get("/log/checkpoint")
    assert note.text.startswith(str(log_key(station.ground)).split("+")[0])
    size = int(note.text.splitlines()[1])
    entries = f"/log/tile/entries/000.p/{size}"
    auditor = signed_in(station.person("Al Auditor", "auditor"))
    assert Digest.parse(station.recording_of(exhibit).digest).hex.encode() in auditor.fetch(entries).content
    assert browser().fetch(entries).status_code == 401
    assert signed_in(station.people["Jane Anne Smith"]).fetch(entries).status_code == 403
    for path in ("/log/tile/../../keys/seal.key", "/log/nothing", "/log/tile/0/999"):
        assert auditor.fetch(path).status_code == 404
    assert station.acts(ActKind.LOG_OPENED)
