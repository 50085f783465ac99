"""All tables, without behaviour. Importing this package registers every one of them with :class:`Base`'s metadata."""

from evidence.models.access import Link, LinkCode, LinkSession, Viewing
from evidence.models.base import Base, UtcTime
from evidence.models.cases import Case, Exhibit
from evidence.models.docks import Dock, DockedFile, Docking, DockToken, EnrolmentCode
from evidence.models.ledger import LedgerCheckpoint, LedgerEntry, LedgerTree, PersonalValue, SubjectHead
from evidence.models.people import Agency, Attempts, Person, SetupLink, WebSession
from evidence.models.recordings import Quarantined, Recording, Upload
from evidence.models.renditions import RedactionPlan, Rendition
from evidence.models.work import Job, Lease

__all__ = [
    "Agency",
    "Attempts",
    "Base",
    "Case",
    "Dock",
    "DockToken",
    "DockedFile",
    "Docking",
    "EnrolmentCode",
    "Exhibit",
    "Job",
    "Lease",
    "LedgerCheckpoint",
    "LedgerEntry",
    "LedgerTree",
    "Link",
    "LinkCode",
    "LinkSession",
    "Person",
    "PersonalValue",
    "Quarantined",
    "Recording",
    "RedactionPlan",
    "Rendition",
    "SetupLink",
    "SubjectHead",
    "Upload",
    "UtcTime",
    "Viewing",
    "WebSession",
]
