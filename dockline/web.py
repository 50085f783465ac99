"""The embedded web server: one granian process that serves both doors, ingest's and the portal's, on one address.

An upload's bytes go straight to the raw application under ``/files``; everything else is FastAPI. In a large
installation the doors are separate services behind one proxy (``dockline web --door ingest`` and ``--door portal``).
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from evidence.ground import Ground, open_ground
from evidence.settings import Settings, load_settings

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

DOORS = ("both", "ingest", "portal")
_INGEST_PATHS = ("/files", "/dock/")


def assemble(ground: Ground, door: str = "both") -> Asgi:
    """The application of a door. Ingest and portal never meet anywhere else."""
    from ingest.door import create_door

    ingest = create_door(ground)
    if door == "ingest":
        return ingest
    from portal.app import create_app

    portal = create_app(ground)
    if door == "portal":
        return portal

    async def both(scope: Scope, receive: Any, send: Any) -> None:
        to_ingest = scope["type"] == "http" and scope["path"].startswith(_INGEST_PATHS)
        await (ingest if to_ingest else portal)(scope, receive, send)

    return both


def factory() -> Asgi:
    """What granian's worker process calls: opens its own doors, and does not outlive the server."""
    from dockline.logs import configure
    from dockline.processes import die_with_parent

    die_with_parent(int(os.environ["DOCKLINE_PARENT"]))
    settings = load_settings(Path(os.environ["DOCKLINE_DATA"]))
    configure(settings, "web")
    return assemble(open_ground(settings), os.environ.get("DOCKLINE_DOOR", "both"))


def serve(settings: Settings, door: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings

    os.environ["DOCKLINE_DATA"] = str(settings.data)
    os.environ["DOCKLINE_DOOR"] = door
    os.environ["DOCKLINE_PARENT"] = str(os.getpid())
    Granian(
        "dockline.web:factory",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=512 * 1024),
        websockets=False,
        workers=1,
        log_enabled=True,
        workers_kill_timeout=5,
    ).serve()
