"""Viewings: the entry is durable before the first byte, and every byte after it asks again.

One viewing is one copy of one recording in one session, however many segments it takes. Beginning it writes its row and
its ``played`` entry in one transaction; only then is there an identifier under which anything of the picture can be
fetched. Each request for a playlist, segment, table or still asks again, see :mod:`portal.liveness`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import BadInput
from evidence.identifiers import new_id
from evidence.models import Link, Recording, RedactionPlan, Rendition, Viewing
from portal import acts, paths
from portal.exhibits import Item
from transcode.profiles import POSTER, PROXY, SPRITE

ORIGINAL = "original"
DOWNLOAD = "download"
_CHOICES = {"original": ORIGINAL, "proxy": PROXY.name}
_NAMES = {rendition: name for name, rendition in _CHOICES.items()}


@dataclass(frozen=True, slots=True)
class Watcher:
    """In whose name, session and right a viewing is begun."""

    session_id: str
    party: Party
    person: str | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Showing:
    """What never changes about a viewing that was begun."""

    id: str
    recording: str
    object_key: str
    rendition: str
    session_id: str
    link: str | None
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Copies:
    """What of a recording can be shown at this moment."""

    original: bool
    proxy: Rendition | None
    poster: bool
    sprite: bool
    suggestions: bool
    more: bool  # something is still being made

    @property
    def best(self) -> str | None:
        """The copy that plays best: exact and light before original."""
        return PROXY.name if self.proxy is not None else ORIGINAL if self.original else None

    def chosen(self, wanted: str) -> str | None:
        """The copy somebody asked for by name, or the best; raises ``BadInput`` for one that is not there."""
        if not wanted:
            return self.best
        there = (ORIGINAL,) * self.original + (PROXY.name,) * (self.proxy is not None)
        if _CHOICES.get(wanted) not in there:
            raise BadInput("This copy is not there, or not yet.", advice="Choose the other copy.")
        return _CHOICES[wanted]


def copies(session: Session, recording: Recording) -> Copies:
    """Look up what there is of a recording."""
    rows = session.scalars(select(Rendition).where(Rendition.recording_id == recording.id)).all()
    ready = {row.profile: row for row in rows if row.state == "ready"}
    plan = newest_plan(session, recording.id)
    making = any(row.state == "making" for row in rows) or (plan is not None and plan.state == "making")
    return Copies(
        original=bool((recording.probe or {}).get("playable")),
        proxy=ready.get(PROXY.name),
        poster=POSTER.name in ready,
        sprite=SPRITE.name in ready,
        suggestions=plan is not None and plan.state in {"suggestion", "reviewing", "approved"},
        more=making or recording.probe is None or (PROXY.name not in {row.profile for row in rows}),
    )


def newest_plan(session: Session, recording_id: str) -> RedactionPlan | None:
    """The newest redaction plan of a recording."""
    of_it = RedactionPlan.recording_id == recording_id
    return session.scalar(select(RedactionPlan).where(of_it).order_by(RedactionPlan.version.desc()).limit(1))


def begin(session: Session, clock: Clock, item: Item, watcher: Watcher, wanted: str = "") -> Viewing | None:
    """Begin a viewing, with its entry; ``None`` while nothing can be shown. The caller commits before any answer."""
    there = copies(session, item.recording)
    rendition = there.chosen(wanted)
    if rendition is None:
        return None
    digest = there.proxy.digest if rendition == PROXY.name and there.proxy else item.recording.digest
    viewing = _viewing(clock, item, watcher, rendition)
    viewing.entry_id = acts.tell(
        session, clock, ActKind.PLAYED, watcher.party, _on(item, watcher, digest),
        using={"rendition": rendition, "viewing": viewing.id},
    )  # fmt: skip
    session.add(viewing)
    if watcher.link is not None and item.recording.watched_at is None:
        item.recording.watched_at = clock.now()
    return viewing


def begin_download(session: Session, clock: Clock, item: Item, watcher: Watcher) -> Viewing:
    """Begin handing out the original, with its entry, which names the recipient. The caller commits before any byte."""
    viewing = _viewing(clock, item, watcher, DOWNLOAD)
    viewing.entry_id = acts.tell(
        session, clock, ActKind.DOWNLOADED, watcher.party, _on(item, watcher, item.recording.digest),
        using={"rendition": ORIGINAL, "viewing": viewing.id}, recipient=watcher.party,
    )  # fmt: skip
    session.add(viewing)
    return viewing


def _viewing(clock: Clock, item: Item, watcher: Watcher, rendition: str) -> Viewing:
    return Viewing(
        id=new_id("vie"), exhibit_id=item.exhibit.id if item.exhibit else None, recording_id=item.recording.id,
        rendition=rendition, person_id=watcher.person, session_id=watcher.session_id,
        link_id=watcher.link.id if watcher.link else None, began_at=clock.now(),
    )  # fmt: skip


def _on(item: Item, watcher: Watcher, digest: str) -> dict[str, str]:
    return {**item.on, "link": watcher.link.id if watcher.link else "", "digest": digest}


def told(
    there: Copies, shown: str | None, *, viewing: Viewing | Showing | None, status: str, for_staff: bool, note: str
) -> dict[str, Any]:
    """What the player is told: of a viewing with its addresses, or of what there is before one can begin.

    ``shown`` is the copy that it is told of: the viewing's own when it begins, the best there is when it asks again.
    """

    def address(name: str, *, when: bool) -> str | None:
        return paths.play(viewing.id, name) if viewing is not None and when else None

    here = viewing is not None and viewing.rendition == shown
    source, frames = address("master.m3u8", when=here), address("frames.json", when=here)
    return {
        "viewing": None if viewing is None else viewing.id,
        "status": status,
        "playback": None if shown is None else {"rendition": _NAMES[shown], "source": source, "frames": frames},
        "frames": frames,
        "suggestions": address("suggestions.json", when=there.suggestions and for_staff),
        "sprite": address("sprite.vtt", when=there.sprite),
        "poster": address("poster.jpg", when=there.poster),
        "more": there.more,
        "note": note,
    }


def told_begun(session: Session, item: Item, viewing: Viewing, *, for_staff: bool) -> dict[str, Any]:
    """What the player is told when a viewing has begun."""
    there = copies(session, item.recording)
    status = paths.play(viewing.id, "status.json")
    note = note_on(item.recording, there)
    return told(there, viewing.rendition, viewing=viewing, status=status, for_staff=for_staff, note=note)


def told_waiting(session: Session, item: Item, status: str, *, for_staff: bool) -> dict[str, Any]:
    """What the player is told where no viewing has begun; ``status`` is where to ask again."""
    there = copies(session, item.recording)
    note = note_on(item.recording, there)
    return told(there, there.best, viewing=None, status=status, for_staff=for_staff, note=note)


def told_later(session: Session, showing: Showing) -> dict[str, Any]:
    """What the player is told when it asks again during a viewing: the best copy that there is by now."""
    recording = session.get_one(Recording, showing.recording)
    there = copies(session, recording)
    status = paths.play(showing.id, "status.json")
    for_staff, note = showing.link is None, note_on(recording, there)
    return told(there, there.best, viewing=showing, status=status, for_staff=for_staff, note=note)


def note_on(recording: Recording, there: Copies) -> str:
    """What to say about how a recording plays; empty when there is nothing to say."""
    if there.best is not None:
        return recording.health_note
    if there.more:
        return recording.health_note or "A copy that every browser can play is being made. It starts when it is ready."
    return recording.health_note or "No copy that a browser can play could be made. The original is kept as it came."
