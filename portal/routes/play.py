"""The bytes of viewings and downloads; each request is let through anew by the permission in its signature."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from evidence.digest import Digest
from evidence.ground import Ground
from evidence.models import Recording
from portal import paths, playback
from portal.dependencies import DownloadsOn, Playing, PlaysOn, PlaysPiece
from portal.playback import Showing

router = APIRouter()

PIECE = 4 * 1024 * 1024  # bytes between two questions whether a download may go on
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


@router.get(paths.play("{viewing_id}", "status.json"))
def status(playing: PlaysOn) -> Response:
    """What there is by now. Asking does not keep the session alive; playing does."""
    with playing.portal.ground.database.read() as session:
        return JSONResponse(playback.told_later(session, playing.showing))


@router.get(paths.play("{viewing_id}", "{name}"))
async def piece(content: PlaysPiece) -> Response:
    """A playlist, segment, table or picture of a viewing."""
    return Response(content[0], media_type=content[1])


@router.api_route(paths.download("{viewing_id}"), methods=["GET", "HEAD"])
def download(request: Request, playing: DownloadsOn) -> Response:
    """The original, whole or by a range, so that a download that was cut goes on where it stopped."""
    ground = playing.portal.ground
    with ground.database.read() as session:
        recording = session.get_one(Recording, playing.showing.recording)
    etag = f'"{recording.digest}"'
    wanted = Range.asked(request.headers.get("range"), request.headers.get("if-range"), etag, recording.size)
    headers = _headers(recording, etag)
    if wanted is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{recording.size}"})
    headers["Content-Length"] = str(wanted.length)
    if wanted.partial:
        headers["Content-Range"] = f"bytes {wanted.first}-{wanted.first + wanted.length - 1}/{recording.size}"
    code = 206 if wanted.partial else 200
    if request.method == "HEAD":
        return Response(status_code=code, headers=headers)
    return StreamingResponse(pieces(playing, wanted), status_code=code, headers=headers)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of bytes; ``partial`` says that it was asked for."""

    first: int
    length: int
    partial: bool

    @classmethod
    def asked(cls, header: str | None, if_range: str | None, etag: str, size: int) -> "Range | None":
        """The range of a request (RFC 9110, section 14); ``None`` when it lies outside, the whole for what is odd."""
        found = _RANGE.fullmatch(header or "")
        if found is None or found[0] == "bytes=-" or if_range not in {None, etag}:
            return cls(0, size, partial=False)
        if not found[1]:  # the last so many bytes
            first = max(0, size - int(found[2]))
            return cls(first, size - first, partial=True) if first < size else None
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        return cls(first, last - first + 1, partial=True) if first <= last else None


def pieces(playing: Playing, wanted: Range) -> Iterator[bytes]:
    """The bytes, asking before every four mebibytes whether they may still go out."""
    ground: Ground = playing.portal.ground
    showing: Showing = playing.showing
    at, end = wanted.first, wanted.first + wanted.length
    while at < end:
        if playing.portal.liveness.require(showing):
            playing.portal.liveness.touch(showing)
        data = ground.objects.read(showing.object_key, at, min(PIECE, end - at))
        if not data:
            raise OSError(f"{showing.object_key} ended at {at} of {end} bytes")
        yield data
        at += len(data)


def _headers(recording: Recording, etag: str) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Type": "application/octet-stream",
        "Content-Disposition": disposition(recording.name),
        "Repr-Digest": f"sha-256=:{b64encode(Digest.parse(recording.digest).value).decode()}:",
    }


def disposition(name: str) -> str:
    """``Content-Disposition`` with a file name that is safe everywhere, and the true one beside it (RFC 6266)."""
    plain = name.rsplit("/", 1)[-1].rsplit("\\", 1)[-1] or "original"
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", plain)[:150].lstrip(".") or "original"
    return f"attachment; filename=\"{safe}\"; filename*=UTF-8''{quote(plain[:150], safe='')}"
