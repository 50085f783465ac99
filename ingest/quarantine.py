"""What cannot be taken as evidence as it is: kept, named, and explained, never thrown away.

The bytes stay under the key they were received under; the row says why; an entry of the ledger says that it happened.
The camera's copy is still there, because no receipt is ever given for what is quarantined; the dock may send it again.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from custody import ledger
from custody.entry import Act, ActKind
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Dock, DockedFile, Quarantined, Upload
from ingest.intake import Sums
from ingest.upload import UploadState, move


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is set aside: a word for machines, a sentence for people with what to do."""

    word: str
    words: str


DIGEST_DIFFERS = Reason(
    "digest-differs",
    "These are not the bytes that the dock read from the camera. Leave the camera as it is; dock it again.",
)
FORGED = Reason(
    "manifest-forged",
    "The manifest is not signed by the dock that sent it. Leave the camera as it is; tell the administrator.",
)


def set_aside(
    session: Session, ground: Ground, upload: Upload, sums: Sums, reason: Reason, expected: Digest | None
) -> str:
    """Write row and entry in the caller's transaction, after the object was finished; returns the row's id."""
    dock = session.get_one(Dock, upload.dock_id)
    now = ground.clock.now()
    row = Quarantined(
        id=new_id("qua"), upload_id=upload.id, agency_id=dock.agency_id, dock_id=dock.id, name=upload.name,
        size=sums.size, expected="" if expected is None else str(expected), found=str(sums.digest),
        reason=reason.word, words=reason.words, object_key=upload.object_key, at=now,
    )  # fmt: skip
    session.add(row)
    using = {"reason": reason.word, "dock": dock.id, "size": str(sums.size)}
    if expected is not None:
        using["expected"] = str(expected)
    act = Act(
        what=ActKind.QUARANTINED,
        at=utc_text(now),
        who=ledger.machine(ground, "ingest", "receive"),
        on={"upload": upload.id, "digest": str(sums.digest)},
        using=using,
    )
    ledger.record(session, act, ground.clock)
    move(upload, UploadState.QUARANTINED, now)
    file = None if upload.docked_file_id is None else session.get(DockedFile, upload.docked_file_id)
    if file is not None:
        file.state, file.note = "quarantined", reason.words
    return row.id
