"""What a person and a program are told when something does not work, and what nobody is told."""

from collections.abc import Callable, Iterator

import pytest

from evidence.errors import DocklineError, Misconfigured, OutOfSpace, StoreUnwell
from evidence.identifiers import new_id
from evidence.models import RedactionPlan
from portal.app import create_app
from portal.headers import SECURITY_HEADERS
from portal.problems import status_of
from portal.rendering import Renderer
from tests.portal.conftest import Somebody, Station
from tests.portal.test_links import opened, share
from tests.portal.test_playback import Watching
from tests.portal.visitor import Visitor
from transcode.packager import NotPlayable, Packaged, PackagerBusy, RangeSource


class Broken:
    """A packager that fails in a way of the test's choosing."""

    def __init__(self, how: Exception) -> None:
        self.how = how

    def original(self, key: str, source: RangeSource) -> Packaged:
        raise self.how

    def proxy(self, key: str, source: RangeSource, table: bytes) -> Packaged:
        raise self.how


@pytest.fixture
def watching(station: Station, renderer: Renderer, request: pytest.FixtureRequest) -> Iterator[Watching]:
    visitor = Visitor(create_app(station.ground, Broken(request.param), renderer))
    shared = share(station, station.exhibit())
    yield Watching(opened(visitor, shared), f"/court/{shared.link_id}")
    visitor.close()


@pytest.mark.parametrize("watching", [RuntimeError("secret inside /etc/keys")], indirect=True)
def test_what_nobody_foresaw_is_an_answer_with_a_reference_and_without_insides(watching: Watching) -> None:
    source = watching.begin()["playback"]["source"]
    answer = watching.visitor.fetch(source)
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
    assert "secret" not in answer.text
    assert answer.json()["instance"].startswith("urn:request:")


@pytest.mark.parametrize(
    ("watching", "status", "code"),
    [(PackagerBusy("More recordings are watched than this server is set up for."), 503, "packager-busy"),
     (NotPlayable("The picture is coded in a way that browsers do not know."), 422, "not-playable")],
    indirect=["watching"],
)  # fmt: skip
def test_the_workshops_troubles_are_told_to_the_player_in_words(watching: Watching, status: int, code: str) -> None:
    answer = watching.visitor.fetch(watching.begin()["playback"]["source"])
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]
    assert (answer.headers.get("retry-after") == "2") == (status == 503)


@pytest.mark.parametrize(
    ("error", "status"),
    [(OutOfSpace("full"), 507), (StoreUnwell("io"), 503), (Misconfigured("x"), 500), (DocklineError("x"), 500)],
)
def test_the_nearest_line_of_the_table_counts(error: DocklineError, status: int) -> None:
    assert status_of(error) == status


def test_a_person_is_told_on_a_page_and_a_program_in_json(station: Station, renderer: Renderer) -> None:
    visitor = Visitor(create_app(station.ground, Broken(RuntimeError()), renderer))
    assert "<h1" in visitor.get("/nowhere").text
    assert visitor.get("/nowhere", accept="application/json").json()["code"] == "http"
    assert visitor.request("DELETE", "/sign-in", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405
    too_long = {"link": "x" * 300_000}
    visitor.get("/open")
    assert visitor.submit("/open", dict(too_long)).status_code == 422
    answer = visitor.request(
        "POST", "/open", content=b"{}", headers={"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    visitor.close()


def test_an_exhibit_whose_suggestions_are_lost_keeps_its_page(
    station: Station, signed_in: Callable[[Somebody], Visitor]
) -> None:
    exhibit = station.exhibit()
    recording = station.recording_of(exhibit).id
    with station.ground.database.write() as session:
        plan = RedactionPlan(id=new_id("pln"), recording_id=recording, version=1, state="suggestion")
        plan.object_key = "plans/none"
        session.add(plan)
    page = signed_in(station.people["Jane Anne Smith"]).get(f"/exhibits/{exhibit}")
    assert page.status_code == 200
    assert "could not be looked for" in page.text
