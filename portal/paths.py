"""Every address of the portal, written once: templates link to them and routes serve them.

No address carries a secret. A secret stands after ``#``, where browsers keep it to themselves, and reaches the
server in the body of a form. Identifiers are those of :func:`evidence.identifiers.new_id`.
"""

HOME = "/"
SIGN_IN = "/sign-in"  # GET, POST: e-mail address and password
SIGN_IN_CODE = "/sign-in/code"  # GET, POST: the second step
SIGN_OUT = "/sign-out"  # POST
SIGNED_OUT = "/signed-out"
SET_UP = "/set-up"  # GET: takes the secret from the fragment; POST: hands it in
SET_UP_DETAILS = "/set-up/details"  # GET, POST
FOOTAGE = "/footage"
CASES = "/cases"  # GET with ?q=
DOCKS = "/docks"
DOCK_CODES = "/docks/codes"  # POST
PEOPLE = "/people"  # GET, POST
QUARANTINE = "/quarantine"
SESSIONS = "/sessions"  # GET; POST ends the one named by ``session``
OPEN = "/open"  # GET: takes the secret from the fragment; POST: hands it in
OPEN_SEND = "/open/send"  # POST: send a security code
OPEN_CODE = "/open/code"  # GET, POST: type the security code
LEAVE = "/leave"  # POST: the court has finished
COOKIES = "/cookies"
ACCESSIBILITY = "/accessibility"
STATIC = "/static/dist"


def case(case_id: str) -> str:
    """The page of a case."""
    return f"{CASES}/{case_id}"


def exhibit(exhibit_id: str) -> str:
    """The page of an exhibit."""
    return f"/exhibits/{exhibit_id}"


def recording(recording_id: str) -> str:
    """The same page for a recording that is in no case yet."""
    return f"/recordings/{recording_id}"


def docking_reference(docking_id: str) -> str:
    """POST: the reference for clips of one docking (fields ``reference``, and ``files`` many times)."""
    return f"{FOOTAGE}/{docking_id}/reference"


def docking_claim(docking_id: str) -> str:
    """POST: an officer says that a docking nobody is known for is theirs."""
    return f"{FOOTAGE}/{docking_id}/claim"


def exhibit_viewings(exhibit_id: str) -> str:
    """POST: begin a viewing of an exhibit."""
    return f"/exhibits/{exhibit_id}/viewings"


def recording_viewings(recording_id: str) -> str:
    """POST: begin a viewing of a recording that is in no case yet."""
    return f"/recordings/{recording_id}/viewings"


def court(link_id: str) -> str:
    """What a secure link shows once its security code was right."""
    return f"/court/{link_id}"


def court_viewings(link_id: str) -> str:
    """POST: begin a viewing by a secure link."""
    return f"/court/{link_id}/viewings"


def new_link(exhibit_id: str) -> str:
    """GET, POST: the form that makes a secure link."""
    return f"/exhibits/{exhibit_id}/links"


def link(link_id: str) -> str:
    """The owner's page of a secure link."""
    return f"/links/{link_id}"


def link_code(link_id: str) -> str:
    """POST: make a security code to read out."""
    return f"/links/{link_id}/code"


def link_revoke(link_id: str) -> str:
    """POST: end a secure link."""
    return f"/links/{link_id}/revoke"


def dock_revoke(dock_id: str) -> str:
    """POST: take a dock's key out of use."""
    return f"{DOCKS}/{dock_id}/revoke"


def person_invite(person_id: str) -> str:
    """POST: a fresh one-time link for somebody who has not joined yet, or has lost the second factor."""
    return f"{PEOPLE}/{person_id}/invite"


def person_remove(person_id: str) -> str:
    """POST: close an account."""
    return f"{PEOPLE}/{person_id}/remove"


def exhibit_original(exhibit_id: str) -> str:
    """GET: begin a download of the original; leads to :func:`download`."""
    return f"/exhibits/{exhibit_id}/original"


def recording_original(recording_id: str) -> str:
    """The same for a recording that is in no case yet."""
    return f"/recordings/{recording_id}/original"


def court_original(link_id: str) -> str:
    """The same by a secure link that allows it."""
    return f"/court/{link_id}/original"


def exhibit_proof(exhibit_id: str, entry: int | str) -> str:
    """GET: the inclusion proof of one entry of an exhibit's continuity."""
    return f"/exhibits/{exhibit_id}/proofs/{entry}"


def recording_proof(recording_id: str, entry: int | str) -> str:
    """The same for a recording that is in no case yet."""
    return f"/recordings/{recording_id}/proofs/{entry}"


def court_proof(link_id: str, entry: int | str) -> str:
    """The same by a secure link."""
    return f"/court/{link_id}/proofs/{entry}"


def exhibit_shows(exhibit_id: str) -> str:
    """POST: what an exhibit shows, in its officer's words (field ``shows``)."""
    return f"/exhibits/{exhibit_id}/shows"


def play(viewing_id: str, name: str) -> str:
    """GET: playlist, segments, tables and pictures of one viewing."""
    return f"/play/{viewing_id}/{name}"


def download(viewing_id: str) -> str:
    """GET: the bytes of the original, by ranges, for a download whose entry is durable."""
    return f"/downloads/{viewing_id}"
