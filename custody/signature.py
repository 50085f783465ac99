"""Keys that sign notes: how a verifier key is written, how each kind of signature is made and checked.

A verifier key ("vkey", c2sp.org/signed-note) is ``name+id+base64(type || public key)``, where the identifier is the
first four bytes of SHA-256 over the name, a newline, the type and the public key, in hexadecimal. Two types are spoken
here: ``0x01``, Ed25519 over the note's text, by which a log signs; and ``0x04``, ``cosignature/v1``
(c2sp.org/tlog-cosignature), by which a witness states that at a time this was the newest tree it had seen, consistent
with all before. :data:`SCHEMES` is the one table that a further type is added to.

How a private key is kept is none of this module's business: a :class:`Signer` may be a file, a card or a service.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custody.note import MalformedNote, Note, NoteError, SignatureLine, checked_key_name, checked_text, decode_base64

ED25519 = 0x01
COSIGNATURE_V1 = 0x04


class MalformedKey(NoteError):
    """A text is not a verifier key, or of a type that is not spoken here."""

    code = "malformed-key"
    advice = "Copy the verifier key again from the body that published it, in one piece."


class SignatureRejected(NoteError):
    """A signature that claims to be by a known key is not."""

    code = "signature-rejected"
    advice = "The text was changed after signing, or somebody signs in another's name. Keep this copy and report it."


class Signer(Protocol):
    """Holds an Ed25519 private key (RFC 8032) somewhere, and signs with it."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature over a message."""
        ...


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name, for one type of signature."""

    name: str
    scheme: int
    public_key: bytes

    def __post_init__(self) -> None:
        checked_key_name(self.name)
        known = SCHEMES.get(self.scheme)
        if known is None:
            raise MalformedKey(f"signatures of type 0x{self.scheme:02x} are not spoken here")
        if len(self.public_key) != known.key_size:
            raise MalformedKey(f"the public key has {len(self.public_key)} bytes instead of {known.key_size}")

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before every signature of this key."""
        return sha256(self.name.encode() + b"\n" + self._material).digest()[:4]

    @property
    def _material(self) -> bytes:
        return bytes((self.scheme,)) + self.public_key

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._material).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key; raises :class:`MalformedKey` unless its identifier is the one its content has."""
        parts = text.split("+", 2)
        try:
            if len(parts) != 3 or not (material := decode_base64(parts[2])):
                raise MalformedKey(f"not a verifier key: {text[:80]!r}")
            key = cls(parts[0], material[0], material[1:])
        except MalformedNote as wrong:
            raise MalformedKey(f"not a verifier key: {text[:80]!r}") from wrong
        if key.key_id.hex() != parts[1]:
            raise MalformedKey(f"the verifier key of {key.name} says {parts[1][:8]} and is {key.key_id.hex()}")
        return key

    def signed(self, line: SignatureLine) -> bool:
        """Whether a line claims to be by this key; it may still be a forgery."""
        return line.name == self.name and line.key_id == self.key_id

    def verify(self, text: bytes, line: SignatureLine) -> int | None:
        """Return only if the line is this key's signature over the text; the POSIX time that a cosignature states.

        Raises :class:`SignatureRejected`.
        """
        try:
            if not self.signed(line):
                raise SignatureRejected(f"the line of {line.name} is by another key than {self.name}")
            return SCHEMES[self.scheme].check(self.public_key, text, line.signature)
        except (InvalidSignature, ValueError) as wrong:
            raise SignatureRejected(f"the signature of {self.name} does not belong to this text") from wrong


@dataclass(frozen=True, slots=True)
class Scheme:
    """A type of note signature: bytes of its public key, whether it is a witness's, and how it is checked.

    ``check`` takes public key, text and signature; it raises ``InvalidSignature`` or ``ValueError``.
    """

    key_size: int
    is_witness: bool
    check: Callable[[bytes, bytes, bytes], int | None]


def sign_note(signer: Signer, name: str, text: bytes) -> SignatureLine:
    """Sign a note's text as a log does (type 0x01)."""
    key = VerifierKey(name, ED25519, signer.public_key)
    return SignatureLine(name, key.key_id, signer.sign(checked_text(text)))


def cosign_note(signer: Signer, name: str, text: bytes, at: int) -> SignatureLine:
    """Cosign a checkpoint's text as a witness does (type 0x04), stating a POSIX time in seconds."""
    key = VerifierKey(name, COSIGNATURE_V1, signer.public_key)
    signature = signer.sign(cosigned_message(checked_text(text), at))
    return SignatureLine(name, key.key_id, at.to_bytes(8, "big") + signature)


def cosigned_message(text: bytes, at: int) -> bytes:
    """What a ``cosignature/v1`` signs: a header line, the time, and the whole text of the checkpoint."""
    return b"cosignature/v1\ntime %d\n%b" % (at, text)


def add_signatures(note: Note, *lines: SignatureLine) -> Note:
    """The same note with more signatures under it."""
    return Note(note.text, (*note.signatures, *lines))


def _check_ed25519(public_key: bytes, text: bytes, signature: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)


def _check_cosignature(public_key: bytes, text: bytes, signature: bytes) -> int:
    at = int.from_bytes(signature[:8], "big")
    if len(signature) != 72 or at >= 1 << 63:
        raise ValueError("not a timestamped signature")
    _check_ed25519(public_key, cosigned_message(text, at), signature[8:])
    return at


SCHEMES: dict[int, Scheme] = {
    ED25519: Scheme(32, is_witness=False, check=_check_ed25519),
    COSIGNATURE_V1: Scheme(32, is_witness=True, check=_check_cosignature),
}
