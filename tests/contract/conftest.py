"""What one contract is tried on: every store, behind a function that opens it as another process would."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evidence.objectstore import MemoryStore, ObjectStore
from evidence.objectstore_files import FileStore
from evidence.objectstore_s3 import S3Store
from tests.servers import Seaweed, s3_client

REAL_S3 = pytest.param("seaweedfs", marks=pytest.mark.s3)


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to store things, and a prefix that no other test uses."""

    name: str
    again: Callable[[], ObjectStore]
    prefix: str

    def key(self, name: str = "thing") -> str:
        return f"{self.prefix}/{name}"


@pytest.fixture(scope="session")
def moto_client() -> Any:
    import moto.core  # noqa: F401 - imported before a client is made, so that the client can be answered by it

    return s3_client(None, "moto", "moto")


@pytest.fixture
def moto_store(moto_client: Any) -> Iterator[Callable[[], S3Store]]:
    from moto import mock_aws

    with mock_aws():
        moto_client.create_bucket(Bucket="dockline", ObjectLockEnabledForBucket=True)
        yield lambda: S3Store(moto_client, "dockline")


@pytest.fixture(scope="session")
def seaweed_client(seaweedfs: Seaweed) -> Any:
    client = s3_client(seaweedfs.endpoint, seaweedfs.access_key, seaweedfs.secret_key)
    client.create_bucket(Bucket="dockline", ObjectLockEnabledForBucket=True)
    return client


@pytest.fixture(params=["memory", "files", "moto", REAL_S3])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Every implementation in turn."""
    match request.param:
        case "memory":
            memory = MemoryStore()
            opened: Callable[[], ObjectStore] = lambda: memory  # noqa: E731
        case "files":
            opened = lambda: FileStore(tmp_path / "store")  # noqa: E731
        case "moto":
            opened = request.getfixturevalue("moto_store")
        case _:
            client = request.getfixturevalue("seaweed_client")
            opened = lambda: S3Store(client, "dockline")  # noqa: E731
    return Place(request.param, opened, f"t{secrets.token_hex(6)}")


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return place.again()
