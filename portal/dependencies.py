"""Permissions as typed dependencies: a route says in its signature what its caller must be allowed to do.

A route without one is not reachable in any release: a test walks all routes and fails. The dependency finds out who
asks, decides by :mod:`portal.permissions` whether they may ever do this, and for a method that changes something checks
the form's token against the session. Whether they may do it to *this* exhibit is asked where the exhibit is found.
"""

import secrets
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from evidence.ground import Ground
from evidence.models import WebSession
from portal import cookies, sessions
from portal.errors import NotSignedIn, StaleForm
from portal.fields import Fields, read_fields
from portal.guard import SAFE_METHODS
from portal.people import actor_of
from portal.permissions import NOBODY, Action, Actor, MayNot, Role, may_ever
from portal.rendering import Renderer
from portal.views.page import Notice, Page, Section, Shell, SignedIn

log = structlog.get_logger()

Typed = Annotated[Fields, Depends(read_fields)]

_PLACES = {
    Section.FOOTAGE: Action.LIST_FOOTAGE,
    Section.CASES: Action.FIND_CASES,
    Section.DOCKS: Action.MANAGE_DOCKS,
    Section.PEOPLE: Action.MANAGE_PEOPLE,
    Section.QUARANTINE: Action.SEE_QUARANTINE,
}


@dataclass(frozen=True, slots=True)
class Portal:
    """What one process of the portal stands on."""

    ground: Ground
    renderer: Renderer


@dataclass(frozen=True, slots=True)
class Visit:
    """One request's visitor: who asks, in which session, and how to answer them with a page."""

    portal: Portal
    request: Request
    actor: Actor
    token: str  # of the session's forms
    session: WebSession | None = None
    fresh_visit: str = ""  # a cookie that a browser without a session still has to get

    @property
    def ground(self) -> Ground:
        """Settings, clock, database, objects and sealer."""
        return self.portal.ground

    @property
    def secure(self) -> bool:
        """Whether cookies carry the Secure attribute."""
        return self.ground.settings.secure_cookies

    @property
    def address(self) -> str:
        """The IP address that the request came from, as the server saw it."""
        return self.request.client.host if self.request.client else ""

    @property
    def agent(self) -> str:
        """How the browser names itself."""
        return self.request.headers.get("user-agent", "")[:200]

    def once(self, fields: Fields) -> str:
        """The number of the page that a form stood on: a form that is sent twice brings the same one."""
        return fields.text("form_token").rpartition(".")[2][:64]

    def shell(self, notice: Notice | None = None) -> Shell:
        """What surrounds a page for this visitor."""
        who: SignedIn | None = None
        places: tuple[Section, ...] = ()
        if self.session is not None and self.session.second_factor_at is not None:
            who = SignedIn(name=self.actor.name, role=self.actor.role.value.capitalize())
            places = tuple(place for place, action in _PLACES.items() if may_ever(self.actor.role, action).allowed)
        token = f"{self.token}.{secrets.token_hex(8)}" if self.token else ""
        return Shell(form_token=token, signed_in=who, sections=places, notice=notice)

    def page(self, page: Page, status: int = 200, notice: Notice | None = None) -> Response:
        """Answer with a page."""
        response = HTMLResponse(self.portal.renderer.page(page, self.shell(notice)), status_code=status)
        if self.fresh_visit:
            cookies.put(response, cookies.VISIT, self.fresh_visit, secure=self.secure)
        return response


class Permission:
    """A dependency that lets those through who may do an action, and tells the route who they are."""

    def __init__(self, action: Action) -> None:
        self.action = action

    def __call__(self, request: Request, fields: Typed) -> Visit:
        """The visit; raises :class:`NotSignedIn`, :class:`MayNot` or :class:`StaleForm`."""
        visit = visitor(request)
        request.state.visit = visit
        verdict = may_ever(visit.actor.role, self.action)
        if not verdict.allowed:
            log.info("denied", action=self.action.value, role=visit.actor.role.value, person=visit.actor.person)
            raise NotSignedIn(verdict.reason) if visit.actor.role is Role.ANYONE else MayNot(verdict.reason)
        if request.method not in SAFE_METHODS:
            check_token(fields, visit.token)
        return visit


class OpenToAll(Permission):
    """For what anybody may read and nobody is asked about: no cookie is looked at, so nothing is looked up."""

    async def __call__(self) -> None:  # type: ignore[override]
        """Everybody."""


def check_token(fields: Fields, token: str) -> None:
    """Return only if a form carries its session's token; raises :class:`StaleForm`."""
    typed = fields.text("form_token").partition(".")[0]
    if not token or not compare_digest(typed.encode(), token.encode()):
        raise StaleForm("The page was open too long, or you signed in anew since it was made.")


def visitor(request: Request) -> Visit:
    """Who asks, by their cookies. Somebody whose second factor is still owed is nobody yet."""
    portal: Portal = request.app.state.portal
    ground = portal.ground
    secure = ground.settings.secure_cookies
    reference = cookies.read(request, cookies.SESSION, secure=secure)
    row = _living(ground, reference) if reference else None
    if row is not None:
        whole = row.second_factor_at is not None
        return Visit(portal, request, actor_of(row.person) if whole else NOBODY, row.form_token, row)
    known = cookies.read(request, cookies.VISIT, secure=secure)
    visit = known or cookies.new_reference()
    token = ground.sealer.mark("visit", visit)
    return Visit(portal, request, NOBODY, token, fresh_visit="" if known else visit)


def _living(ground: Ground, reference: str) -> WebSession | None:
    now = ground.clock.now()
    with ground.database.read() as session:
        row = sessions.find(session, reference, now, sessions.Limits.of(ground.settings))
    if row is not None and now - row.seen_at >= sessions.TOUCH:
        with ground.database.write() as session:
            sessions.touch(session, row.id, now)
    return row


Anybody = Annotated[None, Depends(OpenToAll(Action.READ_PUBLIC))]
SignsIn = Annotated[Visit, Depends(Permission(Action.SIGN_IN))]
ReadsPublic = Annotated[Visit, Depends(Permission(Action.READ_PUBLIC))]
OpensLink = Annotated[Visit, Depends(Permission(Action.OPEN_LINK))]
KeepsAccount = Annotated[Visit, Depends(Permission(Action.KEEP_ACCOUNT))]
ListsFootage = Annotated[Visit, Depends(Permission(Action.LIST_FOOTAGE))]
ClaimsFootage = Annotated[Visit, Depends(Permission(Action.CLAIM_FOOTAGE))]
EntersReference = Annotated[Visit, Depends(Permission(Action.ENTER_REFERENCE))]
FindsCases = Annotated[Visit, Depends(Permission(Action.FIND_CASES))]
SeesCase = Annotated[Visit, Depends(Permission(Action.SEE_CASE))]
SeesExhibit = Annotated[Visit, Depends(Permission(Action.SEE_EXHIBIT))]
DescribesExhibit = Annotated[Visit, Depends(Permission(Action.DESCRIBE_EXHIBIT))]
Watches = Annotated[Visit, Depends(Permission(Action.WATCH))]
Downloads = Annotated[Visit, Depends(Permission(Action.DOWNLOAD))]
SeesLinks = Annotated[Visit, Depends(Permission(Action.SEE_LINKS))]
Discloses = Annotated[Visit, Depends(Permission(Action.DISCLOSE))]
IssuesCode = Annotated[Visit, Depends(Permission(Action.ISSUE_CODE))]
RevokesLink = Annotated[Visit, Depends(Permission(Action.REVOKE_LINK))]
ManagesDocks = Annotated[Visit, Depends(Permission(Action.MANAGE_DOCKS))]
ManagesPeople = Annotated[Visit, Depends(Permission(Action.MANAGE_PEOPLE))]
SeesQuarantine = Annotated[Visit, Depends(Permission(Action.SEE_QUARANTINE))]
ReadsLog = Annotated[Visit, Depends(Permission(Action.READ_LOG))]
SeesClock = Annotated[Visit, Depends(Permission(Action.SEE_CLOCK))]
