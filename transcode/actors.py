"""The workshop's jobs: examine what was stored, make what is watched, suggest what could be hidden.

Every handler looks first whether its work is done, so that running twice changes nothing. What a file does to a tool is
the rendition's state, in words; only a fault of ours or of the machine makes a job fail and be tried again.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.entry import ActKind
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Recording, RedactionPlan, Rendition
from evidence.outbox import Begun, enqueue
from transcode import workshop
from transcode.packager_source import StoredObject
from transcode.probe import Health, Probe, probe
from transcode.profiles import POSTER, PROXY, SPRITE, SUGGESTION, Profile, library_versions
from transcode.recovery import EVEN_RATE, description_of, has_no_index, make_recovered_proxy, recover
from transcode.redaction.detect import WeightsMissing
from transcode.redaction.suggest import suggest
from transcode.redaction.suggest import tools as suggestion_tools
from transcode.rendition import Proxy, make_poster, make_proxy, make_sprites, tools
from transcode.trouble import MediaFailed, NotPlayable
from transcode.workshop import Made

Maker = Callable[[Ground, Recording, Probe, Path], Made]


def handlers(ground: Ground) -> dict[str, Callable[[Begun], None]]:
    """The workshop's jobs by their kind; each is about a recording."""
    return {
        "probe": lambda job: examine(ground, job.subject),
        "poster": lambda job: render(ground, job.subject, POSTER, _poster),
        "proxy": lambda job: render(ground, job.subject, PROXY, _proxy),
        "sprite": lambda job: render(ground, job.subject, SPRITE, _sprite),
        "suggest": lambda job: suggest_faces(ground, job.subject),
    }


def examine(ground: Ground, recording_id: str) -> None:
    """Probe a stored original; from here on it is viewable where a browser can decode it."""
    with ground.database.read() as session:
        recording = session.get_one(Recording, recording_id)
    if recording.probe is not None:
        return
    source = workshop.source_of(ground, recording)
    found = probe(source)
    may_be_saved = found.container == "mp4" and not found.can_be_rendered and has_no_index(source)
    with ground.database.write() as session:
        recording = session.get_one(Recording, recording_id)
        if recording.probe is not None:
            return
        recording.probe = asdict(found)
        recording.health, recording.health_note = found.health.value, " ".join(found.reasons)[:500]
        recording.duration_ms = round(found.picture.duration * 1000) if found.picture else None
        if found.playable:
            recording.viewable_at = recording.viewable_at or ground.clock.now()
        using = {"tool": workshop.in_words(library_versions("av")), "health": found.health.value}
        workshop.tell(session, ground, ActKind.PROBED, recording, using)
        if may_be_saved:
            enqueue(session, "proxy", recording.id, queue="heavy", clock=ground.clock)
        else:
            _follow_up(session, ground, recording, found)


def render(ground: Ground, recording_id: str, profile: Profile, make: Maker) -> None:
    """Make a rendition, unless it is there."""
    with ground.database.read() as session:
        recording = session.get_one(Recording, recording_id)
        if workshop.is_ready(session, recording_id, profile) or recording.probe is None:
            return
        found = read_probe(recording)
    workshop.begin(ground, recording, profile)
    try:
        with workshop.scratch(ground) as folder:
            made = make(ground, recording, found, folder)
    except (MediaFailed, NotPlayable) as failed:
        with ground.database.write() as session:
            workshop.fail(session, ground, session.get_one(Recording, recording_id), profile, str(failed))
        return
    with ground.database.write() as session:
        recording = session.get_one(Recording, recording_id)
        if workshop.is_ready(session, recording_id, profile):
            return
        workshop.finish(session, ground, recording, profile, made)
        if profile is PROXY:
            recording.viewable_at = recording.viewable_at or ground.clock.now()
            enqueue(session, "sprite", recording_id, queue="heavy", clock=ground.clock)


def suggest_faces(ground: Ground, recording_id: str) -> None:
    """Let the machine suggest what could be hidden. Without the detector's weights the plan says so, in words."""
    with ground.database.read() as session:
        recording = session.get_one(Recording, recording_id)
        there = session.scalar(
            select(RedactionPlan.state).where(RedactionPlan.recording_id == recording_id, RedactionPlan.version == 1)
        )
        if there not in {None, "making"} or recording.probe is None:
            return
        seconds = (recording.duration_ms or 0) / 1000
    with ground.database.write() as session:
        _plan_row(session, recording_id).state = "making"
    try:
        plan = suggest(workshop.source_of(ground, recording), Digest.parse(recording.digest), seconds=seconds)
    except (MediaFailed, NotPlayable, WeightsMissing) as failed:
        _no_suggestion(ground, recording_id, str(failed))
        return
    stored = workshop.store(ground, recording_id, SUGGESTION.name, plan.to_json(), "plan-1.json")
    with ground.database.write() as session:
        recording = session.get_one(Recording, recording_id)
        row = _plan_row(session, recording_id)
        if row.state == "suggestion":
            return
        row.state, row.object_key, row.digest = "suggestion", stored.key, str(stored.digest)
        row.tool, row.made_at = workshop.in_words(suggestion_tools()), ground.clock.now()
        row.summary = {"tracks": len(plan.tracks), "ranges": len(plan.ranges())}
        using = {
            "profile": SUGGESTION.name,
            "tool": row.tool,
            "input": recording.digest,
            "output": row.digest,
            "tracks": str(len(plan.tracks)),
        }
        workshop.tell(session, ground, ActKind.SUGGESTED, recording, using)


def read_probe(recording: Recording) -> Probe:
    """The probe as it was kept with the recording."""
    return Probe.read(recording.probe or {})


def _follow_up(session: Session, ground: Ground, recording: Recording, found: Probe) -> None:
    if not found.can_be_rendered:
        reason = recording.health_note or "There is no picture to make a playback copy of."
        workshop.fail(session, ground, recording, PROXY, reason)
        return
    enqueue(session, "poster", recording.id, queue="quick", clock=ground.clock)
    enqueue(session, "proxy", recording.id, queue="heavy", clock=ground.clock)
    enqueue(session, "suggest", recording.id, queue="redaction", clock=ground.clock)


def _proxy(ground: Ground, recording: Recording, found: Probe, folder: Path) -> Made:
    ffmpeg, source = ground.settings.ffmpeg, workshop.source_of(ground, recording)
    if found.can_be_rendered:
        proxy = make_proxy(source, found, folder, ffmpeg=ffmpeg)
    else:
        proxy = _saved(ground, recording, folder)
    main = workshop.store(ground, recording.id, PROXY.name, proxy.path, "proxy.mp4")
    table = workshop.store(ground, recording.id, PROXY.name, proxy.table, "proxy.json")
    remarks = {"frames": str(len(proxy.frames.pts)), "frames_lost": str(proxy.lost) if proxy.lost else ""}
    return Made(main, (table,), tools(ffmpeg), {**remarks, "inexact": proxy.inexact or ""})


def _saved(ground: Ground, recording: Recording, folder: Path) -> Proxy:
    """What can be saved of a recording without an index, with the help of others of its camera."""
    description, rate = _of_the_same_camera(ground, recording)
    saved = recover(workshop.source_of(ground, recording), folder, description=description)
    return make_recovered_proxy(saved, folder, rate=rate, ffmpeg=ground.settings.ffmpeg)


def _of_the_same_camera(ground: Ground, recording: Recording) -> tuple[bytes | None, str]:
    """How a whole recording of the same camera is decoded, and its frame rate."""
    alike = select(Recording).where(
        Recording.camera_serial == recording.camera_serial,
        Recording.health == Health.WHOLE.value,
        Recording.viewable_at.is_not(None),
        Recording.agency_id == recording.agency_id,
    )
    with ground.database.read() as session:
        others = session.scalars(alike.order_by(Recording.stored_at.desc()).limit(5)).all()
    for other in others if recording.camera_serial else []:
        picture = read_probe(other).picture
        description = description_of(workshop.source_of(ground, other))
        if description is not None and picture is not None and picture.codec == "h264":
            return description, picture.rate or EVEN_RATE
    return None, EVEN_RATE


def _poster(ground: Ground, recording: Recording, found: Probe, folder: Path) -> Made:
    ffmpeg = ground.settings.ffmpeg
    path = make_poster(workshop.source_of(ground, recording), found, folder, ffmpeg=ffmpeg)
    return Made(workshop.store(ground, recording.id, POSTER.name, path, "poster.jpg"), (), tools(ffmpeg), {})


def _sprite(ground: Ground, recording: Recording, _found: Probe, folder: Path) -> Made:
    with ground.database.read() as session:
        proxy = session.scalars(
            select(Rendition).where(Rendition.recording_id == recording.id, Rendition.profile == PROXY.name)
        ).one()
    part = proxy.detail["parts"]["proxy.json"]
    table = ground.objects.read(part["key"], 0, part["size"])
    source = StoredObject(ground.objects, proxy.object_key)
    sprites = make_sprites(source, table, folder, ffmpeg=ground.settings.ffmpeg)
    sheets = tuple(workshop.store(ground, recording.id, SPRITE.name, sheet, sheet.name) for sheet in sprites.sheets)
    main = workshop.store(ground, recording.id, SPRITE.name, sprites.vtt, "sprite.vtt")
    return Made(main, sheets, tools(ground.settings.ffmpeg), {})


def _plan_row(session: Session, recording_id: str) -> RedactionPlan:
    row = session.scalar(
        select(RedactionPlan).where(RedactionPlan.recording_id == recording_id, RedactionPlan.version == 1)
    )
    if row is None:
        row = RedactionPlan(id=new_id("pln"), recording_id=recording_id, version=1, state="making")
        session.add(row)
    return row


def _no_suggestion(ground: Ground, recording_id: str, reason: str) -> None:
    with ground.database.write() as session:
        recording = session.get_one(Recording, recording_id)
        row = _plan_row(session, recording_id)
        row.state, row.reason = "failed", reason[:500]
        using = {"profile": SUGGESTION.name, "input": recording.digest, "reason": reason[:500]}
        workshop.tell(session, ground, ActKind.RENDITION_FAILED, recording, using)
