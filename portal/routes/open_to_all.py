"""What anybody may read: whether the portal is well, its styles and scripts, and two pages about itself."""

import gzip
import mimetypes
from functools import lru_cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from evidence.errors import NotFound
from portal import paths
from portal.assets_manifest import DIST
from portal.dependencies import Anybody, ReadsPublic
from portal.views.statements import Accessibility, Cookies

router = APIRouter()


@router.api_route("/healthz", methods=["GET", "HEAD"])
def healthz(visit: ReadsPublic) -> Response:
    """Whether the portal answers and reaches its database."""
    with visit.ground.database.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    return JSONResponse({"status": "well"})


@router.get(paths.STATIC + "/{name}")
def static_file(name: str, request: Request, _: Anybody) -> Response:
    """A built style or script; its name changes with its content, so browsers keep it for ever."""
    data, packed, kind = _asset(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type=kind, headers={**headers, "Content-Encoding": "gzip"})
    return Response(data, media_type=kind, headers=headers)


@lru_cache(maxsize=64)
def _asset(name: str) -> tuple[bytes, bytes, str]:
    """An asset as it is, packed where that makes it smaller, and its media type."""
    file = DIST / name
    if "/" in name or name.startswith(".") or not file.is_file():
        raise NotFound(f"no file {name}")
    data = file.read_bytes()
    packed = gzip.compress(data, mtime=0)
    return data, packed if len(packed) < len(data) else b"", mimetypes.guess_type(name)[0] or "text/plain"


@router.get(paths.COOKIES)
def cookies(visit: ReadsPublic) -> Response:
    """Which cookies there are."""
    return visit.page(Cookies())


@router.get(paths.ACCESSIBILITY)
def accessibility(visit: ReadsPublic) -> Response:
    """The accessibility statement."""
    return visit.page(Accessibility())
