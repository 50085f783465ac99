"""The manifest: what a dock says of one file that it took from a camera, as canonical JSON under the dock's signature.

::

    {"camera":"BWC-00412","camera_time":"2026-11-22T19:04:31.000000Z","clock_offset_ms":-1200,"digest":"sha256:...",
     "dock":"dok_...","docking":"dkg_...","kind":"clip","name":"DCIM/0001.mp4","officer":"4711","size":104857600,
     "taken_at":"2026-11-22T22:10:00.000000Z","v":1}

The signature is Ed25519 (RFC 8032) over exactly these bytes, in UTF-8, with nothing before them, so that a court's
expert can check it with any tool. ``camera_time`` is the start of the clip as the camera tells it and is never
corrected; ``clock_offset_ms`` is camera minus UTC, stored beside it, and both may be missing. ``taken_at`` is when the
dock had read the last byte, by the dock's own clock. The digest was taken of the bytes as the dock read them.
"""

from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custody import canonical
from custody.signature import Signer
from evidence.clock import parse_utc, utc_text
from evidence.digest import Digest
from evidence.errors import BadInput
from evidence.identifiers import parse_id
from ingest.names import checked_name

VERSION = 1
MAX_MANIFEST = 8_192  # bytes
MAX_CAMERA, MAX_OFFICER, MAX_REFERENCE = 120, 40, 80  # characters
KINDS = ("clip", "sidecar")

_NEEDED = frozenset({"camera", "digest", "dock", "docking", "kind", "name", "officer", "size", "taken_at", "v"})
_KNOWN = _NEEDED | {"camera_time", "clock_offset_ms"}


class NotAManifest(BadInput):
    """A text is not a manifest: not canonical JSON, or without what a manifest says."""

    code = "not-a-manifest"
    advice = "Sign and send the manifest again with a newer version of the dock's program."


class ManifestForged(BadInput):
    """A manifest does not bear the signature of the dock that it names."""

    code = "manifest-forged"
    advice = "Keep the camera as it is. If the dock's key was replaced, enrol the dock again; if not, report it."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dock says of one file. ``size`` is bytes, ``clock_offset_ms`` milliseconds, times are UTC text."""

    dock: str
    docking: str
    camera: str
    officer: str
    name: str
    size: int
    digest: Digest
    kind: str
    taken_at: str
    camera_time: str | None = None
    clock_offset_ms: int | None = None

    def __post_init__(self) -> None:
        parse_id(self.dock, "dok")
        parse_id(self.docking, "dkg")
        checked_name(self.name)
        _require(self.kind in KINDS, f"a file is one of {', '.join(KINDS)}, not {self.kind[:20]!r}")
        _require(len(self.camera) <= MAX_CAMERA, "the camera's serial number is too long")
        _require(len(self.officer) <= MAX_OFFICER, "the officer's collar number is too long")
        _require(0 <= self.size <= canonical.MAX_INTEGER, "a size counts bytes from 0")
        for at in (self.taken_at, self.camera_time):
            _require(at is None or utc_text(parse_utc(at)) == at, f"not a UTC time with microseconds: {at!r:.40}")

    def canonical(self) -> str:
        """The one text of this manifest, which is what the dock signs."""
        value: dict[str, canonical.Value] = {
            "v": VERSION, "dock": self.dock, "docking": self.docking, "camera": self.camera, "officer": self.officer,
            "name": self.name, "size": self.size, "digest": str(self.digest), "kind": self.kind,
            "taken_at": self.taken_at,
        }  # fmt: skip
        if self.camera_time is not None:
            value["camera_time"] = self.camera_time
        if self.clock_offset_ms is not None:
            value["clock_offset_ms"] = self.clock_offset_ms
        return canonical.encode(value).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a manifest's text; raises :class:`NotAManifest` unless it is canonical and whole, and says why."""
        try:
            data = text.encode()
            _require(len(data) <= MAX_MANIFEST, f"a manifest has at most {MAX_MANIFEST} bytes, not {len(data)}")
            return cls._read(canonical.decode(data))
        except UnicodeEncodeError as wrong:
            raise NotAManifest("not a manifest: half of a surrogate pair") from wrong
        except NotAManifest:
            raise
        except BadInput as wrong:
            raise NotAManifest(f"not a manifest: {wrong}") from wrong

    @classmethod
    def _read(cls, value: dict[str, Any]) -> Self:
        _require(_NEEDED <= value.keys() <= _KNOWN, "it lacks or has more than it should")
        _require(value.pop("v") == VERSION, "its version is not known here")
        for key, member in value.items():
            wanted = int if key in {"size", "clock_offset_ms"} else str
            _require(type(member) is wanted, f"{key} is of the wrong kind")
        return cls(**{**value, "digest": Digest.parse(value["digest"])})


def sign(signer: Signer, text: str) -> str:
    """The dock's signature over a manifest's text: 64 bytes, hexadecimal."""
    return signer.sign(text.encode()).hex()


def verify(public_key: str, text: str, signature: str) -> None:
    """Return only if the key (32 bytes, hexadecimal) has signed the text; raises :class:`ManifestForged`."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError) as wrong:
        raise ManifestForged("the signature does not belong to this manifest and this dock") from wrong


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise NotAManifest(words)
