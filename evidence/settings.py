"""Settings as one frozen value, read once at the start and passed down.

They come from ``dockline.toml`` in the data folder and from environment variables ``DOCKLINE_<NAME>``, which win. An
unknown key is refused, because a misspelt setting that is silently ignored is how evidence gets lost. No secret has a
default: those that the embedded installation needs are made on first start, in files that only their owner reads.
"""

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from evidence.errors import Misconfigured

_PREFIX = "DOCKLINE_"
_NOT_SETTINGS = frozenset({"DOCKLINE_DATA", "DOCKLINE_DOOR", "DOCKLINE_PARENT"})


@dataclass(frozen=True, slots=True)
class Settings:
    """All there is to set. Sizes are bytes, durations are seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8440
    public_url: str = ""  # how people reach the portal from outside; empty: http://host:port
    agency: str = "Dockline Constabulary"
    log_origin: str = ""  # the ledger's name, fixed at the first start; empty: one made from its key
    database_url: str = ""  # empty: SQLite in the data folder
    queue_url: str = ""  # empty: the embedded Valkey on a socket in the data folder
    store: str = "files"  # files | s3
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_checksums: str = "when_required"  # botocore's request_checksum_calculation
    s3_lock_days: int = 0  # Object Lock retention of masters; 0: the bucket's own rule
    ffmpeg: str = ""  # empty: the one that ships with imageio-ffmpeg
    publish_interval: float = 0.5  # between two checkpoints while entries arrive
    free_space_floor: int = 512 * 1024 * 1024  # uploads are refused with advice below this
    upload_idle: float = 60.0  # a connection that sends nothing for so long is closed; what arrived is kept
    session_idle: float = 30 * 60
    session_absolute: float = 12 * 3600
    link_days: int = 14
    log_level: str = "info"

    @property
    def address(self) -> str:
        """The portal's address for links and pages, without a slash at its end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies may carry the Secure attribute: wherever people come by https."""
        return self.address.startswith("https://")

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data / 'dockline.sqlite3'}"

    @property
    def queue(self) -> str:
        """The redis URL in force. A socket's path is at most 107 bytes long (unix(7)); a longer one moves to /tmp."""
        if self.queue_url:
            return self.queue_url
        socket = str(self.data.resolve() / "queue" / "valkey.sock")
        if len(socket.encode()) > 100:
            name = hashlib.sha256(socket.encode()).hexdigest()[:16]
            socket = f"/tmp/dockline-{os.getuid()}-{name}/valkey.sock"  # noqa: S108 - a folder of mode 0700
        return f"unix://{socket}"


def load_settings(data: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of a data folder; raises :class:`Misconfigured` naming the key that is wrong."""
    values: dict[str, Any] = {}
    file = data / "dockline.toml"
    if file.exists():
        try:
            values.update(tomllib.loads(file.read_text(encoding="utf-8")))
        except tomllib.TOMLDecodeError as wrong:
            raise Misconfigured(f"{file} is not TOML: {wrong}") from wrong
    for name, text in environ.items():
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS:
            values[name.removeprefix(_PREFIX).lower()] = text
    known = {field.name: field for field in fields(Settings) if field.name != "data"}
    for name in values:
        if name not in known:
            raise Misconfigured(f"unknown setting {name!r}", advice=f"The settings are: {', '.join(sorted(known))}.")
    typed = {name: _as_type(name, value, known[name].type) for name, value in values.items()}
    return Settings(data=data, **typed)


def _as_type(name: str, value: Any, wanted: Any) -> Any:
    try:
        if wanted is int and not isinstance(value, bool):
            return int(value)
        if wanted is float and not isinstance(value, bool):
            return float(value)
        if wanted is str and isinstance(value, str):
            return value
    except ValueError as wrong:
        raise Misconfigured(f"setting {name} is not a number: {value!r}") from wrong
    raise Misconfigured(f"setting {name} is of the wrong kind: {value!r}")
