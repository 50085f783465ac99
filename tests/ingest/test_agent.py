"""The dock's program against a server that cuts, refuses and lies: every byte once, never "safe" without a proof."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custody.proof import TlogProof, verify_receipt
from evidence.clock import SystemClock
from evidence.digest import Digest
from evidence.errors import DocklineError
from ingest.agent import Agent, Options, Result
from ingest.agent_state import DockState, FileState
from ingest.camera import look
from ingest.line import Line, NotLetIn
from ingest.progress import Patience, Quiet
from ingest.sender import BLOCK, Stopped
from ingest.watch import Watch
from tests.custody.logs import SmallLog, made, stored
from tests.ingest.fake_server import FakeServer, forged_log

QUICK = Patience(first=0.002, longest=0.01, limit=0.3)
STEADY = Patience(first=0.002, longest=0.01)


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    folder = tmp_path / "BWC-7"
    (folder / "DCIM").mkdir(parents=True)
    return folder


class Told(Quiet):
    """Remembers what was told."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str, str]] = []
        self.at: dict[str, int] = {}

    def sent(self, name: str, at: int) -> None:
        self.at[name] = at

    def told(self, name: str, state: str, words: str = "") -> None:
        self.words.append((name, state, words))


def run(
    fake: FakeServer,
    card: Path,
    state: Path,
    *,
    patience: Patience = QUICK,
    told: Told | None = None,
    stop: threading.Event | None = None,
    options: Options | None = None,
) -> dict[str, Result]:
    """One run of the dock's program with ``--once``; what became of each file."""
    dock, line, told = DockState(state), Line(fake.url, idle=5), told or Told()
    try:
        if dock.identity is None:
            dock.enrolled(line.enrol("code", dock.signer.public_key.hex(), "dock"))
        assert dock.identity is not None
        agent = Agent(line, dock, dock.identity, SystemClock(), options, progress=told, patience=patience, stop=stop)
        watch = Watch(card, agent, SystemClock(), told, quiet=0.02)
        watch.run(once=True)
        return {result.name: result for result in watch.every_result()}
    finally:
        line.close()
        dock.close()


def clip(card: Path, name: str = "DCIM/0001.mp4", size: int = 3 * BLOCK + 12_345) -> bytes:
    data = os.urandom(size)
    (card / name).write_bytes(data)
    return data


# The way there


def test_a_camera_s_files_are_sent_once_and_are_safe_by_a_receipt_that_is_kept(
    fake, card: Path, tmp_path: Path
) -> None:
    data = {
        name: clip(card, name, size)
        for name, size in (("DCIM/0001.mp4", 2 * BLOCK + 7), ("DCIM/0002.mp4", 1), ("a.gpx", 0))
    }
    results = run(fake, card, tmp_path / "state")
    assert all(result.safe_to_wipe for result in results.values())
    assert fake.stored_data() == {name: [content] for name, content in data.items()}
    for name, content in data.items():
        assert results[name].digest == str(Digest.of(content))
        kept = (tmp_path / f"state/receipts/{results[name].recording}.tlog-proof").read_bytes()
        entry = TlogProof.parse(kept).extra
        assert entry is not None
        verify_receipt(kept, entry, fake.log.policy).require_file(Digest.of(content))


def test_the_manifest_says_what_the_camera_and_the_dock_know(fake, card: Path, tmp_path: Path) -> None:
    (card / "camera.json").write_text('{"serial": "B8A44F", "officer": "4711", "clock_offset_ms": -900}')
    clip(card, "20261122_190431.mp4", 5)
    run(fake, card, tmp_path / "state", options=Options(reference="21AB1234525"))
    (manifest,) = [upload.manifest for upload in fake.uploads.values() if upload.name.endswith("mp4")]
    assert (manifest.camera, manifest.officer, manifest.clock_offset_ms) == ("B8A44F", "4711", -900)
    assert manifest.camera_time == "2026-11-22T19:04:31.000000Z"
    assert fake.announcements[0]["reference"] == "21AB1234525"


def test_progress_is_told_to_the_last_byte(fake, card: Path, tmp_path: Path) -> None:
    size, told = len(clip(card)), Told()
    run(fake, card, tmp_path / "state", told=told)
    assert told.at["DCIM/0001.mp4"] == size
    states = [state for _, state, _ in told.words]
    assert states == ["sending", "sealed", "stored", "safe"]


def test_an_empty_card_is_done_at_once(fake, card: Path, tmp_path: Path) -> None:
    assert run(fake, card, tmp_path / "state") == {}
    assert fake.announcements == []


def test_a_receipt_that_is_not_there_yet_is_waited_for(fake, card: Path, tmp_path: Path) -> None:
    clip(card)
    fake.published_after = 5
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe


def test_a_second_run_sends_nothing_again(fake, card: Path, tmp_path: Path) -> None:
    clip(card)
    first = run(fake, card, tmp_path / "state")
    fake.calls.clear()
    second = run(fake, card, tmp_path / "state")
    assert fake.calls == []
    assert replace(second["DCIM/0001.mp4"], seconds=0) == replace(first["DCIM/0001.mp4"], seconds=0)


def test_files_that_come_later_are_another_docking_and_the_safe_ones_are_not_in_it(
    fake, card: Path, tmp_path: Path
) -> None:
    clip(card)
    run(fake, card, tmp_path / "state")
    clip(card, "DCIM/0002.mp4", 9)
    assert all(result.safe_to_wipe for result in run(fake, card, tmp_path / "state").values())
    assert [[file["name"] for file in said["files"]] for said in fake.announcements] == [
        ["DCIM/0001.mp4"],
        ["DCIM/0002.mp4"],
    ]
    assert len(fake.dockings) == 2


def test_a_safe_file_that_was_overwritten_is_another_file(fake, card: Path, tmp_path: Path) -> None:
    clip(card, size=9)
    run(fake, card, tmp_path / "state")
    data = clip(card, size=9)
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert result.safe_to_wipe
    assert result.digest == str(Digest.of(data))


def test_a_safe_file_is_read_again_when_only_its_name_size_and_time_speak_for_it(
    fake, card: Path, tmp_path: Path
) -> None:
    path = card / "DCIM/0001.mp4"
    clip(card, size=9)
    run(fake, card, tmp_path / "state")
    times = path.stat()
    other = clip(card, size=9)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert result.safe_to_wipe
    assert result.digest == str(Digest.of(other))
    fake.calls.clear()
    path.chmod(0o600)  # another change time, the same bytes
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe
    assert "patch" not in fake.calls


# Cuts

SIZE = 2 * BLOCK + 4_321
lasting = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)


@lasting
@given(cuts=st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, 70_000)), max_size=6))
def test_connections_cut_at_any_byte_lose_and_double_nothing(tmp_path_factory, cuts) -> None:
    fake, folder = FakeServer(), tmp_path_factory.mktemp("cuts")
    card = folder / "card"
    card.mkdir()
    data = clip(card, "a.mp4", SIZE)
    fake.cuts = list(cuts)
    assert run(fake, card, folder / "state", patience=STEADY)["a.mp4"].safe_to_wipe
    assert fake.stored_data() == {"a.mp4": [data]}
    assert len(fake.uploads) == 1
    fake.close()


@lasting
@given(at=st.integers(0, SIZE), kill_after=st.integers(0, 12))
def test_a_dock_that_dies_at_any_step_goes_on_with_what_it_had_written_down(
    tmp_path_factory, at: int, kill_after: int
) -> None:
    fake, folder = FakeServer(), tmp_path_factory.mktemp("deaths")
    card = folder / "card"
    card.mkdir()
    data = clip(card, "a.mp4", SIZE)
    fake.cuts = [(at, 0)]
    run(fake, card, folder / "state", patience=STEADY)
    journal = folder / "state/journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: max(1, len(lines) - kill_after)]))
    assert run(fake, card, folder / "state", patience=STEADY)["a.mp4"].safe_to_wipe
    assert set(map(bytes, fake.stored_data()["a.mp4"])) == {data}
    fake.close()


def test_a_new_run_hashes_the_prefix_again_and_sends_only_the_rest(fake, card: Path, tmp_path: Path) -> None:
    data = clip(card)
    fake.cuts = [(2 * BLOCK, 0)] + [(0, 0)] * 1_000
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert not result.safe_to_wipe
    fake.cuts = []
    (upload,) = fake.uploads.values()
    arrived = len(upload.data)
    assert arrived == 2 * BLOCK
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe
    assert fake.stored_data() == {"DCIM/0001.mp4": [data]}
    assert len(fake.dockings) == 1


def test_a_server_that_lost_bytes_it_had_is_sent_them_again(fake, card: Path, tmp_path: Path) -> None:
    data = clip(card)
    fake.instead["manifest"] = [(200, {"state": "receiving", "recording": "", "words": "Part has to be sent again."})]
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe
    assert fake.stored_data() == {"DCIM/0001.mp4": [data]}


def test_an_upload_that_the_server_has_forgotten_is_begun_anew(fake, card: Path, tmp_path: Path) -> None:
    clip(card)
    fake.cuts = [(BLOCK, 0)] + [(0, 0)] * 1_000
    run(fake, card, tmp_path / "state")
    fake.uploads.clear()
    fake.cuts = []
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe


def test_a_server_that_was_restored_from_an_older_copy_is_sent_again_what_it_no_longer_knows(
    fake, card, tmp_path
) -> None:
    data = clip(card)
    fake.instead["receipt"] = [(503, {"detail": "x"})] * 500
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].state == "stored"
    for known in (fake.instead, fake.uploads, fake.files, fake.dockings, fake.entries):
        known.clear()
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe
    assert fake.stored_data() == {"DCIM/0001.mp4": [data]}


def test_a_server_that_is_not_there_is_waited_for_in_words_and_nothing_is_lost(card: Path, tmp_path: Path) -> None:
    fake = FakeServer()
    clip(card)
    run(fake, card, tmp_path / "state")
    clip(card, "DCIM/0002.mp4")
    fake.close()
    told = Told()
    result = run(fake, card, tmp_path / "state", told=told)["DCIM/0002.mp4"]
    assert not result.safe_to_wipe
    assert "does not answer" in result.words
    assert any(state == "waiting" for _, state, _ in told.words)


# Refusals

STEPS = ["announce", "begin", "patch", "manifest", "receipt", "challenge", "token"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("status", [500, 503, 507, 408, 429])
def test_a_refusal_that_may_pass_is_tried_again_at_every_step(fake, card: Path, tmp_path: Path, step, status) -> None:
    clip(card)
    fake.instead[step] = [(status, {"code": "x", "detail": "There is no room for more."})] * 2
    told = Told()
    assert run(fake, card, tmp_path / "state", told=told)["DCIM/0001.mp4"].safe_to_wipe
    assert any("no room" in words for _, state, words in told.words if state == "waiting")


@pytest.mark.parametrize("step", STEPS)
def test_a_revoked_dock_stops_at_once_and_keeps_everything(fake, card: Path, tmp_path: Path, step: str) -> None:
    clip(card)
    fake.instead[step] = [(403, {"code": "dock-revoked", "detail": "This dock was revoked."})] * 100
    with pytest.raises(NotLetIn, match="revoked"):
        run(fake, card, tmp_path / "state")
    assert look(card).files
    fake.instead.clear()
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe


@pytest.mark.parametrize("step", ["patch", "offset", "begin", "announce", "manifest", "receipt"])
def test_a_token_that_the_server_has_forgotten_is_renewed(fake, card: Path, tmp_path: Path, step: str) -> None:
    clip(card)
    fake.instead[step] = [(401, {"code": "token-expired"})]
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe


@pytest.mark.parametrize("said", ["quarantined", "refused"])
def test_what_the_server_sets_aside_is_told_and_never_safe(fake, card: Path, tmp_path: Path, said: str) -> None:
    clip(card)
    clip(card, "DCIM/0002.mp4", 9)
    fake.outcome["DCIM/0001.mp4"] = said
    results = run(fake, card, tmp_path / "state")
    assert (results["DCIM/0001.mp4"].state, results["DCIM/0001.mp4"].words) == (said, f"It is {said}.")
    assert results["DCIM/0002.mp4"].safe_to_wipe


def test_what_was_set_aside_is_tried_again_when_the_camera_is_docked_again(fake, card: Path, tmp_path: Path) -> None:
    clip(card)
    fake.outcome["DCIM/0001.mp4"] = "quarantined"
    run(fake, card, tmp_path / "state")
    fake.outcome.clear()
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe


def test_an_announcement_that_is_sent_away_is_told_for_each_file(fake, card: Path, tmp_path: Path) -> None:
    clip(card)
    fake.instead["announce"] = [(422, {"code": "name-travels", "detail": "A name leads out."})] * 9
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert (result.state, result.safe_to_wipe) == ("refused", False)
    assert "leads out" in result.words


@pytest.mark.parametrize("step", ["announce", "begin", "manifest", "receipt", "challenge"])
@pytest.mark.parametrize("body", [{}, {"state": "stored", "recording": "../../etc/passwd", "files": [], "docking": 5}])
def test_an_answer_that_is_none_makes_nothing_safe(fake, card: Path, tmp_path: Path, step: str, body) -> None:
    clip(card, size=9)
    fake.instead[step] = [(200, body)] * 500
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert not result.safe_to_wipe
    assert result.words


# Lies


def forged(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    other = forged_log(fake)
    other.add(stored(recording, DATA))
    other.publish()
    return other.proof(0), other.entries[0]


def of_another_file(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    return fake.receipt(fake.store(b"another file"))


def of_another_file_under_this_name(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    fake.store(b"another file", recording)
    return fake.receipt(recording)


def of_another_recording(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    return fake.receipt(fake.store(DATA))


def of_another_act(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    fake.log.add(made(recording, DATA))
    fake.log.publish()
    return fake.log.proof(len(fake.log.entries) - 1), fake.log.entries[-1]


def with_another_entry(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    proof, entry = fake.receipt(recording)
    return proof, entry.replace(recording.encode(), b"rec_" + b"0" * 32)


def of_nothing(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    return b"", b""


def unsigned(fake: FakeServer, recording: str) -> tuple[bytes, bytes]:
    proof, entry = fake.receipt(recording)
    return proof.rpartition(b"\n\n")[0] + b"\n\n", entry


DATA = os.urandom(9_000)
LIES = [
    forged, of_another_file, of_another_file_under_this_name, of_another_recording, of_another_act, with_another_entry,
    of_nothing, unsigned,
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_receipt_that_does_not_hold_makes_nothing_safe_and_is_told(fake, card: Path, tmp_path: Path, lie) -> None:
    (card / "DCIM/0001.mp4").write_bytes(DATA)
    fake.lie = lie
    for _ in range(2):
        result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
        assert (result.state, result.safe_to_wipe) == ("stored", False)
        assert "receipt does not hold" in result.words
    assert not list((tmp_path / "state").glob("receipts/*"))
    fake.lie = None
    fake.calls.clear()
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe or lie is of_another_file_under_this_name
    assert "patch" not in fake.calls


@pytest.fixture(scope="module")
def small_log() -> SmallLog:
    log = SmallLog()
    log.add(stored("rec_" + "1" * 32, DATA))
    log.add(stored("rec_" + "2" * 32, b"x"))
    log.publish()
    return log


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7), in_entry=st.booleans())
def test_one_flipped_bit_in_a_receipt_is_enough_to_refuse_it(small_log, at: int, bit: int, in_entry: bool) -> None:
    proof, entry = bytearray(small_log.proof(0)), bytearray(small_log.entries[0])
    spoilt = entry if in_entry else proof
    spoilt[at % len(spoilt)] ^= 1 << bit
    with pytest.raises(DocklineError):
        verify_receipt(bytes(proof), bytes(entry), small_log.policy).require_file(Digest.of(DATA))


def test_the_server_s_word_alone_makes_nothing_safe(fake, card: Path, tmp_path: Path) -> None:
    (card / "DCIM/0001.mp4").write_bytes(DATA)
    recording = fake.store(b"another file")
    fake.instead["manifest"] = [(200, {"state": "stored", "recording": recording, "words": ""})]
    result = run(fake, card, tmp_path / "state")["DCIM/0001.mp4"]
    assert (result.state, result.safe_to_wipe) == ("stored", False)


def test_a_file_that_the_server_has_already_is_proven_against_the_card_and_not_sent(
    fake, card: Path, tmp_path: Path
) -> None:
    (card / "DCIM/0001.mp4").write_bytes(DATA)
    for content, is_safe in ((DATA, True), (b"something else", False)):
        recording = fake.store(content)

        def listing(one: dict, recording: str = recording) -> dict:
            return {"id": "dfi_1", "state": "stored", "recording": recording}

        fake.instead["announce"] = [(201, {"docking": "dkg_" + "0" * 32, "files": {"DCIM/0001.mp4": listing({})}})]
        result = run(fake, card, tmp_path / f"state-{is_safe}")["DCIM/0001.mp4"]
        assert result.safe_to_wipe is is_safe
        assert "patch" not in fake.calls


# The camera


def test_a_file_that_changes_while_it_is_sent_is_never_signed_for_as_it_was(fake, card: Path, tmp_path: Path) -> None:
    clip(card, size=4 * BLOCK)
    path = card / "DCIM/0001.mp4"

    class Meddler(Told):
        def sent(self, name: str, at: int) -> None:
            if at > BLOCK and not self.at:
                self.at[name] = at
                with path.open("r+b") as file:
                    file.write(b"changed at its beginning")
                    file.seek(0, 2)
                    file.write(b"and longer")

    result = run(fake, card, tmp_path / "state", told=Meddler())["DCIM/0001.mp4"]
    assert result.safe_to_wipe
    assert result.digest == str(Digest.of(path.read_bytes()))
    signed = [upload.manifest.digest for upload in fake.uploads.values() if upload.manifest]
    assert signed == [Digest.of(path.read_bytes())]
    assert len(fake.dockings) == 1


def test_a_camera_that_is_pulled_out_is_told_and_goes_on_when_it_is_back(fake, card: Path, tmp_path: Path) -> None:
    data = clip(card, size=4 * BLOCK)
    path = card / "DCIM/0001.mp4"

    class Puller(Told):
        def sent(self, name: str, at: int) -> None:
            if at > BLOCK:
                path.unlink(missing_ok=True)
                path.write_bytes(b"")

    first = run(fake, card, tmp_path / "state", told=Puller())["DCIM/0001.mp4"]
    assert first.digest != str(Digest.of(data))
    path.write_bytes(data)
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].digest == str(Digest.of(data))


def test_names_that_are_not_text_come_in_under_their_labels(fake, card: Path, tmp_path: Path) -> None:
    with open(os.fsencode(card) + b"/caf\xe9\n.mp4", "wb") as file:  # noqa: PTH123 - a name in bytes
        file.write(DATA)
    results = run(fake, card, tmp_path / "state")
    assert results["caf\\xe9\\u000a.mp4"].safe_to_wipe
    assert run(fake, card, tmp_path / "state")["caf\\xe9\\u000a.mp4"].safe_to_wipe


def test_a_dock_that_is_asked_to_stop_stops_soon_and_goes_on_later(fake, card: Path, tmp_path: Path) -> None:
    data, stop = clip(card, size=6 * BLOCK), threading.Event()

    class Stopper(Told):
        def sent(self, name: str, at: int) -> None:
            if at > BLOCK:
                stop.set()

    with pytest.raises(Stopped):
        run(fake, card, tmp_path / "state", told=Stopper(), stop=stop)
    assert run(fake, card, tmp_path / "state")["DCIM/0001.mp4"].safe_to_wipe
    assert fake.stored_data() == {"DCIM/0001.mp4": [data]}


def test_a_watching_dock_takes_up_what_appears_and_ends_when_it_is_asked_to(fake, card: Path, tmp_path: Path) -> None:
    dock, line = DockState(tmp_path / "state"), Line(fake.url)
    dock.enrolled(line.enrol("code", dock.signer.public_key.hex(), "dock"))
    assert dock.identity is not None
    verdicts: list[tuple[int, int]] = []

    class Listener(Quiet):
        def done(self, safe: int, files: int) -> None:
            verdicts.append((safe, files))

    agent = Agent(line, dock, dock.identity, SystemClock(), patience=QUICK)
    watch = Watch(card, agent, SystemClock(), Listener(), quiet=0.02)

    def watching() -> None:
        with suppress(Stopped):
            watch.run(once=False)

    thread = threading.Thread(target=watching)
    thread.start()
    clip(card, "DCIM/0001.mp4", 9)
    until = time.monotonic() + 60
    while not verdicts and time.monotonic() < until:
        time.sleep(0.02)
    clip(card, "DCIM/0002.mp4", 9)
    while len(verdicts) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    watch.stop.set()
    thread.join(60)
    assert len(fake.stored_data()) == 2
    assert verdicts == [(1, 1), (2, 2)]
    assert len(fake.dockings) == 2
    line.close()
    dock.close()


def test_only_a_verified_receipt_ever_writes_the_word_safe() -> None:
    rooms = Path(__file__).resolve().parents[2]
    writers = [
        path.name for path in (rooms / "ingest").glob("*.py") if "(record, FileState.SAFE" in path.read_text("utf-8")
    ]
    assert writers == ["delivery.py"]
    assert FileState.SAFE.value == "safe"
