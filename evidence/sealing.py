"""Small secrets at rest: sealed with AES-256-GCM under a key file that only its owner reads.

For values that must be read back, such as the shared secret of a second factor; what only has to be compared is hashed
instead. The file is made on first use and never printed. The sealed form is base64 of a 12-byte nonce and the
ciphertext with its tag (NIST SP 800-38D), bound to a label so that a value cannot be moved to another row.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from evidence.errors import Misconfigured


class Sealer:
    """Seals and opens small values, and makes keyed hashes of short codes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise Misconfigured("the sealing key must have 32 bytes")
        self._aead = AESGCM(hashlib.sha256(b"dockline seal\0" + key).digest())
        self._pepper = hashlib.sha256(b"dockline pepper\0" + key).digest()

    @classmethod
    def at(cls, path: Path) -> "Sealer":
        """Open the key file, or make it on first use. Raises :class:`Misconfigured` when others may read it."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return cls(read_private(path))
        with os.fdopen(fd, "wb") as file:
            file.write(os.urandom(32))
            file.flush()
            os.fsync(file.fileno())
        return cls(read_private(path))

    def seal(self, label: str, value: str) -> str:
        """Seal a value under a label."""
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, value.encode(), label.encode())).decode()

    def open(self, label: str, sealed: str) -> str:
        """Open a sealed value. Raises :class:`Misconfigured` when key, label or bytes are not those of its sealing."""
        raw = base64.b64decode(sealed)
        try:
            return self._aead.decrypt(raw[:12], raw[12:], label.encode()).decode()
        except InvalidTag as wrong:
            raise Misconfigured(f"cannot open the sealed value for {label}: wrong key, or it was changed") from wrong

    def mark(self, label: str, value: str) -> str:
        """A keyed hash (HMAC-SHA-256, hexadecimal) of a short code, useless without the key file."""
        return hmac.new(self._pepper, f"{label}\0{value}".encode(), hashlib.sha256).hexdigest()


def read_private(path: Path) -> bytes:
    """Read a file that only its owner may read. Raises :class:`Misconfigured` when its mode lets others in."""
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise Misconfigured(f"{path} can be read by others (mode {mode:o})", advice=f"Run: chmod 600 {path}")
    return path.read_bytes()


def hash_secret(secret: str) -> str:
    """SHA-256 of a long random secret, hexadecimal: how tokens and link secrets are kept."""
    return hashlib.sha256(secret.encode()).hexdigest()
