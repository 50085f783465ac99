"""Every answer that is not the wished-for one, in one table: code, HTTP status, title, and what to do about it.

A dock is a machine without anybody in front of it, so the status tells it whether to try again (5xx, 401), to ask anew
where it stands (409), or to keep the file and tell a person (the other 4xx); the words are for that person. Bodies are
problem details (RFC 9457, ``application/problem+json``) with the members ``code`` and ``advice`` beside the standard
ones. What other rooms raise is placed in :data:`OF_OTHERS`, so that no status stands anywhere else.
"""

import json
from dataclasses import dataclass

from evidence.errors import (
    BadInput,
    Conflict,
    DocklineError,
    NotFound,
    OutOfSpace,
    Refused,
    StoreUnwell,
)

PROBLEM_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of the table."""

    code: str
    status: int
    title: str
    advice: str


_SEND_AGAIN = "The dock keeps the file and sends it again by itself."
_UPDATE = "Update the dock's program, or the program that speaks to this address."
_ASK_WHERE = "Ask with HEAD how much has arrived, and go on from there."

# Who is speaking
NOT_SIGNED_IN = Refusal(
    "not-signed-in", 401, "No dock's token came with the request", "Ask for a new token with the dock's key."
)
TOKEN_EXPIRED = Refusal(
    "token-expired", 401, "The dock's token is unknown or has expired", "Ask for a new token with the dock's key."
)
DOCK_REVOKED = Refusal(
    "dock-revoked",
    403,
    "This dock was revoked",
    "Keep all footage on the cameras and ask the administrator to enrol the dock anew.",
)
DOCK_UNKNOWN = Refusal(
    "dock-unknown",
    403,
    "No dock is enrolled with this key",
    "Enrol the dock with a one-time code from the administrator.",
)
CODE_REFUSED = Refusal(
    "code-refused",
    403,
    "The enrolment code is unknown, used or expired",
    "Ask the administrator for a new code: each is good once.",
)
TOO_MANY_TRIES = Refusal(
    "too-many-tries", 429, "Too many wrong codes came from this address", "Wait 15 minutes and type the code again."
)
CHALLENGE_REFUSED = Refusal(
    "challenge-refused",
    403,
    "The challenge is unknown, used or expired, or its signature is wrong",
    "Ask for a new challenge and sign that.",
)

# What is said
NO_SUCH_PLACE = Refusal("no-such-place", 404, "There is nothing at this address", _UPDATE)
NO_SUCH_METHOD = Refusal("no-such-method", 405, "This cannot be done here", _UPDATE)
MALFORMED = Refusal("malformed", 400, "The request cannot be understood", _UPDATE)
TOO_LONG = Refusal("too-long", 413, "The request is longer than it may be", "Send less at once.")
NAME_TRAVELS = Refusal(
    "name-travels",
    422,
    "A file's name leads out of the camera's folder",
    "Look at the camera: such names are not made by recorders. The file stays where it is.",
)

CONFLICT = Refusal(
    "conflict", 409, "What is here already says otherwise", "Ask for the state of things before trying again."
)
REFUSED = Refusal("refused", 403, "This may not be done", "Ask the administrator of this installation.")

# Uploads (tus 1.0.0)
TUS_VERSION = Refusal("tus-version", 412, "This server speaks tus 1.0.0", _UPDATE)
WRONG_TYPE = Refusal("wrong-type", 415, "Bytes of an upload come as application/offset+octet-stream", _UPDATE)
NO_LENGTH = Refusal("no-length", 400, "An upload begins with Upload-Length, its size in bytes", _UPDATE)
NO_FILE = Refusal(
    "no-file", 400, "An upload names the docked file it belongs to", "Send docked_file in Upload-Metadata."
)
FILE_UNKNOWN = Refusal("file-unknown", 404, "This dock has announced no such file", "Announce the docking first.")
LENGTH_DIFFERS = Refusal(
    "length-differs",
    409,
    "The upload's length is not the size that was announced",
    "Look whether the camera is still writing, and announce it again.",
)
NOT_EXPECTED = Refusal(
    "not-expected",
    409,
    "The file has arrived already or was set aside",
    "Ask for its state instead of sending it again.",
)
UPLOAD_UNKNOWN = Refusal("upload-unknown", 404, "This dock has no such upload", "Begin the upload anew.")
UPLOAD_OVER = Refusal("upload-over", 410, "The upload was given up", "Begin the upload anew.")
WRONG_OFFSET = Refusal("wrong-offset", 409, "The bytes do not begin where the upload ends", _ASK_WHERE)
TOO_MANY_BYTES = Refusal(
    "too-many-bytes",
    413,
    "More bytes came than the upload has",
    "Look whether the camera is still writing, and announce it again.",
)
CUT_SHORT = Refusal("cut-short", 400, "The bytes stopped before the request's end", _ASK_WHERE)
OVERTAKEN = Refusal("overtaken", 409, "A newer request for the same upload took over", _ASK_WHERE)
SILENT = Refusal("silent", 408, "Nothing arrived for too long; what had arrived is kept", _ASK_WHERE)
NOT_VERIFIED = Refusal("not-verified", 503, "The upload is being verified after a fault", _ASK_WHERE)

# Manifests
MANIFEST_SIGNATURE = Refusal(
    "manifest-signature",
    403,
    "The manifest is not signed by this dock's key",
    "Enrol the dock anew if its key was replaced. The footage stays on the camera.",
)
MANIFEST_DIFFERS = Refusal(
    "manifest-differs",
    409,
    "The manifest is about another file than the upload, or another one was given before",
    "Announce the docking again and sign what it says.",
)

# The server's own trouble
OUT_OF_SPACE = Refusal(
    "out-of-space",
    507,
    "There is no room for more",
    "Free some space or add storage. What arrived is kept, and the dock goes on by itself.",
)
STORE_UNWELL = Refusal("store-unwell", 503, "The store does not answer as it should", _SEND_AGAIN)
FAULT = Refusal("fault", 500, "Something went wrong on the server", _SEND_AGAIN)

TABLE: dict[str, Refusal] = {row.code: row for row in list(globals().values()) if isinstance(row, Refusal)}

OF_OTHERS: tuple[tuple[type[DocklineError], Refusal], ...] = (
    (OutOfSpace, OUT_OF_SPACE),
    (StoreUnwell, STORE_UNWELL),
    (NotFound, NO_SUCH_PLACE),
    (Conflict, CONFLICT),
    (Refused, REFUSED),
    (BadInput, MALFORMED),
)


class DockRefused(DocklineError):
    """A dock's request is refused: which row of the table, and what exactly."""

    code = "dock-refused"
    advice = "Do what the answer's own advice says."

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(detail or refusal.title, advice=refusal.advice)
        self.refusal = refusal


def refusal_of(error: BaseException) -> Refusal:
    """The row for anything that was raised; :data:`FAULT` for what nobody expected."""
    if isinstance(error, DockRefused):
        return error.refusal
    for kind, row in OF_OTHERS:
        if isinstance(error, kind):
            return row
    return FAULT


def problem_of(error: BaseException) -> tuple[int, bytes]:
    """Status and body of the answer. What nobody expected is not told in detail: it could name files or values."""
    row = refusal_of(error)
    known = isinstance(error, DocklineError) and row is not FAULT
    body = {
        "title": row.title,
        "status": row.status,
        "detail": str(error) if known else row.title,
        "advice": error.advice if isinstance(error, DocklineError) and known else row.advice,
        "code": row.code,
    }
    return row.status, json.dumps(body, ensure_ascii=False).encode()
