"""The bytes of a viewing: playlists, segments, tables and pictures, from the packager and from what workers made.

A stored original is packaged as it is asked for; a playback copy is read by byte ranges. What is immutable and small is
kept in memory, so that forty viewers of one exhibit cost little more than one.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, Protocol, TypeVar

from sqlalchemy import select

from evidence.errors import NotFound
from evidence.ground import Ground
from evidence.models import Rendition
from evidence.objectstore import read_all
from portal import dossier, playback
from portal.exhibits import NOT_HERE
from portal.playback import Showing
from transcode.packager import Packaged, Packager, RangeSource
from transcode.packager_source import StoredObject
from transcode.profiles import POSTER, PROXY, SPRITE
from transcode.redaction.plan import Plan

_SEGMENT = re.compile(r"(0|[1-9]\d{0,6})\.m4s")
_SHEET = re.compile(r"sprite-\d{1,5}\.jpg")
_PLAYLIST, _JSON, _VIDEO = "application/vnd.apple.mpegurl", "application/json", "video/mp4"
_KEPT = 24  # recordings, plans; a four-hour frame table takes some 13 MB

Piece = tuple[bytes, str]  # content and media type
Kept = TypeVar("Kept")


class Packaging(Protocol):
    """What makes HLS of a recording; :class:`transcode.packager.Packager` is the real one."""

    def original(self, key: str, source: RangeSource) -> Packaged:
        """The stored original."""
        ...

    def proxy(self, key: str, source: RangeSource, table: bytes) -> Packaged:
        """The stored playback copy."""
        ...


class _Shelf(Generic[Kept]):
    """A few values that never change once they were made, the one asked for least recently out first."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, Kept] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, make: Callable[[], Kept]) -> Kept:
        """The value of a key, made when it is not there; two may be made at once, one stays."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            self._values[key] = made
            while len(self._values) > _KEPT:
                self._values.popitem(last=False)
        return made


class Media:
    """Content for viewings. One a process; threads share it."""

    def __init__(self, ground: Ground, packaging: Packaging | None = None) -> None:
        self._ground = ground
        self._packaging = packaging or Packager()
        self._sources: _Shelf[StoredObject] = _Shelf()
        self._proxies: _Shelf[Packaged] = _Shelf()
        self._overlays: _Shelf[bytes] = _Shelf()

    def piece(self, showing: Showing, name: str) -> Piece:
        """The content of a name below a viewing's address. Raises ``NotFound``, ``NotPlayable`` or ``PackagerBusy``."""
        segment = _SEGMENT.fullmatch(name)
        if segment:
            return self.packaged(showing).segment(int(segment[1])), _VIDEO
        if name == "master.m3u8":
            return self.packaged(showing).master_playlist().encode(), _PLAYLIST
        if name == "media.m3u8":
            return self.packaged(showing).playlist().encode(), _PLAYLIST
        if name == "init.mp4":
            return self.packaged(showing).init(), _VIDEO
        if name == "frames.json":
            return self.packaged(showing).frame_table(), _JSON
        return self._beside(showing, name)

    def packaged(self, showing: Showing) -> Packaged:
        """The copy that a viewing shows, as HLS."""
        if showing.rendition == PROXY.name:
            return self._proxies.get(showing.recording, lambda: self._proxy(showing.recording))
        key = showing.object_key
        source = self._sources.get(key, lambda: StoredObject(self._ground.objects, key))
        return self._packaging.original(showing.recording, source)

    def _proxy(self, recording: str) -> Packaged:
        source = StoredObject(self._ground.objects, self._key(recording, PROXY.name))
        table = read_all(self._ground.objects, self._key(recording, PROXY.name, "proxy.json"))
        return self._packaging.proxy(recording, source, table)

    def _beside(self, showing: Showing, name: str) -> Piece:
        """What workers made beside the film: thumbnails, a still, suggestions."""
        recording = showing.recording
        if name == "poster.jpg":
            return self._object(self._key(recording, POSTER.name)), "image/jpeg"
        if name == "sprite.vtt":
            return self._object(self._key(recording, SPRITE.name)), "text/vtt"
        if _SHEET.fullmatch(name):
            return self._object(self._key(recording, SPRITE.name, name)), "image/jpeg"
        if name == "suggestions.json" and showing.link is None:  # what a machine suspects is not for the court
            return self._overlay(showing.recording), _JSON
        raise NotFound(NOT_HERE)

    def _key(self, recording: str, profile: str, part: str = "") -> str:
        """Where a finished rendition lies in the store, or a part beside it. Raises ``NotFound``."""
        with self._ground.database.read() as session:
            row = session.scalar(
                select(Rendition).where(
                    Rendition.recording_id == recording, Rendition.profile == profile, Rendition.state == "ready"
                )
            )
        if row is None or (part and part not in row.detail.get("parts", {})):
            raise NotFound(NOT_HERE)
        return str(row.detail["parts"][part]["key"]) if part else row.object_key

    def _object(self, key: str) -> bytes:
        return read_all(self._ground.objects, key)

    def _overlay(self, recording: str) -> bytes:
        with self._ground.database.read() as session:
            row = playback.newest_plan(session, recording)
        if row is None or not row.object_key:
            raise NotFound(NOT_HERE)
        return self._overlays.get(row.object_key, lambda: self._drawn(row.object_key))

    def plan(self, object_key: str) -> Plan:
        """A redaction plan from the store."""
        return Plan.from_json(read_all(self._ground.objects, object_key))

    def _drawn(self, object_key: str) -> bytes:
        return json.dumps(dossier.overlay(self.plan(object_key)), separators=(",", ":")).encode()
