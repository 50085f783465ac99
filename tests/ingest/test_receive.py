"""What arrives becomes evidence once: compared, stored, written down, and never lost when it does not agree."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select

from custody.continuity import lines_of
from custody.entry import Act
from custody.ledger import log_key, receipt
from custody.policy import Policy
from custody.proof import verify_receipt
from custody.sequencer import Sequencer
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import DockedFile, Docking, Job, LedgerEntry, Quarantined, Recording, Upload
from evidence.objectstore import read_all
from ingest import receive
from ingest.door import recover
from ingest.refusals import DockRefused
from tests.ingest.sending import CUT, Sender, Server, bytes_of

NAME = "DCIM/0001.mp4"
CLIP = bytes_of("clip", 300_000)


@pytest.fixture
def server(ground: Ground) -> Iterator[Server]:
    running = Server(ground)
    yield running
    running.close()


@pytest.fixture
def dock(server: Server) -> Sender:
    return Sender(server, {NAME: CLIP})


def acts(ground: Ground, kind: str) -> list[Act]:
    with ground.database.read() as session:
        return [Act.parse(act) for act in session.scalars(select(LedgerEntry.act).filter_by(kind=kind))]


def rows(ground: Ground, table: type) -> list:
    with ground.database.read() as session:
        return list(session.scalars(select(table)))


def test_storing_writes_recording_entries_and_job_together(ground: Ground, dock: Sender) -> None:
    outcome = dock.send(NAME)
    (recording,) = rows(ground, Recording)
    assert (recording.id, recording.digest, recording.size) == (outcome.recording, str(Digest.of(CLIP)), len(CLIP))
    assert (recording.camera_serial, recording.officer_collar, recording.name) == ("BWC-00412", "4711", NAME)
    (received,), (stored,) = acts(ground, "received"), acts(ground, "stored")
    assert stored.subject == received.subject == f"recording:{recording.id}"
    assert stored.on["digest"] == str(Digest.of(CLIP))
    assert [(job.kind, job.subject) for job in rows(ground, Job)] == [("probe", recording.id)]
    (file,) = rows(ground, DockedFile)
    assert (file.state, file.recording_id) == ("stored", recording.id)
    (docking,) = rows(ground, Docking)
    assert docking.complete_at is not None


def test_the_officer_stands_in_the_ledger_as_a_commitment_only(ground: Ground, dock: Sender) -> None:
    dock.send(NAME)
    (stored,) = acts(ground, "stored")
    assert stored.using["officer"].startswith("salted-sha256:")
    assert '"4711"' not in stored.canonical().decode()


def test_the_receipt_of_a_stored_clip_is_one_that_a_dock_accepts(ground: Ground, dock: Sender) -> None:
    outcome = dock.send(NAME)
    Sequencer(ground).run_once()
    given = receipt(ground, outcome.entry)
    verified = verify_receipt(given.proof, given.entry, Policy((log_key(ground),)))
    verified.require_file(Digest.of(CLIP))
    assert verified.recording == outcome.recording


def test_continuity_tells_of_the_way_in(ground: Ground, dock: Sender) -> None:
    outcome = dock.send(NAME)
    with ground.database.read() as session:
        assert len(lines_of(session, f"recording:{outcome.recording}")) == 2


def test_a_digest_that_differs_is_set_aside_with_its_bytes_and_an_entry(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP)
    outcome = dock.hand_in(path, dock.manifest(NAME, bytes_of("what the dock read", 10)))
    assert outcome.state == "quarantined"
    assert "dock it again" in outcome.words
    (aside,) = rows(ground, Quarantined)
    assert (aside.reason, aside.found) == ("digest-differs", str(Digest.of(CLIP)))
    assert read_all(ground.objects, aside.object_key) == CLIP
    (act,) = acts(ground, "quarantined")
    assert act.using["expected"] == aside.expected
    assert not rows(ground, Recording)
    assert not acts(ground, "stored")


def test_what_was_set_aside_can_be_sent_again_from_the_camera(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, b"?" * len(CLIP))
    assert dock.hand_in(path, dock.manifest(NAME)).state == "quarantined"
    assert dock.send(NAME).state == "stored"
    (file,) = rows(ground, DockedFile)
    assert (file.state, file.note) == ("stored", "")
    assert len(rows(ground, Quarantined)) == 1


def test_the_same_clip_twice_is_stored_once_and_both_docks_get_its_receipt(ground: Ground, server: Server) -> None:
    one, other = Sender(server, {NAME: CLIP}), Sender(server, {"copy.mp4": CLIP}, camera="BWC-2")
    first, again = one.send(NAME), other.send("copy.mp4")
    assert (first.state, again.state) == ("stored", "duplicate")
    assert (again.recording, again.entry) == (first.recording, first.entry)
    assert len(rows(ground, Recording)) == 1
    (act,) = acts(ground, "received_again")
    assert act.subject == f"recording:{first.recording}"
    assert list(ground.objects.keys("received/")) == [f"received/{first.recording}"]


def test_two_docks_that_send_the_same_clip_at_once_store_it_once(ground: Ground, server: Server) -> None:
    docks = [Sender(server, {NAME: CLIP}, camera=f"BWC-{number}") for number in range(4)]
    paths = [dock.begin(NAME) for dock in docks]
    for dock, path in zip(docks, paths, strict=True):
        dock.patch(path, 0, CLIP)
    outcomes = []
    threads = [
        threading.Thread(target=lambda d=dock, p=path: outcomes.append(d.hand_in(p, d.manifest(NAME))))
        for dock, path in zip(docks, paths, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome.state for outcome in outcomes) == ["duplicate"] * 3 + ["stored"]
    assert len({outcome.recording for outcome in outcomes}) == 1
    assert len(rows(ground, Recording)) == len(acts(ground, "stored")) == 1
    assert len(list(ground.objects.keys("received/"))) == 1


def test_an_empty_clip_is_recorded_too_and_two_of_them_are_two(ground: Ground, server: Server) -> None:
    dock = Sender(server, {"a.mp4": b"", "b.mp4": b""})
    first, second = dock.send("a.mp4"), dock.send("b.mp4")
    assert first.state == second.state == "stored"
    assert first.recording != second.recording
    assert {row.health for row in rows(ground, Recording)} == {"empty"}
    assert read_all(ground.objects, f"received/{first.recording}") == b""


def test_a_sidecar_is_stored_and_needs_no_probe(ground: Ground, server: Server) -> None:
    assert Sender(server, {"0001.gpx": b"<gpx/>"}, kind="sidecar").send("0001.gpx").state == "stored"
    assert not rows(ground, Job)


def test_a_reference_typed_while_the_clip_was_on_its_way_leads_to_its_case(ground: Ground, dock: Sender) -> None:
    with ground.database.write() as session:
        session.get_one(DockedFile, dock.said.files[NAME].id).reference = "21AB1234525"
    dock.send(NAME)
    assert sorted(job.kind for job in rows(ground, Job)) == ["join-case", "probe"]


def test_completing_again_and_again_changes_nothing(ground: Ground, dock: Sender) -> None:
    outcome = dock.send(NAME)
    (upload,) = rows(ground, Upload)
    for _ in range(3):
        assert receive.complete(ground, upload.id) == outcome
    assert len(acts(ground, "stored")) == len(acts(ground, "received")) == 1


def test_bytes_without_a_manifest_wait_for_it(ground: Ground, dock: Sender) -> None:
    dock.patch(dock.begin(NAME), 0, CLIP)
    (upload,) = rows(ground, Upload)
    assert receive.complete(ground, upload.id).state == "receiving"
    assert upload.state == "complete"


def test_a_manifest_that_another_key_signed_is_refused_and_the_bytes_wait(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP)
    real, dock.signer = dock.signer, type(dock.signer).generate()
    with pytest.raises(DockRefused, match="signature"):
        dock.hand_in(path, dock.manifest(NAME))
    dock.signer = real
    assert dock.hand_in(path, dock.manifest(NAME)).state == "stored"


def test_a_kill_after_the_object_was_finished_is_mended_at_the_next_start(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP)
    text = dock.manifest(NAME)
    with ground.database.write() as session:
        upload = session.scalars(select(Upload)).one()
        upload.manifest, upload.signature = text, dock.signer.sign(text.encode()).hex()
    ground.objects.incoming(upload.object_key, size=upload.length).finish()
    assert recover(ground) == 1
    (recording,) = rows(ground, Recording)
    assert recording.digest == str(Digest.of(CLIP))
    assert recover(ground) == 0


def test_a_kill_before_a_duplicate_s_copy_was_removed_is_mended_at_the_next_start(
    ground: Ground, server: Server
) -> None:
    Sender(server, {NAME: CLIP}).send(NAME)
    other = Sender(server, {NAME: CLIP}, camera="BWC-2")
    other.send(NAME)
    (again,) = (row for row in rows(ground, Upload) if row.dock_id == other.dock.id)
    left = ground.objects.incoming(again.object_key, size=len(CLIP))
    left.append(CLIP)
    left.sync()
    recover(ground)
    assert ground.objects.incoming(again.object_key).length == 0


def test_staged_bytes_that_were_lost_are_asked_for_again(ground: Ground, dock: Sender) -> None:
    path = dock.begin(NAME)
    dock.patch(path, 0, CLIP)
    with ground.database.write() as session:
        upload = session.scalars(select(Upload)).one()
        upload.marks = {}  # nothing vouches for them
    assert dock.hand_in(path, dock.manifest(NAME)).state == "receiving"
    assert dock.head(path).offset == 0
    assert dock.patch(path, 0, CLIP, CUT).status in {204, 400}
    assert [row.state for row in rows(ground, Upload)] == ["stored"]
