"""One-time codes that a person reads from one screen and types at another: five groups of four Crockford base32 digits.

A code has 100 random bits, so it can be kept as its plain SHA-256 and need not fear guessing. Crockford's base32 has no
I, L, O and U (https://www.crockford.com/base32.html); whoever types reads O as 0 and I or L as 1, and the case, blanks
and dashes do not matter.
"""

import re
import secrets

from evidence.errors import BadInput
from evidence.sealing import hash_secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, DIGITS = 5, 4
_LOOKALIKES = str.maketrans("OIL", "011")


class NotACode(BadInput):
    """What was typed cannot be a one-time code, whatever codes there are."""

    code = "not-a-code"
    advice = "Type the code again as it was shown: five groups of four letters and digits."


def new_code() -> str:
    """A fresh code as it is shown to people, such as ``7KQ2-M0XD-93BZ-HN4T-V8RC``."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(DIGITS)) for _ in range(GROUPS))


def normalised(typed: str) -> str:
    """The code that somebody meant, in the form :func:`new_code` gives. Raises :class:`NotACode`."""
    plain = re.sub(r"[\s\-_.]+", "", typed[:200]).upper().translate(_LOOKALIKES)
    if len(plain) != GROUPS * DIGITS or not set(plain) <= set(ALPHABET):
        raise NotACode("That is not a one-time code.")
    return "-".join(plain[at : at + DIGITS] for at in range(0, len(plain), DIGITS))


def code_hash(typed: str) -> str:
    """Under what a code is kept: SHA-256 of its normalised form, hexadecimal. Raises :class:`NotACode`."""
    return hash_secret(normalised(typed))
