"""The second factor: time-based codes of an authenticator app (RFC 6238), six digits, thirty seconds.

The shared secret is kept sealed and is only opened to compare. A code is good once: the step of the last one that was
taken is remembered, and neither it nor an older step is taken again. One step on either side is allowed for clocks.
"""

from datetime import datetime
from hmac import compare_digest

import pyotp
import segno

from evidence.sealing import Sealer

STEP = 30  # seconds
_DRIFT = (0, -1, 1)  # steps, the likeliest first
_ISSUER = "Dockline"


def new_secret() -> str:
    """A fresh shared secret: 160 random bits in base 32."""
    return pyotp.random_base32()


def seal(sealer: Sealer, person_id: str, secret: str) -> str:
    """The form in which a person's secret is kept, bound to that person."""
    return sealer.seal(f"totp:{person_id}", secret)


def unseal(sealer: Sealer, person_id: str, sealed: str) -> str:
    """The secret again. Raises :class:`~evidence.errors.Misconfigured` when it is not that person's."""
    return sealer.open(f"totp:{person_id}", sealed)


def accepted_step(secret: str, code: str, at: datetime, last: int) -> int | None:
    """The step that a code is right for, later than ``last``; ``None`` when it is wrong or was used."""
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdigit() and len(typed) == 6):
        return None
    app = pyotp.TOTP(secret)
    here = int(at.timestamp()) // STEP
    for step in (here + drift for drift in _DRIFT):
        if step > last and compare_digest(app.generate_otp(step), typed):
            return step
    return None


def code_at(secret: str, at: datetime) -> str:
    """The code that an authenticator shows at a time: for the demonstration and for tests."""
    return pyotp.TOTP(secret).generate_otp(int(at.timestamp()) // STEP)


def qr_svg(secret: str, account: str) -> str:
    """An inline SVG, without style attributes, that an authenticator app reads (otpauth URI)."""
    uri = pyotp.TOTP(secret, name=account, issuer=_ISSUER).provisioning_uri()
    svg: str = segno.make(uri, micro=False).svg_inline(
        scale=5, border=4, dark="#000", light="#fff", svgclass="dl-qr__code"
    )
    return svg


def spaced(secret: str) -> str:
    """The secret in groups of four, to be typed."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
