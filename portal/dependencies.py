"""Permissions as typed dependencies: a route says in its signature what its caller must be allowed to do.

A route without one is not reachable in any release: a test walks all routes and fails. The dependency finds out who
asks, decides by :mod:`portal.permissions` whether they may ever do this, and for a method that changes something checks
the form's token against the session. Whether they may do it to *this* exhibit is asked where the exhibit is found.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated

import structlog
from fastapi import Depends
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from evidence.errors import NotFound, Refused
from evidence.ground import Ground
from evidence.models import Link, LinkSession, WebSession
from evidence.sealing import hash_secret
from portal import cookies, court, links, playback, sessions
from portal.errors import CrossSite, LinkNotOpen, NotSignedIn, StaleForm
from portal.exhibits import NOT_HERE
from portal.fields import Fields, read_fields
from portal.guard import SAFE_METHODS
from portal.liveness import Liveness, Showings
from portal.media import Media, Piece
from portal.people import actor_of
from portal.permissions import NOBODY, Action, Actor, MayNot, Role, demand, may_ever
from portal.playback import Showing
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
    """What one process of the portal stands on. Nothing of a request or of a person is kept here."""

    ground: Ground
    renderer: Renderer
    media: Media
    showings: Showings
    liveness: Liveness

    @classmethod
    def of(cls, ground: Ground, renderer: Renderer, media: Media) -> "Portal":
        """The portal of a ground."""
        return cls(ground, renderer, media, Showings(), Liveness(ground))


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
        return Shell(form_token=numbered(self.token), signed_in=who, sections=places, notice=notice)

    def page(self, page: Page, status: int = 200, notice: Notice | None = None, *, court: bool = False) -> Response:
        """Answer with a page; ``court`` for those that a link's recipient sees before the link is open."""
        shell = self.shell(notice)
        if court:
            shell = Shell(form_token=shell.form_token, notice=notice, court=True)
        response = HTMLResponse(self.portal.renderer.page(page, shell), status_code=status)
        if self.fresh_visit:
            cookies.put(response, cookies.VISIT, self.fresh_visit, secure=self.secure)
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtVisit(Visit):
    """One request of a link's recipient, in the session that a right code opened."""

    link: Link
    link_session: LinkSession

    def shell(self, notice: Notice | None = None) -> Shell:
        """What surrounds a page for a recipient."""
        who = SignedIn(name=self.actor.name, role=self.actor.agency_name)
        return Shell(form_token=numbered(self.token), signed_in=who, notice=notice, court=True)


def numbered(token: str) -> str:
    """A form token with the number of one page, see :meth:`Visit.once`."""
    return f"{token}.{secrets.token_hex(8)}" if token else ""


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


class LinkPermission(Permission):
    """The same for the recipient of the link that the address names."""

    def __call__(self, request: Request, fields: Typed, link_id: str) -> CourtVisit:  # type: ignore[override]
        """The visit; raises :class:`NotSignedIn`, ``LinkClosed``, :class:`MayNot` or :class:`StaleForm`."""
        visit = recipient(request, link_id)
        request.state.visit = visit
        demand(visit.actor, self.action, court.standing_for(visit.link))
        if request.method not in SAFE_METHODS:
            check_token(fields, visit.token)
        return visit


@dataclass(frozen=True, slots=True)
class Leaving:
    """All links that are open in a browser, by their sessions."""

    portal: Portal
    sessions: tuple[LinkSession, ...]


class LeavePermission(Permission):
    """For a recipient who has finished, with whichever of this browser's links the form belongs to."""

    def __call__(self, request: Request, fields: Typed) -> Leaving:  # type: ignore[override]
        """What to end, which may be nothing; raises :class:`StaleForm`."""
        portal: Portal = request.app.state.portal
        found: list[CourtVisit] = []
        for link_id in cookies.open_links(request, secure=portal.ground.settings.secure_cookies):
            with suppress(Refused):
                found.append(recipient(request, link_id))
        if found and not any(has_token(fields, visit.token) for visit in found):
            raise StaleForm("The page was open too long.")
        return Leaving(portal, tuple(visit.link_session for visit in found))


@dataclass(frozen=True, slots=True)
class Playing:
    """A viewing that may go on at this moment. ``idle``: its session was not seen for a while and is now."""

    portal: Portal
    showing: Showing
    idle: bool


class PlayPermission(Permission):
    """The right to go on with a viewing or a download that was begun: asked anew for every piece of it."""

    def __call__(self, request: Request, viewing_id: str) -> Playing:  # type: ignore[override]
        """What is shown; raises ``NotFound``, :class:`NotSignedIn`, ``LinkClosed`` or :class:`CrossSite`."""
        portal: Portal = request.app.state.portal
        require_fetch(request.headers, download=self.action is Action.DOWNLOAD)
        showing = portal.showings.find(portal.ground, viewing_id)
        name = cookies.SESSION if showing.link is None else cookies.link_cookie(showing.link)
        reference = cookies.read(request, name, secure=portal.ground.settings.secure_cookies)
        if not compare_digest(hash_secret(reference), showing.session_id):
            raise NotFound(NOT_HERE)
        if (showing.rendition == playback.DOWNLOAD) != (self.action is Action.DOWNLOAD):
            raise NotFound(NOT_HERE)
        return Playing(portal, showing, idle=portal.liveness.require(showing))


class PiecePermission(PlayPermission):
    """The same, and with it the piece itself: asking and reading are one step, as both happen for every segment."""

    def __call__(self, request: Request, viewing_id: str, name: str) -> Piece:  # type: ignore[override]
        """Content and media type; raises what :class:`PlayPermission` and ``Media.piece`` raise."""
        playing = PlayPermission.__call__(self, request, viewing_id)
        if playing.idle:
            playing.portal.liveness.touch(playing.showing)
        return playing.portal.media.piece(playing.showing, name)


def require_same_site(headers: Headers) -> None:
    """A link of another site begins no download in somebody's name; raises :class:`CrossSite`."""
    if headers.get("sec-fetch-site") not in {None, "same-origin", "none"}:
        raise CrossSite("This was asked from a page of another site.")


def require_fetch(headers: Headers, *, download: bool) -> None:
    """Pieces of a film go to the player on this portal's own page, to nothing else; raises :class:`CrossSite`."""
    site, into = headers.get("sec-fetch-site"), headers.get("sec-fetch-dest")
    if site not in {None, "same-origin"} and not (download and site == "none"):
        raise CrossSite("Footage is shown on this portal's own pages only.")
    if into not in {None, "empty", "video", "audio", "image", "track"} and not (download and into == "document"):
        raise CrossSite("Footage is shown on this portal's own pages only.")


def recipient(request: Request, link_id: str) -> CourtVisit:
    """The recipient of a link, by the link's own cookie; raises :class:`NotSignedIn` or ``LinkClosed``."""
    portal: Portal = request.app.state.portal
    ground = portal.ground
    reference = cookies.read(request, cookies.link_cookie(link_id), secure=ground.settings.secure_cookies)
    now = ground.clock.now()
    with ground.database.read() as session:
        row = court.find_session(session, reference, link_id, now)
    if row is None:
        raise LinkNotOpen("Open your link again with a new security code.")
    if now - row.seen_at >= sessions.TOUCH:
        with ground.database.write() as session:
            links.touch_session(session, row.id, now)
    return CourtVisit(
        portal=portal,
        request=request,
        actor=court.actor_for(row.link),
        token=row.form_token,
        link=row.link,
        link_session=row,
    )


def check_token(fields: Fields, token: str) -> None:
    """Return only if a form carries its session's token; raises :class:`StaleForm`."""
    if not has_token(fields, token):
        raise StaleForm("The page was open too long, or you signed in anew since it was made.")


def has_token(fields: Fields, token: str) -> bool:
    """Whether a form carries a token; never an empty one."""
    typed = fields.text("form_token").partition(".")[0]
    return bool(token) and compare_digest(typed.encode(), token.encode())


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
CourtSees = Annotated[CourtVisit, Depends(LinkPermission(Action.SEE_EXHIBIT))]
CourtWatches = Annotated[CourtVisit, Depends(LinkPermission(Action.WATCH))]
CourtDownloads = Annotated[CourtVisit, Depends(LinkPermission(Action.DOWNLOAD))]
Leaves = Annotated[Leaving, Depends(LeavePermission(Action.SEE_EXHIBIT))]
PlaysOn = Annotated[Playing, Depends(PlayPermission(Action.WATCH))]
PlaysPiece = Annotated[Piece, Depends(PiecePermission(Action.WATCH))]
DownloadsOn = Annotated[Playing, Depends(PlayPermission(Action.DOWNLOAD))]
SeesClock = Annotated[Visit, Depends(Permission(Action.SEE_CLOCK))]
