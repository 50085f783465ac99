"""Keys in files: made whole or not at all, and refused as soon as others could have read them."""

import os
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from custody.keys import FileSigner, KeyExists, KeyMissing, KeyUnsafe
from custody.signature import ED25519, VerifierKey, sign_note


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def pem(key: Ed25519PrivateKey, encryption: KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def test_a_key_is_made_private_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    made = FileSigner.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["log.pem"]
    found = FileSigner.load(path)
    assert found.public_key == made.public_key
    Ed25519PublicKey.from_public_bytes(found.public_key).verify(made.sign(b"text\n"), b"text\n")


def test_what_it_signs_is_verified_under_its_name(tmp_path: Path) -> None:
    signer = FileSigner.create(tmp_path / "log.pem")
    VerifierKey("log.example", ED25519, signer.public_key).verify(
        b"text\n", sign_note(signer, "log.example", b"text\n")
    )


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    made = FileSigner.create(path)
    with pytest.raises(KeyExists):
        FileSigner.create(path)
    assert FileSigner.load_or_create(path).public_key == made.public_key
    assert [entry.name for entry in tmp_path.iterdir()] == ["log.pem"]


def test_of_many_who_make_a_key_at_once_all_have_the_same(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(FileSigner.load_or_create(path).public_key)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_a_key_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing):
        FileSigner.load(tmp_path / "log.pem")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_key_that_others_could_have_read_or_written_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(KeyUnsafe, match="private"):
        FileSigner.load(write(tmp_path / "log.pem", pem(Ed25519PrivateKey.generate()), mode))


def test_a_key_behind_a_link_is_refused(tmp_path: Path) -> None:
    FileSigner.create(tmp_path / "elsewhere.pem")
    (tmp_path / "log.pem").symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(KeyUnsafe, match="link"):
        FileSigner.load(tmp_path / "log.pem")


def test_a_pipe_or_a_folder_is_no_key_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pem", 0o600)
    (tmp_path / "folder.pem").mkdir(mode=0o700)
    for name in ("pipe.pem", "folder.pem"):
        with pytest.raises(KeyUnsafe):
            FileSigner.load(tmp_path / name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another account")
def test_a_key_of_another_account_is_refused(tmp_path: Path) -> None:
    FileSigner.create(tmp_path / "log.pem")
    os.chown(tmp_path / "log.pem", 65_534, 65_534)
    with pytest.raises(KeyUnsafe, match="private"):
        FileSigner.load(tmp_path / "log.pem")


def test_what_is_no_plain_ed25519_key_is_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    curve = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"not a key", pem(key)[:-40], pem(key, BestAvailableEncryption(b"secret")), curve):
        with pytest.raises(KeyUnsafe):
            FileSigner.load(write(tmp_path / "log.pem", data))


def test_the_private_half_is_never_shown() -> None:
    signer = FileSigner.generate()
    assert repr(signer) == f"FileSigner({signer.public_key.hex()[:16]})"
