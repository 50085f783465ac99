"""How a dock proves its key: an Ed25519 signature (RFC 8032) over a line of its own and the server's fresh challenge.

The line stands before the challenge, so that a signature given here is good for nothing else the key signs.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from custody.signature import Signer

_LINE = b"dockline dock token\n"


def signed_challenge(signer: Signer, challenge: str) -> str:
    """The signature that a challenge asks for: 64 bytes, hexadecimal."""
    return signer.sign(_LINE + challenge.encode()).hex()


def has_signed(public_key: str, challenge: str, signature: str) -> bool:
    """Whether a key (32 bytes, hexadecimal) has signed a challenge."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), _LINE + challenge.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
