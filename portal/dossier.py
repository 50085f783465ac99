"""All that is told about one recording on its page: facts, court clock, continuity, renditions, suggestions.

Continuity comes from the ledger alone, line by line, each with its proof. What a link's recipient is told leaves out
who else has watched or been given the same footage: that is for the owner and for auditors.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.continuity import Line, lines_of
from custody.entry import ActKind
from evidence.models import Dock, Exhibit, Link, Person, Recording, RedactionPlan, Rendition
from portal import exhibits, links
from portal.exhibits import Item
from portal.views.exhibit import BeginWhen, ContinuityEvent, Facts, LinkRow, Player, Proof, RenditionRow, SuggestionSpan
from transcode.profiles import ALL, PROXY
from transcode.redaction.plan import Plan

OF_OTHERS = frozenset(
    {
        ActKind.CONSULTED, ActKind.PLAYED, ActKind.DISCLOSED, ActKind.DOWNLOADED, ActKind.LINK_OPENED,
        ActKind.LINK_REFUSED, ActKind.LINK_REVOKED,
    }
)  # fmt: skip
_UNPLAYABLE = frozenset({"empty", "not-video", "not-media", "no-picture"})


def facts(session: Session, recording: Recording, exhibit: Exhibit | None) -> Facts:
    """What is known of a recording."""
    dock = session.get_one(Dock, recording.dock_id)
    person = session.get(Person, exhibit.produced_by) if exhibit else exhibits.wearer(session, recording)
    return Facts(
        name=recording.name, digest=recording.digest, size=recording.size, camera=recording.camera_serial,
        dock=f"{dock.name}, {dock.station}" if dock.station else dock.name,
        producer=person.name if person else "Nobody is known to have filmed it",
        reference=exhibit.reference if exhibit else None, recorded_at=recording.camera_time,
        clock_offset_ms=recording.clock_offset_ms, duration_ms=recording.duration_ms,
        picture=_picture(recording), sound=_sound(recording), shows=exhibit.shows if exhibit else "",
    )  # fmt: skip


def player(
    recording: Recording, exhibit: Exhibit | None, *, begin: str, when: BeginWhen, viewer: str = ""
) -> Player | None:
    """The player for a recording; ``None`` where nothing can ever be played."""
    if recording.kind != "clip" or recording.health in _UNPLAYABLE:
        return None
    picture = _part(recording, "picture")
    started = utc_start(recording)
    unchecked = started is not None and recording.clock_offset_ms is None
    note = "The time of day is the camera's own; its clock was not checked against UTC." if unchecked else ""
    return Player(
        label=f"Exhibit {exhibit.reference}" if exhibit else recording.name, begin=begin, when=when, viewer=viewer,
        width=int(picture.get("shown_width") or 1280), height=int(picture.get("shown_height") or 720),
        duration_ms=recording.duration_ms, started_at=started, clock_note=note,
    )  # fmt: skip


def utc_start(recording: Recording) -> datetime | None:
    """The time of the first frame: the camera's own, corrected by the offset that its dock measured."""
    if recording.camera_time is None:
        return None
    return recording.camera_time - timedelta(milliseconds=recording.clock_offset_ms or 0)


def problem(recording: Recording) -> str:
    """What is wrong with a recording, in words; empty for one that is whole."""
    if recording.kind != "clip":
        return "This is a file that the camera wrote beside its clips. It cannot be played, but downloaded."
    return recording.health_note


def continuity(
    session: Session, item: Item, proof: Callable[[int], str], *, without: Iterable[ActKind] = ()
) -> tuple[ContinuityEvent, ...]:
    """What happened to a recording, and to its exhibit, oldest first; ``proof`` gives an entry's proof its address."""
    left_out = frozenset(without)
    lines = lines_of(session, *histories(item))
    return tuple(_event(line, proof) for line in lines if line.kind not in left_out)


def histories(item: Item) -> tuple[str, ...]:
    """The subjects in the ledger whose histories are an item's continuity."""
    exhibit = (f"exhibit:{item.exhibit.id}",) if item.exhibit else ()
    return (f"recording:{item.recording.id}", *exhibit)


def _event(line: Line, proof: Callable[[int], str]) -> ContinuityEvent:
    told = [line.words, f"To {line.recipient}." if line.recipient else "", f"Reason: {line.why}." if line.why else ""]
    told += [f"{label[0].upper()}{label[1:]}: {value}." for label, value in line.facts]
    return ContinuityEvent(
        title=line.kind.value.replace("_", " ").capitalize(), words=" ".join(part for part in told if part), at=line.at,
        by=line.who, entry=line.place, proof=Proof.PUBLISHED if line.published else Proof.RECORDED,
        proof_url=proof(line.entry_id) if line.published else None,
    )  # fmt: skip


def renditions(session: Session, recording: Recording) -> tuple[RenditionRow, ...]:
    """The master and what was made from it."""
    rows = session.scalars(
        select(Rendition).where(Rendition.recording_id == recording.id).order_by(Rendition.made_at, Rendition.profile)
    ).all()
    master = RenditionRow(
        name="Original",
        kind="master",
        state="ready",
        digest=recording.digest,
        size=recording.size,
        made_at=recording.stored_at,
    )
    return (master, *(_rendition(row) for row in rows))


def _rendition(row: Rendition) -> RenditionRow:
    profile = ALL.get(row.profile)
    return RenditionRow(
        name=profile.title if profile else row.profile, kind="playback", state=row.state, digest=row.digest,
        made_from=row.input_digest, tool=row.tool, size=row.size or None, made_at=row.made_at,
        note=row.reason or ("For watching, not for measuring." if row.profile == PROXY.name else ""),
    )  # fmt: skip


def suggestion_state(plan: RedactionPlan | None) -> str:
    """``none``, ``making``, ``ready`` or ``failed``."""
    if plan is None:
        return "none"
    return plan.state if plan.state in {"making", "failed"} else "ready"


def spans(plan: Plan) -> tuple[SuggestionSpan, ...]:
    """When something may have to be hidden, as a list beside the player."""
    return tuple(
        SuggestionSpan(
            kind=found.kind, from_ms=round(found.start * 1000), to_ms=round(found.end * 1000), score=found.confidence
        )
        for found in plan.ranges()
    )


def overlay(plan: Plan) -> dict[str, Any]:
    """A plan as the player draws it: per track its first frame and a box for each frame from there, as fractions."""
    tracks = []
    for track in plan.tracks:
        if track.boxes:
            by_frame = {box.frame: [box.left, box.top, box.right, box.bottom] for box in track.boxes}
            first, last = min(by_frame), max(by_frame)
            boxes = [by_frame.get(frame) for frame in range(first, last + 1)]
            tracks.append({"id": track.id, "kind": track.kind, "first": first, "boxes": boxes})
    return {"version": 1, "width": plan.width, "height": plan.height, "tracks": tracks}


def link_rows(rows: Sequence[Link], now: datetime) -> tuple[LinkRow, ...]:
    """The links to an exhibit."""
    return tuple(
        LinkRow(
            link_id=link.id, recipient=link.recipient, organisation=link.organisation, state=links.state_of(link, now),
            expires_at=link.expires_at, openings=link.openings,
        )
        for link in rows
    )  # fmt: skip


def _part(recording: Recording, name: str) -> dict[str, Any]:
    found = (recording.probe or {}).get(name)
    return found if isinstance(found, dict) else {}


def _picture(recording: Recording) -> str:
    picture = _part(recording, "picture")
    if not picture:
        return ""
    rate = f"{picture['rate']} frames a second" if picture.get("rate") else "variable frame rate"
    return (
        f"{picture.get('shown_width')} x {picture.get('shown_height')}, {str(picture.get('codec', '')).upper()}, {rate}"
    )


def _sound(recording: Recording) -> str:
    sound = _part(recording, "sound")
    return f"{str(sound.get('codec', '')).upper()}, {sound.get('rate')} Hz" if sound else ""
