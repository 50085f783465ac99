"""My footage: what came from one's camera, and the reference, typed once."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from evidence.errors import BadInput
from portal import acts, footage, paths, references
from portal.dependencies import ClaimsFootage, EntersReference, ListsFootage, Typed, Visit
from portal.references import Entered
from portal.views.footage import DockingFootage, MyFootage
from portal.views.page import Form, Notice

router = APIRouter()


@router.get(paths.FOOTAGE)
def show_footage(visit: ListsFootage) -> Response:
    """The officer's own footage, the newest first."""
    return visit.page(_page(visit))


@router.post(paths.docking_reference("{docking_id}"))
def enter_reference(docking_id: str, visit: EntersReference, fields: Typed) -> Response:
    """Give a reference to the chosen clips of a docking."""
    try:
        with visit.ground.database.write() as session:
            entered = references.enter(
                session, visit.ground.clock, visit.actor, fields.text("reference"), fields.every("files")
            )
    except BadInput as wrong:
        form = Form(fields.echo("reference"), {"reference": f"{wrong}. {wrong.advice}"})
        return visit.page(_page(visit, docking_id, form), status=422)
    return visit.page(_page(visit), notice=_told(entered))


@router.post(paths.docking_claim("{docking_id}"))
def claim(docking_id: str, visit: ClaimsFootage) -> Response:
    """Say that a docking is one's own."""
    with visit.ground.database.write() as session:
        footage.claim(session, visit.ground.clock, visit.actor, docking_id, acts.staff(session, visit.actor))
    return RedirectResponse(paths.FOOTAGE, status_code=303)


def _page(visit: Visit, docking_id: str = "", form: Form | None = None) -> MyFootage:
    with visit.ground.database.read() as session:
        dockings = footage.own(session, visit.actor)
        unclaimed = footage.unclaimed(session, visit.actor)
    shown = [_with(docking, docking_id, form) for docking in dockings[: footage.PAGE]]
    return MyFootage(
        officer=visit.actor.collar,
        dockings=tuple(shown),
        more=len(dockings) > footage.PAGE,
        unclaimed=tuple(unclaimed[: footage.PAGE]),
    )


def _with(docking: DockingFootage, docking_id: str, form: Form | None) -> DockingFootage:
    return replace(docking, form=form) if form is not None and docking.docking_id == docking_id else docking


def _told(entered: Entered) -> Notice:
    numbers = ", ".join(exhibit.reference for exhibit in entered.exhibits)
    parts = [
        f"Exhibits: {numbers}." if numbers else "",
        "Clips still on their way will join it." if entered.to_follow else "",
        entered.warning,
    ]
    return Notice(title=f"Saved to case {entered.case.reference}", text=" ".join(part for part in parts if part))
