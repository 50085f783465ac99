"""The reference, typed once: it opens or joins the case, numbers the exhibits, and waits for clips on their way.

A correction is a new act, and it wins: the recording leaves the wrong case, its exhibit there is withdrawn, links to it
end, and both the old and the new reference stay told in the ledger. Entering the same again changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from custody.entry import ActKind, Party
from evidence.clock import Clock
from evidence.errors import BadInput, NotFound
from evidence.identifiers import Urn
from evidence.models import Case, DockedFile, Exhibit, Person, Recording
from portal import acts, cases, exhibits, links
from portal.exhibits import NOT_HERE
from portal.permissions import Action, Actor, demand, standing_to


@dataclass(slots=True)
class Entered:
    """What came of a reference: the case, its exhibits from these clips, and how many files will follow."""

    case: Case
    exhibits: list[Exhibit] = field(default_factory=list)
    to_follow: int = 0
    warning: str = ""


def enter(session: Session, clock: Clock, actor: Actor, typed: str, chosen: Sequence[str]) -> Entered:
    """Give a reference to recordings (``rec_...``) and to files on their way (``dfi_...``).

    Raises ``NotAnIdentifier`` for what cannot be a reference, ``BadInput`` when nothing was chosen, ``NotFound`` or
    ``MayNot`` when one of them is not the actor's.
    """
    urn = Urn.parse(typed)
    if not chosen:
        raise BadInput("Choose at least one clip")
    recordings, files = _mine(session, actor, chosen)
    by = acts.staff(session, actor)
    entered = Entered(cases.open_or_join(session, clock, actor, urn, by), warning=cases.warning_for(urn))
    for recording in recordings:
        exhibit = _join(session, clock, actor.person, by, entered.case, recording)
        if exhibit is not None:
            entered.exhibits.append(exhibit)
    for file in files:
        file.reference, file.referenced_by = entered.case.reference, actor.person
        entered.to_follow += 1
    return entered


def follow(session: Session, clock: Clock, recording: Recording, file: DockedFile, actor: Actor) -> None:
    """A file whose reference was typed while it was on its way has arrived. Doing it again changes nothing."""
    if not file.reference or recording.reference:
        return  # nothing was typed, or somebody typed since: the later word wins
    by = acts.staff(session, actor)
    case = cases.open_or_join(session, clock, actor, Urn.parse(file.reference), by)
    _join(session, clock, actor.person, by, case, recording)


def _mine(session: Session, actor: Actor, chosen: Sequence[str]) -> tuple[list[Recording], list[DockedFile]]:
    recordings: dict[str, Recording] = {}
    files: list[DockedFile] = []
    for name in dict.fromkeys(chosen):
        file = session.get(DockedFile, name) if name.startswith("dfi_") else None
        if file is not None and not file.recording_id:
            _demand_file(actor, file)
            files.append(file)
            continue
        wanted = name if file is None else file.recording_id or ""
        item = exhibits.find_recording(session, actor, Action.ENTER_REFERENCE, wanted)
        recordings[item.recording.id] = item.recording
    return list(recordings.values()), files


def _demand_file(actor: Actor, file: DockedFile) -> None:
    docking = file.docking
    standing = standing_to(actor, agency=docking.dock.agency_id, filmed_by=docking.officer_collar, in_case=False)
    if docking.dock.agency_id != actor.agency:
        raise NotFound(NOT_HERE)
    demand(actor, Action.ENTER_REFERENCE, standing)


def _join(
    session: Session, clock: Clock, person_id: str, by: Party, case: Case, recording: Recording
) -> Exhibit | None:
    if recording.case_id != case.id:
        was = recording.reference
        if was:
            _leave(session, clock, recording, by)
        recording.reference, recording.case_id = case.reference, case.id
        what = ActKind.REFERENCE_CORRECTED if was else ActKind.REFERENCED
        on = {"recording": recording.id, "case": case.id, "reference": case.reference, "was": was}
        acts.tell(session, clock, what, by, on)
    if recording.kind != "clip":
        return None  # a sidecar travels with its clips and is no exhibit of its own
    producer = exhibits.wearer(session, recording) or session.get_one(Person, person_id)
    return exhibits.make(session, clock, case, recording, producer, by)


def _leave(session: Session, clock: Clock, recording: Recording, by: Party) -> None:
    exhibit = exhibits.exhibit_of(session, recording.id)
    if exhibit is not None:
        links.revoke_all(session, clock, exhibit, by, why="the reference was corrected")
        exhibits.withdraw(session, clock, exhibit)
