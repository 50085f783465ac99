"""Opening an installation that is there, for commands that only look into it or add to it."""

from dataclasses import replace
from pathlib import Path

from evidence.errors import NotFound
from evidence.ground import Ground, open_ground
from evidence.settings import Settings, load_settings


def installed(data: Path) -> Settings:
    """The settings of an installation. Raises :class:`NotFound` for a folder that was never set up, and makes nothing.

    The address is the one under which ``dockline up`` runs or last ran, unless a public one is set.
    """
    settings = load_settings(data)
    if not (data / "log.vkey").exists():
        raise NotFound(
            f"there is no installation in {data}", advice="Name its folder with --data, or start one with: dockline up"
        )
    lock = data / "lock"
    address = lock.read_text(encoding="utf-8").strip() if lock.exists() else ""
    return replace(settings, public_url=address) if address and not settings.public_url else settings


def open_installation(data: Path) -> Ground:
    """The doors of an installation that is there."""
    return open_ground(installed(data))
