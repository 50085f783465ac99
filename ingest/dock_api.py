"""The docks' JSON interface under ``/dock/v1``: enrol, prove the key, announce, hand in a manifest, fetch a receipt.

Every route declares who may call it in its signature: :data:`Anyone` (only to enrol or to prove a key) or
:data:`ByToken`, which is a dock that was enrolled and not revoked. Bodies and headers are bounded before anything looks
at them. Answers that are not the wished-for one come from :mod:`ingest.refusals`. There are no pages of documentation
here; ``docs/dock.md`` is for people.
"""

import asyncio
import base64
import time
from typing import Annotated, Any

import structlog
from fastapi import Body, Depends, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from custody import ledger
from custody.ledger import Receipt
from evidence.clock import utc_text
from evidence.errors import DocklineError
from evidence.ground import Ground
from ingest import dock as identity
from ingest import docking, handover, refusals, throttle
from ingest.bounds import Bounded
from ingest.dock import KnownDock
from ingest.dock_forms import ChallengeForm, DockingForm, EnrolmentForm, ManifestForm, TokenForm
from ingest.refusals import PROBLEM_TYPE, DockRefused, problem_of

log = structlog.get_logger()

MAX_WAIT = 20  # seconds that a question for a receipt may stay open
_LOOK_EVERY = 0.1  # seconds between two looks while it does


def ground_of(request: Request) -> Ground:
    """The doors of this process."""
    ground: Ground = request.app.state.ground
    return ground


HasGround = Annotated[Ground, Depends(ground_of)]


def anyone() -> None:
    """Open to all: what is asked proves itself, by a code or a signature."""


def by_token(request: Request, ground: HasGround) -> KnownDock:
    """A dock with a token that is good now."""
    return identity.dock_of_token(ground, identity.bearer(request.headers.get("authorization", "")))


Anyone = Annotated[None, Depends(anyone)]
ByToken = Annotated[KnownDock, Depends(by_token)]
UploadId = Annotated[str, Path(max_length=60)]
RecordingId = Annotated[str, Path(max_length=60)]


def create_dock_api(ground: Ground) -> Bounded:
    """The ASGI application."""
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.state.ground = ground
    api.post("/dock/v1/enrolments", status_code=201)(enrol)
    api.post("/dock/v1/challenges")(challenge)
    api.post("/dock/v1/tokens")(token)
    api.post("/dock/v1/dockings", status_code=201)(announce)
    api.put("/dock/v1/uploads/{upload_id}/manifest")(hand_in)
    api.get("/dock/v1/uploads/{upload_id}")(upload_state)
    api.get("/dock/v1/receipts/{recording_id}")(receipt)
    api.add_exception_handler(DocklineError, _tell)
    api.add_exception_handler(RequestValidationError, _tell_malformed)
    api.add_exception_handler(HTTPException, _tell_http)
    api.add_exception_handler(Exception, _tell)
    return Bounded(api)


def enrol(_: Anyone, ground: HasGround, request: Request, form: Annotated[EnrolmentForm, Body()]) -> dict[str, str]:
    """Redeem a one-time code for a key."""
    try:
        known = identity.enrol(ground, form.code, form.public_key, form.name)
    except DockRefused as wrong:
        address = request.client.host if request.client else ""
        raise throttle.count_wrong_code(ground, address, wrong) from wrong
    log.info("dock enrolled", dock=known.id, name=known.name, station=known.station)
    return {"dock": known.id, "agency": known.agency, "log_vkey": str(ledger.log_key(ground))}


def challenge(_: Anyone, ground: HasGround, form: Annotated[ChallengeForm, Body()]) -> dict[str, str]:
    """A challenge to sign."""
    return {"challenge": identity.challenge(ground, form.dock)}


def token(_: Anyone, ground: HasGround, form: Annotated[TokenForm, Body()]) -> dict[str, str]:
    """A bearer token for a signed challenge."""
    issued = identity.issue_token(ground, form.dock, form.challenge, form.signature)
    return {"token": issued.token, "expires": utc_text(issued.expires)}


def announce(dock: ByToken, ground: HasGround, form: Annotated[DockingForm, Body()]) -> dict[str, Any]:
    """Say what is on a camera."""
    announced = docking.announce(ground, dock, form.said())
    files = {
        name: {"id": file.id, "state": file.state, "recording": file.recording}
        for name, file in announced.files.items()
    }
    return {"docking": announced.docking, "files": files}


def hand_in(
    dock: ByToken, ground: HasGround, upload_id: UploadId, form: Annotated[ManifestForm, Body()]
) -> dict[str, Any]:
    """Hand in the signed manifest of an upload; when its bytes are all here, it is stored now."""
    return handover.hand_in(ground, dock, upload_id, form.manifest, form.signature).value()


def upload_state(dock: ByToken, ground: HasGround, upload_id: UploadId) -> dict[str, Any]:
    """What has become of an upload."""
    return handover.state_of(ground, dock, upload_id).value()


async def receipt(
    dock: ByToken, ground: HasGround, recording_id: RecordingId, wait: Annotated[float, Query(ge=0)] = 0
) -> Response:
    """The receipt of a recording, or 202 while its entry is not published. Waiting holds no thread and no transaction.

    Asking is the only route that is not a plain function: a hundred docks may wait here at once.
    """
    until = time.monotonic() + min(wait, MAX_WAIT)
    entry = await run_in_threadpool(handover.entry_for, ground, dock, recording_id)
    while True:
        found = await run_in_threadpool(ledger.receipt, ground, entry)
        if found is not None:
            return _receipt(found)
        left = until - time.monotonic()
        if left <= 0:
            return JSONResponse({}, status_code=202)
        await asyncio.sleep(min(_LOOK_EVERY, left))


def _receipt(found: Receipt) -> Response:
    return JSONResponse({"proof": found.proof.decode(), "entry": base64.b64encode(found.entry).decode()})


async def _tell(request: Request, error: Exception) -> Response:
    status, body = problem_of(error)
    if status >= 500:
        log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    else:
        log.info("request refused", path=request.url.path, method=request.method, reason=str(error))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(body, status, headers, PROBLEM_TYPE)


async def _tell_malformed(request: Request, error: Exception) -> Response:
    where = (
        ".".join(str(part) for part in error.errors()[0]["loc"]) if isinstance(error, RequestValidationError) else ""
    )
    return await _tell(request, DockRefused(refusals.MALFORMED, f"not as it should be: {where[:120]}"))


async def _tell_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: refusals.NO_SUCH_PLACE, 405: refusals.NO_SUCH_METHOD}.get(status, refusals.MALFORMED)
    return await _tell(request, DockRefused(known))
