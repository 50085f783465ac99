"""The built styles and scripts: from a plain name to the hashed file that is served.

The files are built once from ``portal/assets`` and stand, committed, in ``portal/static/dist``; their names hold a
part of their SHA-256, so that browsers may keep them for ever.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import Misconfigured
from portal import paths

DIST = Path(__file__).parent / "static" / "dist"


@dataclass(frozen=True, slots=True)
class AssetManifest:
    """Plain names such as ``portal.css`` against hashed file names."""

    files: dict[str, str]

    @classmethod
    def load(cls, folder: Path = DIST) -> "AssetManifest":
        """Read ``manifest.json``; raises :class:`Misconfigured` when it, or a file that it names, is not there."""
        manifest = folder / "manifest.json"
        try:
            files: dict[str, str] = json.loads(manifest.read_text("utf-8"))
        except (OSError, ValueError) as wrong:
            raise Misconfigured(
                f"the portal's styles and scripts are not at {folder}",
                advice='Install the package whole, or run "npm ci && npm run build" in portal/assets.',
            ) from wrong
        missing = [name for name in files.values() if not (folder / name).is_file()]
        if missing:
            raise Misconfigured(f"{manifest} names files that are not there: {', '.join(missing)}")
        return cls(files)

    def address(self, name: str) -> str:
        """The address under which a file is served; raises ``KeyError`` for a name that was never built."""
        return f"{paths.STATIC}/{self.files[name]}"
