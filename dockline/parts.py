"""The long-running parts, each as its own process: what ``dockline up`` starts and what a container runs."""

from pathlib import Path

from dockline.logs import configure
from evidence.errors import BadInput
from evidence.ground import open_ground
from evidence.outbox import QUEUES
from evidence.settings import load_settings


def web(data: Path, door: str) -> int:
    """Serve until told to stop."""
    from dockline.web import DOORS, serve

    if door not in DOORS:
        raise BadInput(f"no such door: {door}", advice=f"Choose one of {', '.join(DOORS)}.")
    settings = load_settings(data)
    configure(settings, "web")
    serve(settings, door)
    return 0


def worker(data: Path, queues: list[str], threads: int) -> int:
    """Do jobs until told to stop."""
    from dockline.worker import run

    unknown = set(queues) - set(QUEUES)
    if unknown:
        raise BadInput(f"no such queue: {', '.join(unknown)}", advice=f"Choose from {', '.join(QUEUES)}.")
    settings = load_settings(data)
    configure(settings, f"worker-{'-'.join(queues)}")
    run(open_ground(settings), set(queues), threads)
    return 0


def steward(data: Path) -> int:
    """Publish and relay until told to stop."""
    from dockline.steward import run

    settings = load_settings(data)
    configure(settings, "steward")
    run(open_ground(settings))
    return 0


def migrate(data: Path) -> int:
    """Make or update the tables and the log's key."""
    from dockline.up import prepare

    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    prepare(load_settings(data)).database.close()
    return 0
