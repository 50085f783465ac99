"""The stored original as HLS the moment it is asked for, with no copy made and nothing re-encoded.

Each recording that is being watched has one confined child that holds it open and makes segments from it. Children are
started ahead of time and never shared: one is given one recording in its life, and ends when nobody has watched for a
while or when a more recent viewer needs its place. Segments just made are kept in memory, so that forty viewers of one
exhibit cost little more than one. This module knows no codec: it only carries questions and answers.
"""

import contextlib
import json
import threading
import time
from collections import OrderedDict
from typing import Any, Protocol

from evidence.errors import NotFound
from evidence.sandbox import Limits
from transcode.packager_playlist import Layout, master_playlist, media_playlist
from transcode.packager_proxy import StoredProxy
from transcode.packager_source import RangeSource
from transcode.trouble import MediaFailed, NotPlayable, PackagerBusy
from transcode.wire import MediaChild

__all__ = ["MediaFailed", "NotPlayable", "Packaged", "Packager", "PackagerBusy", "RangeSource"]

CHILD_LIMITS = Limits(wall=float("inf"), cpu=1800, memory=3 * 1024**3, file_size=0)
_OPEN_SECONDS, _SEGMENT_SECONDS, _FRAMES_SECONDS = 60.0, 30.0, 120.0
_MOST_CRASHES = 3
_MOST_KNOWN = 256  # recordings whose playlist is remembered after their child has gone
_CACHE_BYTES = 96 * 1024 * 1024


class Packaged(Protocol):
    """A recording as HLS. Every method may be called from any thread; raises :class:`NotPlayable` with a reason."""

    @property
    def segments(self) -> int:
        """How many media segments there are."""
        ...

    def master_playlist(self) -> str:
        """The master playlist; it names ``media.m3u8``."""
        ...

    def playlist(self) -> str:
        """The media playlist; it names ``init.mp4`` and ``<n>.m4s``."""
        ...

    def init(self) -> bytes:
        """The init segment."""
        ...

    def segment(self, number: int) -> bytes:
        """A media segment. Raises :class:`NotFound` when there is none of that number."""
        ...

    def frame_table(self) -> bytes:
        """The frame table as JSON, see :mod:`transcode.frames`."""
        ...


class Packager:
    """All recordings that are being watched in this process. Make one; close it at the end.

    ``limit`` bounds the children that hold a recording, ``idle`` is how many seconds without a viewer end one, ``warm``
    is how many wait ready for the next recording.
    """

    def __init__(self, *, limit: int = 8, idle: float = 120.0, warm: int = 1) -> None:
        self._limit, self._idle, self._warm = limit, idle, warm
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Original] = OrderedDict()
        self._ready: list[MediaChild] = []
        self._cache = _Cache(_CACHE_BYTES)
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="packager-keeper", daemon=True)
        self._keeper.start()

    def original(self, key: str, source: RangeSource) -> Packaged:
        """The stored original of a recording, opened when it is first asked for something."""
        with self._lock:
            there = self._open.get(key)
            if there is None:
                there = self._open[key] = Original(key, source, self._child, self._cache)
            self._open.move_to_end(key)
            return there

    def proxy(self, key: str, source: RangeSource, table: bytes) -> Packaged:
        """The stored playback proxy of a recording with its table; needs no child."""
        return StoredProxy(key, source, table)

    def close(self) -> None:
        """End every child."""
        self._closing.set()
        self._keeper.join(timeout=5)
        with self._lock:
            opened, ready = list(self._open.values()), self._ready
            self._open.clear()
            self._ready = []
        for original in opened:
            original.release()
        for child in ready:
            child.kill()

    def _child(self) -> MediaChild:
        """A fresh child within the limit. Raises :class:`PackagerBusy`."""
        self._make_room()
        with self._lock:
            while self._ready:
                child = self._ready.pop()
                if child.alive:
                    return child
        return new_child()

    def _make_room(self) -> None:
        with self._lock:
            holding = [original for original in self._open.values() if original.holds_child]
        while len(holding) >= self._limit:
            ended = next((original for original in holding if original.release_if_quiet()), None)
            if ended is None:
                raise PackagerBusy("More recordings are being watched at once than this server is set up for.")
            holding.remove(ended)

    def _keep(self) -> None:
        """Keep the warm children ready, end the idle ones, forget what nobody watches."""
        while not self._closing.is_set():
            with self._lock:
                missing = self._warm - len(self._ready)
            for _ in range(missing):
                child = new_child()
                with self._lock:
                    self._ready.append(child)
            self._end_idle()
            self._closing.wait(0.25)

    def _end_idle(self) -> None:
        with self._lock:
            idle = [original for original in self._open.values() if original.idle_for() > self._idle]
            known = [key for key, original in self._open.items() if not original.holds_child]
            for key in known[: max(0, len(self._open) - _MOST_KNOWN)]:
                del self._open[key]
        for original in idle:
            original.release_if_quiet()


def new_child() -> MediaChild:
    """A confined child, starting; it loads its libraries while nobody waits."""
    return MediaChild("transcode.packager_child", limits=CHILD_LIMITS)


class Original:
    """One stored original as HLS: what was learnt of it stays when its child goes."""

    def __init__(self, key: str, source: RangeSource, child: Any, cache: "_Cache") -> None:
        self._key, self._source, self._new_child, self._cache = key, source, child, cache
        self._lock = threading.Lock()
        self._child: MediaChild | None = None
        self._layout: Layout | None = None
        self._init = self._frames = b""
        self._crashes = 0
        self._used = time.monotonic()

    @property
    def segments(self) -> int:
        """See :class:`Packaged`."""
        return len(self._opened().starts)

    def master_playlist(self) -> str:
        """See :class:`Packaged`."""
        return master_playlist(self._opened())

    def playlist(self) -> str:
        """See :class:`Packaged`."""
        return media_playlist(self._opened())

    def init(self) -> bytes:
        """See :class:`Packaged`."""
        self._opened()
        return self._init

    def segment(self, number: int) -> bytes:
        """See :class:`Packaged`."""
        if not 0 <= number < self.segments:
            raise NotFound(f"there is no segment {number}")
        self._used = time.monotonic()
        place = (self._key, number)
        found = self._cache.get(place)
        if found is None:
            with self._lock:
                found = self._cache.get(place)
                if found is None:
                    found = self._ask({"ask": "segment", "number": number}, _SEGMENT_SECONDS)
                    self._cache.put(place, found)
        return found

    def frame_table(self) -> bytes:
        """See :class:`Packaged`."""
        with self._lock:
            self._frames = self._frames or self._ask({"ask": "frames"}, _FRAMES_SECONDS)
            return self._frames

    @property
    def holds_child(self) -> bool:
        """Whether a child is alive for it."""
        return self._child is not None

    def idle_for(self) -> float:
        """Seconds since anybody asked for anything."""
        return time.monotonic() - self._used

    def release(self) -> None:
        """End its child, whatever it is doing."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()

    def release_if_quiet(self) -> bool:
        """End its child unless it is at work; whether that was done."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self.release()
            return True
        finally:
            self._lock.release()

    def _opened(self) -> Layout:
        self._used = time.monotonic()
        if self._layout is not None:
            return self._layout
        with self._lock:
            if self._layout is None:
                told = json.loads(self._ask({"ask": "open"}, _OPEN_SECONDS))
                self._init = self._ask({"ask": "init"}, _OPEN_SECONDS)
                names = ("timescale", "starts", "end", "codecs", "width", "height", "bandwidth")
                self._layout = Layout(**{name: told[name] for name in names})
            return self._layout

    def _ask(self, question: dict[str, Any], seconds: float) -> bytes:
        """Put a question to the child, with a fresh one where the last is gone. The caller holds the lock."""
        if self._crashes >= _MOST_CRASHES:
            raise NotPlayable("The decoder stopped three times on this recording; it is not tried again for now.")
        if self._child is None or not self._child.alive:
            self.release()
            self._child = self._new_child()
            self._child.open(self._source)
        try:
            return self._child.ask(question, seconds=seconds)
        except MediaFailed:
            self._crashes += 1
            self.release()
            raise
        finally:
            self._used = time.monotonic()


class _Cache:
    """Segments just made, the oldest out first, bounded in bytes."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def get(self, place: tuple[str, int]) -> bytes | None:
        with self._lock, contextlib.suppress(KeyError):
            self._kept.move_to_end(place)
            return self._kept[place]
        return None

    def put(self, place: tuple[str, int], data: bytes) -> None:
        with self._lock:
            self._bytes += len(data) - len(self._kept.pop(place, b""))
            self._kept[place] = data
            while self._bytes > self._most and self._kept:
                self._bytes -= len(self._kept.popitem(last=False)[1])
