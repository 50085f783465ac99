"""Docks, people and what was set aside, for administrators. None of these pages shows footage."""

from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from evidence.errors import BadInput, NotFound
from evidence.models import Agency, Dock, Person, Quarantined
from portal import acts, docks, paths, people
from portal.dependencies import ManagesDocks, ManagesPeople, SeesQuarantine, Typed, Visit
from portal.exhibits import NOT_HERE
from portal.people import EmailTaken, Newcomer, NotAnEmail
from portal.permissions import Role
from portal.views import admin
from portal.views.page import Form, Notice

router = APIRouter()

_ROLES = (
    admin.Role(value=Role.OFFICER, name="Officer", words="Sees own footage and the agency's cases; shares exhibits"),
    admin.Role(value=Role.PROSECUTOR, name="Prosecutor", words="Sees cases, watches exhibits and shares them"),
    admin.Role(value=Role.REDACTOR, name="Redactor", words="Sees cases and watches exhibits to prepare what is hidden"),
    admin.Role(value=Role.AUDITOR, name="Auditor", words="Reads the ledger, continuity and links, and watches nothing"),
    admin.Role(value=Role.ADMINISTRATOR, name="Administrator", words="Looks after docks and people; watches nothing"),
)  # fmt: skip


@router.get(paths.DOCKS)
def show_docks(visit: ManagesDocks) -> Response:
    """All docks of the agency."""
    return visit.page(_docks(visit))


@router.post(paths.DOCK_CODES)
def make_dock_code(visit: ManagesDocks, fields: Typed) -> Response:
    """Make an enrolment code and show it, once."""
    try:
        with visit.ground.database.write() as session:
            agency = session.get_one(Agency, visit.actor.agency)
            made = docks.issue(
                session, visit.ground.clock, agency, fields.text("name"), fields.text("station"), by=visit.actor
            )
    except BadInput as wrong:
        form = Form(fields.echo("name", "station"), {"name": str(wrong)})
        return visit.page(replace(_docks(visit), form=form), status=422)
    shown = admin.Enrolment(
        code=made.code, dock_name=fields.text("name"), expires_at=made.expires_at,
        command=f"dockline dock --server {visit.ground.settings.address} --enrol {made.code} --watch FOLDER",
    )  # fmt: skip
    return visit.page(replace(_docks(visit), enrolment=shown))


@router.post(paths.dock_revoke("{dock_id}"))
def revoke_dock(dock_id: str, visit: ManagesDocks) -> Response:
    """Take a dock's key out of use."""
    with visit.ground.database.write() as session:
        docks.revoke(session, visit.ground.clock, visit.actor, dock_id, acts.staff(session, visit.actor))
    return RedirectResponse(paths.DOCKS, status_code=303)


@router.get(paths.PEOPLE)
def show_people(visit: ManagesPeople) -> Response:
    """All people of the agency."""
    return visit.page(_people(visit))


@router.post(paths.PEOPLE)
def add_person(visit: ManagesPeople, fields: Typed) -> Response:
    """Add somebody and show their set-up link, once."""
    echo = fields.echo("name", "email", "collar", "role")
    try:
        newcomer = Newcomer.of(echo["name"], echo["email"], echo["role"] or "none chosen", echo["collar"])
        with visit.ground.database.write() as session:
            agency = session.get_one(Agency, visit.actor.agency)
            by = acts.staff(session, visit.actor)
            person = people.add_person(session, visit.ground, newcomer, by, agency)
            shown = _invitation(session, visit, person)
    except (BadInput, EmailTaken) as wrong:
        return visit.page(replace(_people(visit), form=Form(echo, _wrong(wrong, echo))), status=422)
    return visit.page(replace(_people(visit), invitation=shown))


@router.post(paths.person_invite("{person_id}"))
def invite_again(person_id: str, visit: ManagesPeople) -> Response:
    """A fresh set-up link: for somebody who has not joined yet, or has lost password or authenticator."""
    with visit.ground.database.write() as session:
        person = _colleague(session, visit, person_id)
        if not person.active:
            raise NotFound(NOT_HERE)
        shown = _invitation(session, visit, person)
    return visit.page(replace(_people(visit), invitation=shown))


@router.post(paths.person_remove("{person_id}"))
def close_account(person_id: str, visit: ManagesPeople) -> Response:
    """Close an account; its sessions end at once."""
    with visit.ground.database.write() as session:
        person = _colleague(session, visit, person_id)
        people.close_account(session, visit.ground.clock, person, acts.staff(session, visit.actor))
    return visit.page(_people(visit), notice=Notice(title=f"The account of {person.name} is closed"))


@router.get(paths.QUARANTINE)
def show_quarantine(visit: SeesQuarantine) -> Response:
    """Everything of the agency that was set aside, newest first."""
    with visit.ground.database.read() as session:
        rows = session.execute(
            select(Quarantined, Dock.name)
            .join(Dock, Dock.id == Quarantined.dock_id)
            .where(Quarantined.agency_id == visit.actor.agency)
            .order_by(Quarantined.at.desc())
            .limit(500)
        ).all()
    shown = tuple(
        admin.QuarantineRow(
            name=row.name, dock=dock, size=row.size, words=row.words, found=row.found, at=row.at, expected=row.expected
        )
        for row, dock in rows
    )
    return visit.page(admin.Quarantine(rows=shown))


def _docks(visit: Visit) -> admin.Docks:
    with visit.ground.database.read() as session:
        rows = docks.of_agency(session, visit.actor.agency)
    return admin.Docks(
        docks=tuple(
            admin.DockRow(
                dock_id=dock.id, name=dock.name, station=dock.station, fingerprint=docks.fingerprint(dock),
                enrolled_at=dock.enrolled_at, seen_at=dock.seen_at, revoked_at=dock.revoked_at,
            )
            for dock in rows
        )
    )  # fmt: skip


def _people(visit: Visit) -> admin.People:
    of_agency = Person.agency_id == visit.actor.agency
    with visit.ground.database.read() as session:
        rows = session.scalars(select(Person).where(of_agency).order_by(Person.active.desc(), Person.name)).all()
    return admin.People(people=tuple(_row(person, visit) for person in rows), roles=_ROLES)


def _row(person: Person, visit: Visit) -> admin.PersonRow:
    state = ("active" if person.password_hash else "invited") if person.active else "closed"
    return admin.PersonRow(
        person_id=person.id, name=person.name, email=person.email, role=person.role.capitalize(), collar=person.collar,
        initials=person.initials, state=state, created_at=person.created_at, myself=person.id == visit.actor.person,
    )  # fmt: skip


def _invitation(session: Session, visit: Visit, person: Person) -> admin.Invitation:
    address = people.invitation(session, visit.ground, person)
    expires_at = visit.ground.clock.now() + people.INVITATION_LASTS
    return admin.Invitation(name=person.name, address=address, expires_at=expires_at)


def _colleague(session: Session, visit: Visit, person_id: str) -> Person:
    """Somebody else of the agency: nobody closes their own account, so that one administrator always remains."""
    person = session.get(Person, person_id)
    if person is None or person.agency_id != visit.actor.agency or person.id == visit.actor.person:
        raise NotFound(NOT_HERE)
    return person


def _wrong(wrong: BadInput | EmailTaken, echo: dict[str, str]) -> dict[str, str]:
    if isinstance(wrong, NotAnEmail | EmailTaken):
        return {"email": str(wrong)}
    if not echo["name"]:
        return {"name": "Enter a name"}
    return {"role": "Choose a role"} if not echo["role"] else {"name": str(wrong)}
