"""Names of files as labels: what a camera called a file, in a form that can be shown, signed and compared anywhere.

A label is a relative path with slashes, in text that hides nothing. Dockline never opens a file by a label that came
from outside, so a label cannot lead anywhere; it is still refused when it could lead somebody else, or when it shows
something other than it is. A dock makes its labels with :func:`label_of`, whose results always pass
:func:`checked_name`, so no camera's oddest file name keeps its footage out.
"""

import hashlib
import re

from evidence.errors import BadInput

MAX_NAME = 400  # characters

# Control characters, line and paragraph separators, the marks that turn the direction of text around (Unicode 15,
# section 23.2), what is no character at all, and the two halves of surrogate pairs.
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_KEPT = 320  # characters of a label that is too long, before the digest that keeps it apart from others


class NameRefused(BadInput):
    """A file's name leads out of its folder, is too long, or holds what cannot be shown."""

    code = "name-refused"
    advice = "Send the file under a plain relative name; its bytes are what counts, and they are welcome."


def checked_name(name: str) -> str:
    """Return a name that can stand as a label; raises :class:`NameRefused` for any other."""
    if not 0 < len(name) <= MAX_NAME:
        raise NameRefused(f"a name has 1 to {MAX_NAME} characters, not {len(name)}")
    if _UNFIT.search(name):
        raise NameRefused(f"the name holds characters that cannot be shown: {name[:80]!a}")
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise NameRefused(f"the name leads somewhere else than into a folder: {name[:80]!a}")
    return name


def label_of(path: bytes) -> str:
    r"""The label of a relative path as the file system has it, which need not be UTF-8.

    Two paths never share a label: backslashes are doubled, and whatever cannot be shown stands as ``\xNN`` (a byte) or
    ``\uNNNN`` (a character). A path that is too long keeps its beginning and ends in ``~`` and its SHA-256.
    """
    text = path.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    label = _UNFIT.sub(_escaped, text)
    if len(label) > MAX_NAME:
        label = f"{label[:_KEPT].rstrip('/.')}~{hashlib.sha256(path).hexdigest()}"
    return label


def plain_text(text: str, limit: int) -> str:
    """A text that a camera or a person gave, without what cannot be shown, cut to a number of characters."""
    return _UNFIT.sub(" ", text).strip()[:limit].rstrip()


def is_plain(text: str) -> bool:
    """Whether a text can be shown as it is."""
    return _UNFIT.search(text) is None


def _escaped(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\x{point - 0xDC00:02x}" if 0xDC80 <= point <= 0xDCFF else f"\\u{point:04x}"
