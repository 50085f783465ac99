"""The workshop's jobs on real clips: what they make, what they say of it, and that running twice changes nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from custody.continuity import lines_of
from custody.entry import ActKind
from custody.fsck import Severity, check
from custody.ledger import prepare_log
from evidence import outbox
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Agency, Dock, Job, Recording, RedactionPlan, Rendition
from tests import media_factory as factory
from transcode.actors import handlers
from transcode.redaction.plan import Plan

MEDIA = Path(__file__).resolve().parents[1] / "media"


@pytest.fixture
def receive(ground: Ground) -> Callable[[bytes, str], str]:
    prepare_log(ground)
    now = ground.clock.now()
    with ground.database.write() as session:
        session.add(Agency(id="ag_1", name="Force", kind="police", created_at=now))
        session.flush()
        session.add(Dock(id="dok_1", agency_id="ag_1", name="Dock 1", public_key="00", enrolled_at=now))

    def store(data: bytes, name: str) -> str:
        recording = f"rec_{Digest.of(data).hex[:8]}"
        ground.objects.put_once(f"received/{recording}", data)
        with ground.database.write() as session:
            session.add(
                Recording(
                    id=recording, identity=Digest.of(data).hex, kind="clip", name=name, digest=str(Digest.of(data)),
                    crc32=0, size=len(data), object_key=f"received/{recording}", agency_id="ag_1", dock_id="dok_1",
                    docked_at=now, received_at=now, stored_at=now,
                )
            )  # fmt: skip
            session.flush()
            outbox.enqueue(session, "probe", recording, queue="quick", clock=ground.clock)
        return recording

    return store


def do_all(ground: Ground) -> list[str]:
    """Do every job there is until there is none, each twice; the kinds in order."""
    able = handlers(ground)
    done: list[str] = []
    while True:
        with ground.database.read() as session:
            waiting = session.scalars(select(Job.id).where(Job.state == "queued").order_by(Job.created_at)).all()
        if not waiting:
            return done
        for job_id in waiting:
            job = outbox.begin(ground.database, job_id, ground.clock)
            assert job is not None
            able[job.kind](job)
            able[job.kind](job)
            outbox.finish(ground.database, job, ground.clock)
            done.append(job.kind)


def told(ground: Ground, recording: str) -> list[ActKind]:
    with ground.database.read() as session:
        return [line.kind for line in lines_of(session, f"recording:{recording}")]


def test_a_clip_becomes_viewable_and_gets_its_renditions_each_with_one_entry(
    ground: Ground, receive: Callable[[bytes, str], str]
) -> None:
    recording = receive((MEDIA / "walking_270p_vfr.mp4").read_bytes(), "walking.mp4")
    assert set(do_all(ground)) == {"probe", "poster", "proxy", "sprite", "suggest"}
    with ground.database.read() as session:
        row = session.get_one(Recording, recording)
        assert (row.health, row.viewable_at is not None) == ("whole", True)
        made = {one.profile: one for one in session.scalars(select(Rendition))}
        plan = session.scalars(select(RedactionPlan)).one()
    assert {one.state for one in made.values()} == {"ready"}
    assert made["playback-1"].reason == "", "the playback copy is proven exact"
    assert plan.state == "suggestion"
    document = Plan.from_json(ground.objects.read(plan.object_key, 0, 10_000_000))
    assert document.tracks, "there are faces in this clip"
    kinds = told(ground, recording)
    assert (kinds.count(ActKind.RENDITION_MADE), kinds.count(ActKind.SUGGESTED)) == (3, 1)
    assert kinds.count(ActKind.PROBED) == 1
    wrong = [found.what for found in check(ground) if found.severity is Severity.WRONG]
    assert wrong == [recording], "only the stored entry is missing, which this test did not write"


@pytest.mark.parametrize(
    ("data", "health"), [(b"", "empty"), (b"This is a shopping list, not a film.\n" * 40, "not-media")]
)
def test_what_is_no_film_is_kept_and_its_state_says_why_in_words(
    ground: Ground, receive: Callable[[bytes, str], str], data: bytes, health: str
) -> None:
    recording = receive(data, "clip.mp4")
    assert do_all(ground) == ["probe"]
    with ground.database.read() as session:
        row = session.get_one(Recording, recording)
        failed = session.scalars(select(Rendition)).one()
    assert (row.health, row.viewable_at) == (health, None)
    assert row.health_note
    assert (failed.state, bool(failed.reason)) == ("failed", True)
    assert ground.objects.read(row.object_key, 0, len(data) + 1) == data
    assert ActKind.RENDITION_FAILED in told(ground, recording)


def test_a_clip_whose_index_was_never_written_is_saved_with_the_help_of_its_camera(
    ground: Ground, receive: Callable[[bytes, str], str]
) -> None:
    whole = factory.make(factory.AAC_SOUND)
    of_camera(ground, receive(whole, "whole.mp4"))
    do_all(ground)
    broken = of_camera(ground, receive(factory.truncated(whole), "broken.mp4"))
    do_all(ground)
    with ground.database.read() as session:
        row = session.get_one(Recording, broken)
        assert (row.health, row.viewable_at is not None) == ("damaged", True)
        proxy = session.scalars(select(Rendition).where(Rendition.recording_id == broken)).first()
        assert proxy is not None
        assert (proxy.state, "times of the frames" in proxy.reason) == ("ready", True)


def test_a_clip_that_cannot_be_saved_says_what_would_help(ground: Ground, receive: Callable[[bytes, str], str]) -> None:
    broken = receive(factory.truncated(factory.make(factory.CFR)), "broken.mp4")
    do_all(ground)
    with ground.database.read() as session:
        proxy = session.scalars(select(Rendition).where(Rendition.recording_id == broken)).one()
        assert proxy.state == "failed"
        assert "whole recording of the same camera" in proxy.reason


def of_camera(ground: Ground, recording: str) -> str:
    with ground.database.write() as session:
        session.get_one(Recording, recording).camera_serial = "X1"
    return recording
