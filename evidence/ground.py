"""What every process stands on: settings, clock, database, object store and sealer, opened once and passed down."""

from dataclasses import dataclass

from evidence.clock import Clock, SystemClock
from evidence.database import Database
from evidence.errors import Misconfigured
from evidence.migrate import migrate
from evidence.objectstore import ObjectStore
from evidence.objectstore_files import FileStore
from evidence.sealing import Sealer
from evidence.settings import Settings


@dataclass(frozen=True, slots=True)
class Ground:
    """The shared doors of one process."""

    settings: Settings
    clock: Clock
    database: Database
    objects: ObjectStore
    sealer: Sealer


def open_ground(settings: Settings, clock: Clock | None = None) -> Ground:
    """Open the doors that the settings name. Raises :class:`Misconfigured` for an unknown kind of store."""
    return Ground(
        settings=settings,
        clock=clock or SystemClock(),
        database=Database.of(settings),
        objects=open_store(settings),
        sealer=Sealer.at(settings.data / "keys" / "seal.key"),
    )


def make_ready(ground: Ground) -> None:
    """Make what a new installation lacks: the tables, and on S3 the bucket. Safe at every start, in any number."""
    migrate(ground.database)
    if ground.settings.store == "s3":
        from evidence.objectstore_s3 import S3Store  # noqa: PLC0415 - as below

        S3Store.of(ground.settings).make_bucket()


def open_store(settings: Settings) -> ObjectStore:
    """The object store that the settings name."""
    if settings.store == "files":
        return FileStore(settings.data / "store")
    if settings.store == "s3":
        from evidence.objectstore_s3 import S3Store  # noqa: PLC0415 - boto3 is slow to import and rarely wanted here

        return S3Store.of(settings)
    raise Misconfigured(f"unknown kind of store: {settings.store!r}", advice="Set store to files or s3.")
