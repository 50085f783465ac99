"""Problems as answers: one table from what happened to an HTTP status, told as a page or as problem+json.

The JSON form is RFC 9457 with two members of our own: ``code``, a stable word, and ``advice``, a sentence. Whether
somebody may not know of a thing or the thing is not there looks the same from outside, word for word.
"""

from dataclasses import replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from custody.tile import TileMalformed, TileMissing
from evidence.errors import (
    BadInput,
    Conflict,
    DocklineError,
    Misconfigured,
    NotFound,
    OutOfSpace,
    Refused,
    StoreUnwell,
)
from portal import paths
from portal.attempts import TooManyTries
from portal.court import LinkClosed
from portal.errors import Busy, CrossSite, Gone, LinkNotOpen, NotSignedIn, StaleForm
from portal.sign_in import NotLetIn, SignInAgain
from portal.views.court import CourtClosed
from portal.views.page import Page, Shell
from portal.views.statements import PROBLEMS
from transcode.packager import PackagerBusy

log = structlog.get_logger()

STATUSES: dict[type[DocklineError], int] = {
    DocklineError: 500,
    BadInput: 422,
    Refused: 403,
    NotFound: 404,
    Conflict: 409,
    OutOfSpace: 507,
    StoreUnwell: 503,
    Misconfigured: 500,
    NotSignedIn: 401,
    NotLetIn: 401,
    SignInAgain: 401,
    CrossSite: 403,
    StaleForm: 403,
    Gone: 410,
    TooManyTries: 429,
    Busy: 503,
    PackagerBusy: 503,
    TileMissing: 404,
    TileMalformed: 404,
}
"""The nearest class in a problem's family counts."""

_RETRY_SECONDS = {503: "2", 429: "900"}


def status_of(error: DocklineError) -> int:
    """The HTTP status of a problem."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def answer(request: Request, error: Exception) -> Response:
    """The answer for whatever went wrong; never says more than the one who asks may know."""
    if isinstance(error, DocklineError):
        return _tell_known(request, error)
    if isinstance(error, HTTPException):
        return _tell(
            request, error.status_code, "http", _http_words(error.status_code), headers=dict(error.headers or {})
        )
    if isinstance(error, RequestValidationError):
        return _tell(request, 422, "bad-input", "What was sent could not be understood.")
    log.exception("request failed", path=request.url.path, method=request.method, exc_info=error)
    return _tell(request, 500, "error", PROBLEMS[500].words)


def wants_html(request: Request) -> bool:
    """Whether a page is the right form of an answer: for people, not for players and programs."""
    accept = request.headers.get("accept", "")
    machine = request.url.path.startswith(("/api/", "/play/", "/log/", paths.STATIC))
    return "text/html" in accept and not machine


def _tell_known(request: Request, error: DocklineError) -> Response:
    status = status_of(error)
    if status == 401 and request.method in {"GET", "HEAD"} and wants_html(request):
        where = paths.OPEN if isinstance(error, LinkNotOpen) else _sign_in(request)
        return RedirectResponse(where, status_code=303)
    if isinstance(error, LinkClosed) and wants_html(request):
        closed = CourtClosed(why=error.why, owner=error.owner)
        return HTMLResponse(_page(request, closed), status_code=status)
    log.info("request refused", path=request.url.path, method=request.method, code=error.code, reason=str(error))
    if status >= 500:
        log.error("request failed", path=request.url.path, code=error.code, exc_info=error)
    if status in {404, 500}:  # the words would tell what exists, or how this is built inside
        return _tell(request, status, error.code if status == 500 else "not-found", _http_words(status))
    return _tell(request, status, error.code, str(error), advice=error.advice)


def _tell(
    request: Request, status: int, code: str, words: str, *, advice: str = "", headers: dict[str, str] | None = None
) -> Response:
    known = PROBLEMS.get(status) or PROBLEMS[500 if status >= 500 else 422]
    reference = request.scope.get("request_id", "")
    headers = {**(headers or {}), **({"Retry-After": _RETRY_SECONDS[status]} if status in _RETRY_SECONDS else {})}
    if wants_html(request):
        page = replace(
            known,
            words=words,
            advice=(advice,) if advice else known.advice,
            reference=reference if status == 500 else "",
        )
        return HTMLResponse(_page(request, page), status_code=status, headers=headers)
    body: dict[str, Any] = {
        "type": "about:blank", "title": known.title, "status": status, "detail": words, "code": code,
        "advice": advice or known.advice[0], "instance": f"urn:request:{reference}",
    }  # fmt: skip
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def _page(request: Request, page: Page) -> str:
    visit = getattr(request.state, "visit", None)
    shell = visit.shell() if visit is not None else Shell(court=request.url.path.startswith(("/court", paths.OPEN)))
    document: str = request.app.state.portal.renderer.page(page, shell)
    return document


def _http_words(status: int) -> str:
    known = PROBLEMS.get(status)
    return known.words if known else f"{HTTPStatus(status).phrase}."


def _sign_in(request: Request) -> str:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return paths.SIGN_IN if wanted == paths.HOME else f"{paths.SIGN_IN}?{urlencode({'next': wanted})}"
