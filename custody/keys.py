"""Signing keys in files, for the ledger and for docks: Ed25519 (RFC 8032) as PKCS #8 in PEM, private to one account.

A key is made once and appears under its name whole or not at all, so that a kill at any moment leaves either no key or
a good one. A file that others could read or that belongs to another account is refused, because whoever has read it can
sign in the ledger's name for ever. :class:`FileSigner` is one :class:`~custody.signature.Signer`; a card or a key
service is another, and nothing that signs can tell them apart.
"""

import os
import stat
import tempfile
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from custody.signature import Signer
from evidence.errors import Conflict, Misconfigured, NotFound

__all__ = ["FileSigner", "KeyExists", "KeyMissing", "KeyUnsafe", "Signer"]


class KeyMissing(NotFound):
    """There is no key where one should be."""

    code = "key-missing"
    advice = "Restore the key from its backup. A new key in its place would be another signer, not this one."


class KeyUnsafe(Misconfigured):
    """A key file could have been read by others, or does not hold an Ed25519 key."""

    code = "key-unsafe"
    advice = (
        "Make the file belong to the service's account with mode 0600; if others may have read it, replace the key."
    )


class KeyExists(Conflict):
    """A key is there already and is not replaced."""

    code = "key-exists"
    advice = "Use the key that is there, or choose another name for the new one."


class FileSigner:
    """Signs with an Ed25519 private key that was read from a file."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature over a message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"FileSigner({self._public.hex()[:16]})"  # never the private half

    @classmethod
    def generate(cls) -> Self:
        """A fresh key that lives in memory only."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a key and keep it under a path, durable when this returns; raises :class:`KeyExists`."""
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600 from its first moment
        try:
            with os.fdopen(draft, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.link(name, path)  # whole or not at all, and never over another key
        except FileExistsError as wrong:
            raise KeyExists(f"there is a key already: {path}") from wrong
        finally:
            Path(name).unlink()
        _sync_folder(path.parent)
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key; raises :class:`KeyMissing`, or :class:`KeyUnsafe` when others could read it or it is none."""
        try:
            key = load_pem_private_key(_read_private(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
            raise KeyUnsafe(f"not an unencrypted private key in PEM: {path}") from wrong
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyUnsafe(f"not an Ed25519 key: {path}")
        return cls(key)

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key under a path, made when there is none. Safe to run twice and at once."""
        try:
            signer = cls.load(path)
        except KeyMissing:
            try:
                return cls.create(path)
            except KeyExists:  # another process was quicker
                signer = cls.load(path)
        _sync_folder(path.parent)  # its maker may have been killed before it came to this
        return signer


def _read_private(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as wrong:
        raise KeyMissing(f"no key at {path}") from wrong
    except OSError as wrong:
        raise KeyUnsafe(f"the key cannot be read, or is a link: {path}") from wrong
    try:
        there = os.fstat(handle)
        if not stat.S_ISREG(there.st_mode) or there.st_mode & 0o077 or there.st_uid != os.geteuid():
            raise KeyUnsafe(f"the key is not private to this account: {path}")
        return os.read(handle, 65_536)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
