"""What programs read: the court clock, and the description of this interface."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from evidence.clock import utc_text
from portal import courtclock
from portal.dependencies import ReadsPublic, SeesClock

router = APIRouter(prefix="/api/v1", tags=["court clock"])

_MOST = 500


@router.get("/recordings")
def recordings(visit: SeesClock, limit: int = 100) -> dict[str, Any]:
    """The newest recordings with their court clock, as far as the caller may see them."""
    with visit.ground.database.read() as session:
        rows = courtclock.visible(session, visit.actor, limit=max(1, min(limit, _MOST)))
        told = [courtclock.told(recording, exhibit) for recording, exhibit in rows]
    return {"at": utc_text(visit.ground.clock.now()), "recordings": told}


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, visit: ReadsPublic) -> Response:  # noqa: ARG001 - the visit is the permission
    """The description of everything under ``/api``, as OpenAPI."""
    return JSONResponse(request.app.openapi())
