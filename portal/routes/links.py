"""Secure links from their owner's side: making one, reading a code out, seeing it used, ending it."""

from datetime import UTC, datetime, time, timedelta

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from evidence.errors import BadInput, NotFound
from evidence.models import Exhibit, Link, Person
from portal import acts, exhibits, links, paths
from portal.dependencies import Discloses, IssuesCode, RevokesLink, SeesLinks, Typed, Visit
from portal.exhibits import NOT_HERE
from portal.fields import Fields
from portal.links import LinkOver, Terms
from portal.permissions import Action
from portal.set_up import NotFilledIn
from portal.views.link import LinkPage, LinkSubject, NewLink, Opening, ReadOutCode
from portal.views.page import Form, Notice

router = APIRouter()

_FIELDS = (
    "recipient",
    "organisation",
    "purpose",
    "expires-day",
    "expires-month",
    "expires-year",
    "allowance",
    "openings",
)


@router.get(paths.new_link("{exhibit_id}"))
def show_form(exhibit_id: str, visit: Discloses) -> Response:
    """The form for a new link, with a date filled in."""
    until = visit.ground.clock.now() + timedelta(days=visit.ground.settings.link_days)
    values = {
        "expires-day": str(until.day), "expires-month": str(until.month), "expires-year": str(until.year),
        "allowance": "view",
    }  # fmt: skip
    with visit.ground.database.read() as session:
        exhibit = _exhibit(session, visit, exhibit_id)
    return visit.page(NewLink(subject=subject_of(exhibit), form=Form(values)))


@router.post(paths.new_link("{exhibit_id}"))
def make_link(exhibit_id: str, visit: Discloses, fields: Typed) -> Response:
    """Make the link and show its address, once. The same form sent twice makes one link."""
    with visit.ground.database.read() as session:
        subject = subject_of(_exhibit(session, visit, exhibit_id))
    try:
        terms = _terms(fields)
        with visit.ground.database.write() as session:
            exhibit = _exhibit(session, visit, exhibit_id)
            issued = links.issue(session, visit.ground, visit.actor, exhibit, terms, once=visit.once(fields))
            page = (
                None if issued is None else _page(session, visit, session.get_one(Link, issued.link_id), issued.address)
            )
    except BadInput as wrong:
        errors = wrong.errors if isinstance(wrong, NotFilledIn) else {"expires": str(wrong)}
        return visit.page(NewLink(subject=subject, form=Form(fields.echo(*_FIELDS), errors)), status=422)
    if page is None:
        return RedirectResponse(paths.exhibit(exhibit_id), status_code=303)
    return visit.page(page)


@router.get(paths.link("{link_id}"))
def show_link(link_id: str, visit: SeesLinks) -> Response:
    """A link, and each use that was made of it."""
    with visit.ground.database.read() as session:
        page = _page(session, visit, links.find(session, visit.actor, Action.SEE_LINKS, link_id))
    return visit.page(page)


@router.post(paths.link_code("{link_id}"))
def make_code(link_id: str, visit: IssuesCode) -> Response:
    """Make a security code and show it to the owner, to be read out."""
    try:
        with visit.ground.database.write() as session:
            link = links.find(session, visit.actor, Action.ISSUE_CODE, link_id)
            made = links.issue_code(session, visit.ground.sealer, visit.ground.clock, link)
            page = _page(session, visit, link, code=ReadOutCode(code=made.digits, valid_until=made.valid_until))
    except LinkOver:
        return RedirectResponse(paths.link(link_id), status_code=303)
    return visit.page(page)


@router.post(paths.link_revoke("{link_id}"))
def revoke(link_id: str, visit: RevokesLink) -> Response:
    """End a link. Ending it twice is fine."""
    with visit.ground.database.write() as session:
        link = links.find(session, visit.actor, Action.REVOKE_LINK, link_id)
        links.revoke(session, visit.ground.clock, link, acts.staff(session, visit.actor), visit.actor.person)
        page = _page(session, visit, link)
    return visit.page(
        page, notice=Notice(title="The link is ended", text="It stops working at the next few seconds of film.")
    )


def subject_of(exhibit: Exhibit) -> LinkSubject:
    """The exhibit that a link opens."""
    return LinkSubject(
        exhibit_id=exhibit.id, reference=exhibit.reference, case_id=exhibit.case_id,
        case_reference=exhibit.case.urn or exhibit.case.reference, name=exhibit.recording.name,
    )  # fmt: skip


def _exhibit(session: Session, visit: Visit, exhibit_id: str) -> Exhibit:
    found = exhibits.find_exhibit(session, visit.actor, Action.DISCLOSE, exhibit_id).exhibit
    if found is None:
        raise NotFound(NOT_HERE)
    return found


def _page(
    session: Session, visit: Visit, link: Link, address: str | None = None, code: ReadOutCode | None = None
) -> LinkPage:
    history = tuple(Opening(at=at, what=what) for at, what in links.history(session, link))
    return LinkPage(
        link_id=link.id, subject=subject_of(link.exhibit), recipient=link.recipient, organisation=link.organisation,
        purpose=link.purpose, may_download=link.may_download, created_at=link.created_at,
        created_by=session.get_one(Person, link.created_by).name, expires_at=link.expires_at,
        state=links.state_of(link, visit.ground.clock.now()), openings=link.openings, max_openings=link.max_openings,
        last_opened_at=link.opened_at, history=history, revoked_at=link.revoked_at, address=address, code=code,
    )  # fmt: skip


def _terms(fields: Fields) -> Terms:
    """What the form says; raises :class:`NotFilledIn` with every field that is not right."""
    errors: dict[str, str] = {}
    for name, most, what in (("recipient", 200, "the name of the recipient"), ("purpose", 500, "the purpose")):
        if not 0 < len(fields.text(name)) <= most:
            errors[name] = f"Enter {what}, in at most {most} characters"
    if len(fields.text("organisation")) > 200:
        errors["organisation"] = "Enter the organisation in at most 200 characters"
    if fields.text("allowance") not in {"view", "download"}:
        errors["allowance"] = "Choose what the recipient may do"
    openings = _openings(fields.text("openings"), errors)
    until = _until(fields, errors)
    if errors or until is None:
        raise NotFilledIn(errors)
    return Terms(
        recipient=fields.text("recipient"), organisation=fields.text("organisation"), purpose=fields.text("purpose"),
        expires_at=until, may_download=fields.text("allowance") == "download", max_openings=openings,
    )  # fmt: skip


def _openings(typed: str, errors: dict[str, str]) -> int | None:
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and 0 < int(typed[:9]) <= 1000):
        errors["openings"] = "Enter a number between 1 and 1,000, or leave it empty"
        return None
    return int(typed)


def _until(fields: Fields, errors: dict[str, str]) -> datetime | None:
    """The end of the day that was typed, in UTC."""
    try:
        year, month, day = (int(fields.text(f"expires-{part}")) for part in ("year", "month", "day"))
        return datetime.combine(datetime(year, month, day, tzinfo=UTC), time(23, 59, 59), tzinfo=UTC)
    except (ValueError, OverflowError):
        errors["expires"] = "Enter a real date, such as 27 3 2027"
        return None
