"""The docks' interface over HTTP: who may ask what, what comes back, and that no bomb goes off."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from httpx import Client
from sqlalchemy import select

from custody import ledger
from custody.keys import FileSigner
from custody.policy import Policy
from custody.proof import verify_receipt
from custody.sequencer import Sequencer
from custody.signature import VerifierKey
from evidence.clock import ManualClock, utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Dock, LedgerEntry, Recording
from ingest.dock_api import anyone, by_token, create_dock_api
from ingest.door import create_door
from ingest.manifest import Manifest, sign
from ingest.throttle import LIMIT
from tests.asgi import client_of
from tests.ingest.docks import code_for, enrolled, token_for

FOOTAGE = bytes(range(256)) * 300
AT = "2026-11-22T22:09:00.000000Z"
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def client(ground: Ground) -> Iterator[Client]:
    with client_of(create_door(ground)) as opened:
        yield opened


@dataclass
class TestDock:
    """A dock that does by hand what the dock's program does."""

    __test__ = False

    client: Client
    signer: FileSigner
    id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def announce(self, name: str = "0001.mp4", data: bytes = FOOTAGE, **more):
        file = {"name": name, "size": len(data), "kind": "clip", "modified_at": AT}
        form = {"camera": "BWC-1", "officer": "4711", "reference": "", "docked_at": AT, "files": [file], **more}
        return self.client.post("/dock/v1/dockings", json=form, headers=self.headers)

    def begin(self, file: str, data: bytes = FOOTAGE) -> str:
        note = f"docked_file {base64.b64encode(file.encode()).decode()}"
        headers = {**self.headers, **TUS, "Upload-Length": str(len(data)), "Upload-Metadata": note}
        return self.client.post("/files", headers=headers).headers["Location"].rpartition("/")[2]

    def send(self, upload: str, data: bytes = FOOTAGE):
        headers = {**self.headers, **TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        return self.client.patch(f"/files/{upload}", content=data, headers=headers)

    def manifest(self, docking: str, name: str = "0001.mp4", data: bytes = FOOTAGE, **more) -> str:
        told = {
            "camera": "BWC-1",
            "officer": "4711",
            "kind": "clip",
            "size": len(data),
            "digest": Digest.of(data),
            **more,
        }
        return Manifest(dock=self.id, docking=docking, name=name, taken_at=AT, **told).canonical()

    def hand_in(self, upload: str, text: str, signer: FileSigner | None = None):
        body = {"manifest": text, "signature": sign(signer or self.signer, text)}
        return self.client.put(f"/dock/v1/uploads/{upload}/manifest", json=body, headers=self.headers)

    def bring_in(self, name: str = "0001.mp4", data: bytes = FOOTAGE) -> dict:
        docking = self.announce(name, data).json()
        upload = self.begin(docking["files"][name]["id"], data)
        self.send(upload, data)
        return self.hand_in(upload, self.manifest(docking["docking"], name, data)).json()

    def receipt(self, recording: str, wait: float = 0):
        return self.client.get(f"/dock/v1/receipts/{recording}", params={"wait": wait}, headers=self.headers)


@pytest.fixture
def dock(ground: Ground, client: Client) -> TestDock:
    return another(ground, client)


def another(ground: Ground, client: Client) -> TestDock:
    signer, known = enrolled(ground)
    return TestDock(client, signer, known.id, token_for(ground, signer, known.id))


def problem(answer, status: int, code: str) -> str:
    """The words of a refusal, checked for its form."""
    told = answer.json()
    assert (answer.status_code, told["code"], told["status"]) == (status, code, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["title"]
    assert told["advice"].endswith(".")
    return told["detail"]


# Permissions


def test_every_route_declares_in_its_signature_who_may_call_it(ground: Ground) -> None:
    app = create_dock_api(ground).app
    assert isinstance(app, FastAPI)
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    open_to_all = set()
    for route in routes:
        calls = [dependency.call for dependency in route.dependant.dependencies]
        assert (anyone in calls) != (by_token in calls), route.path
        if anyone in calls:
            open_to_all.add(route.path)
    assert len(routes) == len(app.routes) == 7
    assert open_to_all == {"/dock/v1/enrolments", "/dock/v1/challenges", "/dock/v1/tokens"}


CLOSED = [
    ("POST", "/dock/v1/dockings"),
    ("PUT", "/dock/v1/uploads/upl_x/manifest"),
    ("GET", "/dock/v1/uploads/upl_x"),
    ("GET", "/dock/v1/receipts/rec_x"),
    ("POST", "/files"),
    ("HEAD", "/files/upl_" + "0" * 32),
    ("PATCH", "/files/upl_" + "0" * 32),
]


@pytest.mark.parametrize(("method", "path"), CLOSED)
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Basic Zm9v"}])
def test_without_a_good_token_a_dock_is_told_to_get_one(client, ground, method, path, header) -> None:
    answer = client.request(
        method, path, headers={**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", **header}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_a_revoked_dock_is_refused_on_every_path_at_its_next_request(client, ground, dock, method, path) -> None:
    with ground.database.write() as session:
        session.get_one(Dock, dock.id).revoked_at = ground.clock.now()
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", **dock.headers}
    assert client.request(method, path, headers=headers).status_code == 403


def test_a_token_that_ran_out_is_refused(client, dock: TestDock, clock: ManualClock) -> None:
    clock.advance(timedelta(minutes=30))
    problem(dock.announce(), 401, "token-expired")


def test_a_dock_revoked_in_the_middle_of_an_upload_gets_no_further_and_nothing_is_lost(client, ground, dock) -> None:
    docking = dock.announce().json()
    upload = dock.begin(docking["files"]["0001.mp4"]["id"])
    dock.send(upload)
    with ground.database.write() as session:
        session.get_one(Dock, dock.id).revoked_at = ground.clock.now()
    problem(dock.hand_in(upload, dock.manifest(docking["docking"])), 403, "dock-revoked")


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/dock/v1/docs", "/dock/v1"])
def test_there_are_no_pages_of_documentation(client, path: str) -> None:
    assert client.get(path).status_code == 404


# Enrolling


def test_a_dock_enrols_over_the_wire_and_learns_the_ledger_s_key(client, ground: Ground) -> None:
    signer = FileSigner.generate()
    body = {"code": code_for(ground).lower(), "public_key": signer.public_key.hex(), "name": "mine"}
    answer = client.post("/dock/v1/enrolments", json=body)
    assert answer.status_code == 201
    told = answer.json()
    assert told["log_vkey"] == str(ledger.log_key(ground))
    challenge = client.post("/dock/v1/challenges", json={"dock": told["dock"]}).json()["challenge"]
    signature = signer.sign(f"dockline dock token\n{challenge}".encode()).hex()
    body = {"dock": told["dock"], "challenge": challenge, "signature": signature}
    token = client.post("/dock/v1/tokens", json=body).json()
    assert token["expires"] == utc_text(ground.clock.now() + timedelta(minutes=30))
    assert TestDock(client, signer, told["dock"], token["token"]).announce().status_code == 201


def test_guessing_codes_from_one_address_ends_but_the_right_code_is_still_let_through(client, ground: Ground) -> None:
    guess = {"code": "0000-0000-0000-0000-0000", "public_key": FileSigner.generate().public_key.hex()}
    code = code_for(ground)
    for _ in range(LIMIT):
        problem(client.post("/dock/v1/enrolments", json=guess), 403, "code-refused")
    problem(client.post("/dock/v1/enrolments", json=guess), 429, "too-many-tries")
    assert client.post("/dock/v1/enrolments", json={**guess, "code": code}).status_code == 201


# What is said


@pytest.mark.parametrize(
    "change",
    [
        {"camera": "x" * 121}, {"officer": "x" * 41}, {"reference": "x" * 81}, {"camera": "a\u0000b"}, {"officer": 7},
        {"docked_at": "yesterday"}, {"docked_at": "2026-11-22T22:09:00"}, {"docked_at": "0001-01-01T00:00:00+14:00"},
        {"docked_at": None}, {"clock_offset_ms": 2**60}, {"clock_offset_ms": 1.5}, {"files": None}, {"files": [7]},
        {"files": [{"name": "a", "size": -1, "kind": "clip"}]},
        {"files": [{"name": "a", "size": "1", "kind": "clip"}]},
        {"files": [{"name": "a", "size": 1, "kind": "film"}]},
        {"files": [{"name": "a", "size": 2**53, "kind": "clip"}]},
        {"files": [{"name": "a", "size": 1, "kind": "clip", "modified_at": "x"}]},
        {"files": [{"name": f"{n}", "size": 1, "kind": "clip"} for n in range(5_001)]},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_in_words_that_repeat_nothing_of_it(dock: TestDock, change) -> None:
    words = problem(dock.announce(**change), 400, "malformed")
    assert "not as it should be" in words
    assert "xxx" not in words


@pytest.mark.parametrize("name", ["../0001.mp4", "/etc/passwd", "a\u202egnp.mp4", "n" * 9_000])
def test_a_name_that_travels_has_an_answer_of_its_own(dock: TestDock, name: str) -> None:
    problem(dock.announce(name), 422, "name-travels")


@pytest.mark.parametrize("name", ["DCIM/Überfall/clip.mp4", "証拠.mp4", "\\x9c.mp4", "👮.mp4"])
def test_an_odd_name_that_hides_nothing_is_accepted_as_it_is(dock: TestDock, name: str) -> None:
    assert dock.announce(name).json()["files"][name]["state"] == "expected"


def test_members_from_a_newer_dock_are_passed_over(dock: TestDock) -> None:
    assert dock.announce(firmware="99.1").status_code == 201


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff\xfe", b'"' + b"a" * 100_000, b"[" * 100_000, b'{"a":' * 50_000, b'{"docked_at":1e999}'],
)
def test_what_is_not_json_as_it_should_be_is_refused_and_hurts_nobody(dock: TestDock, body: bytes) -> None:
    answer = dock.client.post(
        "/dock/v1/dockings", content=body, headers={**dock.headers, "Content-Type": "application/json"}
    )
    problem(answer, 400, "malformed")


def test_a_body_bomb_is_refused_before_it_is_read(dock: TestDock) -> None:
    problem(dock.client.post("/dock/v1/tokens", content=b"x" * 5_000_000), 413, "too-long")


def test_a_body_that_lies_about_its_length_is_cut_off(dock: TestDock) -> None:
    chunks = (b"x" * 1_000_000 for _ in range(10))
    problem(dock.client.post("/dock/v1/tokens", content=chunks), 413, "too-long")


def test_a_header_bomb_is_refused(dock: TestDock) -> None:
    headers = {f"X-Bomb-{n}": "x" * 1_000 for n in range(64)}
    problem(dock.client.get("/dock/v1/uploads/upl_x", headers={**dock.headers, **headers}), 413, "too-long")


def test_upload_metadata_of_64_kilobytes_is_refused(dock: TestDock) -> None:
    note = f"docked_file ZGZp,filename {base64.b64encode(b'x' * 49_000).decode()}"
    headers = {**dock.headers, **TUS, "Upload-Length": "1", "Upload-Metadata": note}
    assert dock.client.post("/files", headers=headers).status_code == 413


def test_an_address_that_is_not_there_and_a_method_that_is_not_meant_are_told_apart(client) -> None:
    problem(client.get("/dock/v1/nothing"), 404, "no-such-place")
    problem(client.delete("/dock/v1/dockings"), 405, "no-such-method")


# Manifests and receipts


def test_a_file_is_stored_when_bytes_and_manifest_are_both_here(ground: Ground, dock: TestDock) -> None:
    told = dock.bring_in()
    assert told["state"] == "stored"
    with ground.database.read() as session:
        row = session.get_one(Recording, told["recording"])
        assert (row.digest, row.officer_collar) == (str(Digest.of(FOOTAGE)), "4711")
        assert session.get_one(LedgerEntry, told["entry"]).kind == "stored"


def test_a_manifest_may_come_first_and_again(dock: TestDock) -> None:
    docking = dock.announce().json()
    upload, text = dock.begin(docking["files"]["0001.mp4"]["id"]), dock.manifest(docking["docking"])
    assert dock.hand_in(upload, text).json()["state"] == "receiving"
    dock.send(upload)
    answers = [
        dock.hand_in(upload, text).json(),
        dock.client.get(f"/dock/v1/uploads/{upload}", headers=dock.headers).json(),
    ]
    assert answers[0]["state"] == "stored"
    assert answers[0] == answers[1]


def test_a_manifest_by_another_key_is_sent_away_and_the_right_one_still_comes_in(dock: TestDock) -> None:
    docking = dock.announce().json()
    upload, text = dock.begin(docking["files"]["0001.mp4"]["id"]), dock.manifest(docking["docking"])
    dock.send(upload)
    problem(dock.hand_in(upload, text, FileSigner.generate()), 403, "manifest-signature")
    assert dock.hand_in(upload, text).json()["state"] == "stored"


@pytest.mark.parametrize(
    "about",
    [{"name": "0002.mp4"}, {"camera": "BWC-2"}, {"size": 5}, {"kind": "sidecar"}, {"docking": "dkg_" + "0" * 32}],
)
def test_a_manifest_about_something_else_is_sent_away_in_words(dock: TestDock, about) -> None:
    docking = dock.announce().json()
    upload = dock.begin(docking["files"]["0001.mp4"]["id"])
    dock.send(upload)
    text = dock.manifest(**{"docking": docking["docking"], **about})
    assert next(iter(about)) in problem(dock.hand_in(upload, text), 409, "manifest-differs")


def test_one_dock_s_manifest_is_not_accepted_from_another(client, ground: Ground, dock: TestDock) -> None:
    other = another(ground, client)
    docking = dock.announce().json()
    upload = dock.begin(docking["files"]["0001.mp4"]["id"])
    problem(other.hand_in(upload, other.manifest(docking["docking"])), 404, "upload-unknown")
    problem(dock.hand_in(upload, other.manifest(docking["docking"])), 409, "manifest-differs")


def test_a_digest_that_does_not_match_is_set_aside_with_words_and_gets_no_receipt(
    ground: Ground, dock: TestDock
) -> None:
    docking = dock.announce().json()
    upload = dock.begin(docking["files"]["0001.mp4"]["id"])
    dock.send(upload)
    told = dock.hand_in(upload, dock.manifest(docking["docking"], digest=Digest.of(b"other"))).json()
    assert (told["state"], told["recording"]) == ("quarantined", None)
    assert "dock it again" in told["words"].lower()
    with ground.database.read() as session:
        assert session.scalar(select(LedgerEntry.id).filter_by(kind="quarantined")) is not None


@pytest.mark.parametrize("text", ["", "{}", "x" * 8_000, "\ud800"])
def test_what_is_no_manifest_is_refused(dock: TestDock, text: str) -> None:
    docking = dock.announce().json()
    upload = dock.begin(docking["files"]["0001.mp4"]["id"])
    body = json.dumps({"manifest": text, "signature": "00" * 64})
    answer = dock.client.put(f"/dock/v1/uploads/{upload}/manifest", content=body, headers=dock.headers)
    problem(answer, 400, "malformed")


def test_a_receipt_waits_for_its_checkpoint_and_then_proves_the_file_to_the_dock(
    ground: Ground, dock: TestDock
) -> None:
    told = dock.bring_in()
    assert dock.receipt(told["recording"]).status_code == 202
    Sequencer(ground).run_once()
    body = dock.receipt(told["recording"]).json()
    policy = Policy((VerifierKey.parse(str(ledger.log_key(ground))),))
    proven = verify_receipt(body["proof"].encode(), base64.b64decode(body["entry"]), policy)
    proven.require_file(Digest.of(FOOTAGE))
    assert proven.recording == told["recording"]


def test_a_question_for_a_receipt_may_wait_for_it(ground: Ground, dock: TestDock) -> None:
    told = dock.bring_in()
    assert dock.receipt(told["recording"], wait=0.25).status_code == 202
    Sequencer(ground).run_once()
    assert dock.receipt(told["recording"], wait=5).status_code == 200


def test_a_receipt_is_for_the_dock_that_sent_the_file_and_nobody_else_learns_of_it(
    client, ground, dock: TestDock
) -> None:
    recording = dock.bring_in()["recording"]
    other = another(ground, client)
    Sequencer(ground).run_once()
    hidden = problem(other.receipt(recording), 404, "no-such-place")
    assert hidden == problem(other.receipt("rec_" + "0" * 32), 404, "no-such-place")
    assert other.bring_in()["state"] == "duplicate"
    assert other.receipt(recording).status_code == 200


def test_an_empty_file_is_stored_and_receipted_like_any_other(ground: Ground, dock: TestDock) -> None:
    docking = dock.announce("empty.mp4", b"").json()
    upload = dock.begin(docking["files"]["empty.mp4"]["id"], b"")
    told = dock.hand_in(upload, dock.manifest(docking["docking"], "empty.mp4", b"")).json()
    assert told["state"] == "stored"
    Sequencer(ground).run_once()
    assert dock.receipt(told["recording"]).status_code == 200
