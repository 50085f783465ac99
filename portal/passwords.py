"""Passwords: kept with Argon2id (RFC 9106), at least twelve characters, no rules about which characters.

Rules of composition make passwords worse and are left out on purpose (NIST SP 800-63B, section 3.1.1.2); a short list
of what everybody tries first is refused instead. Hashing takes 64 MiB and a fifth of a second, so no more than two run
at once in a process: a storm of guesses waits in line and does not take the machine's memory.
"""

import re
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from evidence.errors import BadInput

MIN_LENGTH = 12
MAX_LENGTH = 200

_HASHER = PasswordHasher()  # the low-memory recommendation of RFC 9106: 64 MiB, 3 passes, 4 lanes
_LINE = threading.BoundedSemaphore(2)
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$dlUJfZBNJvUnJtMi4WrIyQ$gX8BwEUTvq3TAgFqXUFZLCrGZCNAOQJiBImqlHZ8P/Y"
# fmt: off
_TRIED_FIRST = frozenset({
    "abcdefghijkl", "abcdefghijklm", "abcdefghijklmnop", "admin", "administrator", "asdfghjkl", "batman", "bodycam",
    "bodyworn", "changeme", "changemeplease", "constable", "correcthorsebatterystaple", "default", "dockline",
    "dragon", "evidence", "football", "iloveyou", "letmein", "letmeinplease", "master", "monkey", "officer", "pass",
    "passphrase", "passw", "password", "police", "princess", "qwerty", "qwertyuiop", "qwertyuiopasdfghjkl", "secret",
    "sunshine", "superman", "temporary", "topsecret", "trustno", "welcome", "zxcvbnm",
})
# fmt: on


class WeakPassword(BadInput):
    """A password is too short, too long, or among those that are tried first."""

    code = "weak-password"
    advice = "Three random words make a good one."


def check_strength(password: str, *, about: tuple[str, ...] = ()) -> None:
    """Return only if a password may be used; raises :class:`WeakPassword`.

    ``about`` are texts that others know of the person, such as the name and the e-mail address.
    """
    if len(password) < MIN_LENGTH:
        raise WeakPassword(f"Password must be {MIN_LENGTH} characters or more")
    if len(password) > MAX_LENGTH:
        raise WeakPassword(f"Password must be {MAX_LENGTH} characters or fewer")
    plain = password.casefold()
    letters = re.sub(r"[\W\d_]+", "", plain)
    known = {re.sub(r"[\W\d_]+", "", text.casefold()) for text in about} | {
        re.sub(r"[\W\d_]+", "", text.casefold().split("@")[0]) for text in about
    }
    if len(set(plain)) < 5 or not letters or _unrepeated(letters) in _TRIED_FIRST | known:
        raise WeakPassword("Password must be harder to guess")


def hash_password(password: str) -> str:
    """The text to keep, with its salt and its parameters."""
    with _LINE:
        return _HASHER.hash(password)


def is_password(kept: str, password: str) -> bool:
    """Whether a password is the one that was hashed. Takes as long when nothing was kept as when something was."""
    with _LINE:
        try:
            return _HASHER.verify(kept or _NOBODY, password[: MAX_LENGTH + 1]) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def _unrepeated(letters: str) -> str:
    """``passwordpassword`` is ``password``: twice as long is not harder to guess."""
    for size in range(1, len(letters) // 2 + 1):
        if len(letters) % size == 0 and letters[:size] * (len(letters) // size) == letters:
            return letters[:size]
    return letters
