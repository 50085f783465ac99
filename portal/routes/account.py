"""Signing in and out, setting an account up, and one's own sessions."""

import re

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from evidence.errors import DocklineError
from portal import cookies, links, paths, second_factor, sessions, set_up, sign_in
from portal.attempts import TooManyTries
from portal.dependencies import KeepsAccount, ReadsPublic, SignsIn, Typed, Visit
from portal.people import LinkSpent
from portal.permissions import Action, Role, may_ever
from portal.set_up import NotFilledIn, SettingUp
from portal.views.account import SecondStep, SessionRow, Sessions, SetUp, SetUpOpen, SignedOut, SignIn
from portal.views.page import Form

router = APIRouter()

_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]{0,500}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}$")
_STARTS = (
    (Action.LIST_FOOTAGE, paths.FOOTAGE),
    (Action.FIND_CASES, paths.CASES),
    (Action.MANAGE_DOCKS, paths.DOCKS),
)


def safe_path(wanted: str) -> str:
    """A path of this portal that somebody wanted before they signed in; empty for anything else."""
    return wanted if _PATH.fullmatch(wanted) and "\\" not in wanted else ""


def start_of(role: Role) -> str:
    """Where somebody of a role begins."""
    return next((path for action, path in _STARTS if may_ever(role, action).allowed), paths.SESSIONS)


@router.get(paths.HOME)
def home(visit: ReadsPublic) -> Response:
    """Lead everybody to where they begin."""
    role = visit.actor.role
    return RedirectResponse(paths.SIGN_IN if role is Role.ANYONE else start_of(role), status_code=303)


@router.get(paths.SIGN_IN)
def show_sign_in(visit: SignsIn, next: str = "") -> Response:  # noqa: A002 - the field's name in the address
    """The first step's form."""
    if visit.actor.role is not Role.ANYONE:
        return RedirectResponse(safe_path(next) or start_of(visit.actor.role), status_code=303)
    return visit.page(SignIn(next=safe_path(next)))


@router.post(paths.SIGN_IN)
def take_password(visit: SignsIn, fields: Typed) -> Response:
    """Check the password, then ask for the code."""
    wanted = safe_path(fields.text("next"))
    try:
        cookie = sign_in.first_step(
            visit.ground, fields.text("email"), fields.raw("password"), address=visit.address, agent=visit.agent
        )
    except (sign_in.NotLetIn, TooManyTries) as wrong:
        form = Form(fields.echo("email"), {"email": f"{wrong} {wrong.advice}"})
        return visit.page(SignIn(form=form, next=wanted), status=429 if isinstance(wrong, TooManyTries) else 422)
    return _to(visit, paths.SIGN_IN_CODE + (f"?next={wanted}" if wanted else ""), cookie)


@router.get(paths.SIGN_IN_CODE)
def show_code(visit: SignsIn, next: str = "") -> Response:  # noqa: A002 - the field's name in the address
    """The second step's form, for those who took the first."""
    if visit.session is None or visit.session.second_factor_at is not None:
        return RedirectResponse(paths.HOME, status_code=303)
    return visit.page(SecondStep(next=safe_path(next)))


@router.post(paths.SIGN_IN_CODE)
def take_code(visit: SignsIn, fields: Typed) -> Response:
    """Check the code, and let them in."""
    wanted = safe_path(fields.text("next"))
    if visit.session is None:
        return RedirectResponse(paths.SIGN_IN, status_code=303)
    try:
        cookie = sign_in.second_step(visit.ground, visit.session.id, fields.text("code"), address=visit.address)
    except sign_in.SignInAgain:
        return RedirectResponse(paths.HOME, status_code=303)
    except (sign_in.NotLetIn, TooManyTries) as wrong:
        form = Form(errors={"code": f"{wrong} {wrong.advice}"})
        return visit.page(SecondStep(form=form, next=wanted), status=429 if isinstance(wrong, TooManyTries) else 422)
    return _to(visit, wanted or paths.HOME, cookie)


@router.post(paths.SIGN_OUT)
def sign_out(visit: KeepsAccount) -> Response:
    """End this session, and have the browser forget what it kept."""
    if visit.session is not None:
        with visit.ground.database.write() as session:
            sessions.end(session, visit.session.id, visit.ground.clock.now())
    response = RedirectResponse(paths.SIGNED_OUT, status_code=303)
    cookies.drop(response, cookies.SESSION, secure=visit.secure)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@router.get(paths.SIGNED_OUT)
def signed_out(visit: ReadsPublic, court: bool = False) -> Response:
    """The page after signing out."""
    return visit.page(SignedOut(court=court))


@router.get(paths.SET_UP)
def show_set_up(visit: SignsIn) -> Response:
    """Where a set-up link lands. Looking at it spends nothing."""
    return visit.page(SetUpOpen())


@router.post(paths.SET_UP)
def take_set_up_link(visit: SignsIn, fields: Typed) -> Response:
    """Prove the link's secret."""
    found = _SECRET.search(fields.text("link"))
    try:
        pending = set_up.begin(visit.ground, found[0] if found else "", address=visit.address)
    except (LinkSpent, TooManyTries) as wrong:
        form = Form(errors={"link": f"{wrong} {wrong.advice}"})
        return visit.page(SetUpOpen(form=form), status=429 if isinstance(wrong, TooManyTries) else 422)
    response = RedirectResponse(paths.SET_UP_DETAILS, status_code=303)
    cookies.put(response, cookies.PENDING, pending, secure=visit.secure, age=set_up.TIME_TO_FINISH)
    return response


@router.get(paths.SET_UP_DETAILS)
def show_details(visit: SignsIn) -> Response:
    """The form that makes the account work."""
    try:
        under_way = set_up.resume(visit.ground, cookies.read(visit.request, cookies.PENDING, secure=visit.secure))
    except LinkSpent as over:
        return visit.page(SetUpOpen(form=Form(errors={"link": f"{over} {over.advice}"})), status=422)
    return visit.page(_details(under_way, Form({"name": under_way.name, "email": under_way.email})))


@router.post(paths.SET_UP_DETAILS)
def take_details(visit: SignsIn, fields: Typed) -> Response:
    """Make the account work, and sign in with it."""
    typed = {name: fields.raw(name) for name in ("agency", "name", "email", "password", "code")}
    try:
        under_way = set_up.resume(visit.ground, cookies.read(visit.request, cookies.PENDING, secure=visit.secure))
        cookie = set_up.finish(visit.ground, under_way, typed, agent=visit.agent)
    except LinkSpent as over:
        return visit.page(SetUpOpen(form=Form(errors={"link": f"{over} {over.advice}"})), status=422)
    except DocklineError as wrong:
        errors = wrong.errors if isinstance(wrong, NotFilledIn) else {"email": str(wrong)}
        fixed = {"name": under_way.name, "email": under_way.email} if under_way.person else {}
        form = Form({**fields.echo("agency", "name", "email"), **fixed}, errors)
        return visit.page(_details(under_way, form), status=422)
    response = _to(visit, paths.HOME, cookie)
    cookies.drop(response, cookies.PENDING, secure=visit.secure)
    return response


@router.get(paths.SESSIONS)
def list_sessions(visit: KeepsAccount) -> Response:
    """Where one is signed in."""
    with visit.ground.database.read() as session:
        rows = sessions.of_person(session, visit.actor.person)
    now, limits = visit.ground.clock.now(), sessions.Limits.of(visit.ground.settings)
    here = visit.session.id if visit.session is not None else ""
    shown = [
        SessionRow(
            session=sessions.handle_of(row),
            agent=links.browser(row.agent),
            began_at=row.created_at,
            seen_at=row.seen_at,
            this_one=row.id == here,
        )
        for row in rows
        if sessions.is_alive(row, now, limits)
    ]
    return visit.page(Sessions(sessions=tuple(shown)))


@router.post(paths.SESSIONS)
def end_session(visit: KeepsAccount, fields: Typed) -> Response:
    """End one of one's own sessions. Ending it twice is fine."""
    with visit.ground.database.write() as session:
        sessions.end_by_handle(session, visit.actor.person, fields.text("session"), visit.ground.clock.now())
    return RedirectResponse(paths.SESSIONS, status_code=303)


def _details(under_way: SettingUp, form: Form) -> SetUp:
    account = form.value("email") or "Dockline"
    return SetUp(
        first=under_way.person is None,
        qr_svg=second_factor.qr_svg(under_way.totp_secret, account),
        totp_secret=second_factor.spaced(under_way.totp_secret),
        account=account,
        form=form,
    )


def _to(visit: Visit, path: str, cookie: str) -> Response:
    response = RedirectResponse(path, status_code=303)
    cookies.put(response, cookies.SESSION, cookie, secure=visit.secure)
    cookies.drop(response, cookies.VISIT, secure=visit.secure)
    return response
