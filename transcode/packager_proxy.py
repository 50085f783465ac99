"""The stored playback proxy as HLS: one fragmented MP4 and a small table; every segment is a byte range of it.

The table (``proxy.json``) is JSON: ``version``, ``init`` (length in bytes), ``timescale``, ``end`` (ticks),
``codecs``, ``width``, ``height``, ``size``, ``segments`` (rows of offset, length, start in ticks) and ``frames`` (the
frame table of :mod:`transcode.frames`). So HLS needs no second copy of the footage.
"""

import json
from typing import Any

from evidence.errors import BadInput, NotFound
from transcode.packager_playlist import Layout, master_playlist, media_playlist
from transcode.packager_source import RangeSource

VERSION = 1


class NotAProxyTable(BadInput):
    """Bytes are not the table of a playback proxy of a version that is known here."""

    code = "not-a-proxy-table"


class StoredProxy:
    """A playback proxy from the store. Raises :class:`NotAProxyTable` when its table cannot be read."""

    def __init__(self, key: str, source: RangeSource, table: bytes) -> None:
        self.key, self._source = key, source
        try:
            self._told: dict[str, Any] = json.loads(table)
            if self._told["version"] != VERSION:
                raise NotAProxyTable(f"a proxy table of version {self._told['version']!r} is not known here")
            self._rows = [(int(a), int(b), int(c)) for a, b, c in self._told["segments"]]
            self._layout = Layout(
                timescale=int(self._told["timescale"]),
                starts=[row[2] for row in self._rows],
                end=int(self._told["end"]),
                codecs=str(self._told["codecs"]),
                width=int(self._told["width"]),
                height=int(self._told["height"]),
                bandwidth=self._bandwidth(),
            )
        except (ValueError, KeyError, TypeError) as wrong:
            raise NotAProxyTable(f"not a proxy table: {wrong}") from wrong

    def _bandwidth(self) -> int:
        seconds = (int(self._told["end"]) - self._rows[0][2]) / int(self._told["timescale"]) if self._rows else 0
        return round(int(self._told["size"]) * 8 / max(seconds, 0.04) * 1.1)

    @property
    def segments(self) -> int:
        """See :class:`~transcode.packager.Packaged`."""
        return len(self._rows)

    def master_playlist(self) -> str:
        """See :class:`~transcode.packager.Packaged`."""
        return master_playlist(self._layout)

    def playlist(self) -> str:
        """See :class:`~transcode.packager.Packaged`."""
        return media_playlist(self._layout)

    def init(self) -> bytes:
        """See :class:`~transcode.packager.Packaged`."""
        return self._source.read(0, int(self._told["init"]))

    def segment(self, number: int) -> bytes:
        """See :class:`~transcode.packager.Packaged`."""
        if not 0 <= number < len(self._rows):
            raise NotFound(f"there is no segment {number}")
        offset, length, _ = self._rows[number]
        return self._source.read(offset, length)

    def frame_table(self) -> bytes:
        """See :class:`~transcode.packager.Packaged`."""
        return json.dumps(self._told["frames"], separators=(",", ":")).encode("ascii")
