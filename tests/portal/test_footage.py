"""My footage: what came, what is safe, what is missing, and the reference typed once."""

from collections.abc import Callable

from custody.entry import ActKind
from evidence.models import DockedFile, Exhibit, Recording
from portal.actors import join_case
from tests.portal.conftest import Browser, Somebody, Station
from tests.portal.visitor import Visitor

SignIn = Callable[[Somebody], Visitor]


def files_of(station: Station, docking: str) -> dict[str, str]:
    with station.ground.database.read() as session:
        return {file.name: file.id for file in session.query(DockedFile).filter_by(docking_id=docking)}


def test_an_officer_sees_each_file_with_its_state_and_nobody_elses(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    station.docking("4417", {"a.mp4": "stored", "b.mp4": "uploading", "c.mp4": "expected", "d.mp4": "quarantined"})
    station.docking("9000", {"foreign.mp4": "stored"})
    station.person("Omar Khan", "officer", "9000")
    page = signed_in(jane).visit("/footage").text
    for words in ("a.mp4", "On its way", "Waiting", "Set aside", "Stored", "<strong>2</strong> missing"):
        assert words in page
    assert "foreign.mp4" not in page


def test_a_clip_is_safe_once_its_entry_is_published(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    station.docking("4417", {"a.mp4": "stored"})
    visitor = signed_in(jane)
    assert "All clips are safe" not in visitor.visit("/footage").text
    station.publish()
    assert "All clips are safe" in visitor.visit("/footage").text


def test_one_reference_opens_the_case_numbers_the_exhibits_and_waits_for_clips_on_their_way(
    station: Station, signed_in: SignIn
) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"a.mp4": "stored", "b.mp4": "stored", "late.mp4": "uploading"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    page = visitor.submit(
        f"/footage/{docking}/reference",
        {"reference": " 21 ab/12345-25 ", "files": list(files_of(station, docking).values())},
    )
    assert page.status_code == 200
    assert "Saved to case 21AB1234525" in page.text
    assert "JAS/1" in page.text
    assert "JAS/2" in page.text
    assert "Clips still on their way will join it" in page.text
    late = station.store(docking, "late.mp4")
    for _ in range(2):  # every job may run twice
        join_case(station.ground, late)
    with station.ground.database.read() as session:
        assert session.query(Exhibit).filter_by(recording_id=late).one().reference == "JAS/3"
    assert [act.on["reference"] for act in station.acts(ActKind.REFERENCED)] == ["21AB1234525"] * 3
    assert len(station.acts(ActKind.CASE_OPENED)) == 1
    assert len(station.acts(ActKind.EXHIBITED)) == 3


def test_an_odd_reference_warns_and_goes_on(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"a.mp4": "stored"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    page = visitor.submit(f"/footage/{docking}/reference", {"reference": "INC-0042"})
    assert "Saved to case INC0042" in page.text
    assert "not shaped like a URN" in page.text


def test_a_reference_that_is_none_is_refused_beside_its_field(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"a.mp4": "stored"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    page = visitor.submit(f"/footage/{docking}/reference", {"reference": "<script>"})
    assert page.status_code == 422
    assert "not a reference number" in page.text
    assert "<script>" not in page.text.replace("</script>", "").replace("<script ", "")


def test_entering_a_reference_twice_changes_nothing(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    docking = station.docking("4417", {"a.mp4": "stored"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    form = visitor.form(f"/footage/{docking}/reference")
    fields = [(n, v) for n, v in form.fields if n != "reference"] + [("reference", "21AB1234525")]
    for _ in range(2):
        assert visitor.post(form.action, fields).status_code == 200
    assert len(station.acts(ActKind.REFERENCED)) == len(station.acts(ActKind.EXHIBITED)) == 1


def test_a_correction_wins_and_takes_the_exhibit_out_of_the_wrong_case(station: Station) -> None:
    exhibit = station.exhibit("21AB0000125")
    recording = station.recording_of(exhibit).id
    jane = station.people["Jane Anne Smith"]
    (corrected,) = station.refer(jane, "21AB0000225", recording)
    with station.ground.database.read() as session:
        assert session.get_one(Exhibit, exhibit).withdrawn_at is not None
        assert session.get_one(Exhibit, corrected).reference == "JAS/1"
        assert session.get_one(Recording, recording).reference == "21AB0000225"
    (act,) = station.acts(ActKind.REFERENCE_CORRECTED)
    assert (act.on["was"], act.on["reference"]) == ("21AB0000125", "21AB0000225")
    second = station.refer(jane, "21AB0000125", station.store(station.docking("4417", {"n.mp4": "expected"}), "n.mp4"))
    with station.ground.database.read() as session:
        assert session.get_one(Exhibit, second[0]).reference == "JAS/2", "a number is never used twice"


def test_a_colleagues_footage_cannot_be_given_a_reference(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    station.person("Omar Khan", "officer", "9000")
    mine = station.docking("4417", {"a.mp4": "stored"})
    foreign = station.docking("9000", {"b.mp4": "stored"})
    visitor = signed_in(jane)
    visitor.visit("/footage")
    page = visitor.submit(
        f"/footage/{mine}/reference", {"reference": "21AB1234525", "files": list(files_of(station, foreign).values())}
    )
    assert page.status_code == 403
    assert not station.acts(ActKind.REFERENCED)


def test_footage_of_a_camera_that_named_nobody_can_be_claimed_once(station: Station, signed_in: SignIn) -> None:
    jane = station.person("Jane Anne Smith", "officer", "4417")
    omar = station.person("Omar Khan", "officer", "9000")
    docking = station.docking("", {"a.mp4": "stored"})
    visitor = signed_in(jane)
    assert "Footage without a known officer" in visitor.visit("/footage").text
    second = signed_in(omar)
    second.visit("/footage")
    visitor.submit(f"/footage/{docking}/claim")
    assert "a.mp4" in visitor.follow().text
    assert second.submit(f"/footage/{docking}/claim").status_code == 404
    assert len(station.acts(ActKind.CLAIMED)) == 1


def test_a_reference_typed_at_the_dock_waits_until_the_footage_is_claimed(station: Station) -> None:
    docking = station.docking("7", {"a.mp4": "uploading"})
    with station.ground.database.write() as session:
        session.query(DockedFile).filter_by(docking_id=docking).one().reference = "21AB1234525"
    recording = station.store(docking, "a.mp4")
    join_case(station.ground, recording)
    assert not station.acts(ActKind.REFERENCED)
    station.person("Kim Seven", "officer", "7")
    join_case(station.ground, recording)
    assert len(station.acts(ActKind.EXHIBITED)) == 1


def test_those_without_footage_have_no_such_page(station: Station, signed_in: SignIn, browser: Browser) -> None:
    visitor = signed_in(station.person("Ada Admin", "administrator"))
    assert visitor.get("/footage").status_code == 403
    assert browser().get("/footage").headers["location"] == "/sign-in?next=%2Ffootage"
