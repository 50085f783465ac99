"""What a dock sends, as forms with bounds: text that is too long or hides something is refused before it is used.

Members that are not known here are passed over, so that a newer dock can speak to an older server.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from custody.canonical import MAX_INTEGER
from evidence.clock import parse_utc
from evidence.errors import BadInput
from ingest.docking import Announcement, Listed
from ingest.manifest import MAX_CAMERA, MAX_MANIFEST, MAX_OFFICER, MAX_REFERENCE
from ingest.names import is_plain

MAX_FILES = 5_000  # of one announcement; a dock with more sends several
EARLIEST_YEAR = 1900


def _plain(text: str) -> str:
    if not is_plain(text):
        raise ValueError("holds characters that cannot be shown")
    return text.strip()


def _utc(text: str) -> datetime:
    try:
        at = parse_utc(text)
    except (BadInput, OverflowError) as wrong:
        raise ValueError("not a time with a zone") from wrong
    if at.year < EARLIEST_YEAR:
        raise ValueError("before there were cameras")
    return at


def _time(text: str) -> str:
    _utc(text)
    return text


Hex = Annotated[str, Field(max_length=200, pattern=r"^[0-9a-fA-F]*$")]
Plain = Annotated[str, AfterValidator(_plain)]
Time = Annotated[str, Field(max_length=40), AfterValidator(_time)]
Whole = Annotated[int, Field(strict=True, ge=-MAX_INTEGER, le=MAX_INTEGER)]


class EnrolmentForm(BaseModel):
    """A one-time code and the key that it is to enrol."""

    code: str = Field(max_length=200)
    public_key: Hex
    name: Annotated[Plain, Field(max_length=120)] = ""


class ChallengeForm(BaseModel):
    """Which dock wants to prove its key."""

    dock: str = Field(max_length=60)


class TokenForm(BaseModel):
    """A challenge, signed."""

    dock: str = Field(max_length=60)
    challenge: str = Field(max_length=200)
    signature: Hex


class ListedForm(BaseModel):
    """A file on the camera."""

    name: str = Field(max_length=10_000)  # its own rules say more, and in words
    size: Annotated[Whole, Field(ge=0)]
    kind: Literal["clip", "sidecar"]
    modified_at: Time | None = None

    def said(self) -> Listed:
        """The same as a value."""
        return Listed(self.name, self.size, self.kind, None if self.modified_at is None else _utc(self.modified_at))


class DockingForm(BaseModel):
    """A camera in the dock, and what is on it."""

    camera: Annotated[Plain, Field(max_length=MAX_CAMERA)] = ""
    officer: Annotated[Plain, Field(max_length=MAX_OFFICER)] = ""
    reference: Annotated[Plain, Field(max_length=MAX_REFERENCE)] = ""
    docked_at: Time
    clock_offset_ms: Whole | None = None
    files: Annotated[list[ListedForm], Field(max_length=MAX_FILES)]

    def said(self) -> Announcement:
        """The same as a value."""
        return Announcement(
            self.camera, self.officer, self.reference, _utc(self.docked_at), self.clock_offset_ms,
            tuple(file.said() for file in self.files),
        )  # fmt: skip


class ManifestForm(BaseModel):
    """A manifest's text and the dock's signature over it."""

    manifest: str = Field(max_length=MAX_MANIFEST)
    signature: Hex
