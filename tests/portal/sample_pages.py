"""One sample of every page, in the states that matter: what templates are rendered, looked at and tested with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import segno

from portal import paths
from portal.views.account import SecondStep, Sessions, SessionRow, SetUp, SetUpOpen, SignedOut, SignIn
from portal.views.admin import (
    DockRow,
    Docks,
    Enrolment,
    Invitation,
    People,
    PersonRow,
    Quarantine,
    QuarantineRow,
    Role,
)
from portal.views.case import CaseHit, CasePage, CaseSearch, ExhibitRow
from portal.views.clock import CourtClock
from portal.views.court import Closed, CourtClosed, CourtCode, CourtOpen, CourtWatch, Delivery
from portal.views.exhibit import (
    BeginWhen,
    CaseRef,
    ContinuityEvent,
    ExhibitPage,
    Facts,
    LinkRow,
    Player,
    Proof,
    RenditionRow,
    SuggestionSpan,
)
from portal.views.footage import Clip, ClipState, DockingFootage, MyFootage
from portal.views.link import LinkPage, LinkSubject, NewLink, Opening, ReadOutCode
from portal.views.page import Form, Notice, Page, Section, Shell, SignedIn
from portal.views.statements import PROBLEMS, Accessibility, Cookies

AT = datetime(2026, 11, 22, 22, 10, 5, tzinfo=UTC)
DIGEST = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
OTHER = "sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"

STAFF = Shell(
    form_token="f" * 43,
    signed_in=SignedIn(name="Jane Anne Smith", role="Officer"),
    sections=tuple(Section),
)
ANYONE = Shell()
COURT = Shell(
    form_token="f" * 43, signed_in=SignedIn(name="Recorder A. Okonkwo-Featherstonehaugh", role=""), court=True
)

CLOCK = CourtClock(
    docked=AT,
    received=AT + timedelta(seconds=9.4),
    stored=AT + timedelta(seconds=9.9),
    viewable=AT + timedelta(seconds=11.2),
    disclosed=AT + timedelta(hours=3, minutes=12),
)


def after(seconds: float) -> datetime:
    """A time that many seconds after docking."""
    return AT + timedelta(seconds=seconds)


CLIPS = (
    Clip(file_id="dfi_1", name="2026/11/22/AXON_Body_3_Video_2026-11-22_1410.mp4", size=421_300_221, state=ClipState.SAFE,
         recorded_at=after(-30000), duration_ms=1_800_040, href="/exhibits/exh_1", viewable=True, reference="21AB1234526",
         exhibit="JAS/1"),
    Clip(file_id="dfi_2", name="clip-0002.mp4", size=20_400_000, state=ClipState.STORED, recorded_at=after(-20000),
         duration_ms=20_000, href="/recordings/rec_2", viewable=True),
    Clip(file_id="dfi_3", name="clip-0003.mp4", size=1_100_000_000, state=ClipState.UPLOADING, received=734_003_200),
    Clip(file_id="dfi_4", name="Überfall – 第4.mp4", size=88_000_000, state=ClipState.EXPECTED),
    Clip(file_id="dfi_5", name="clip-0005.mp4", size=5_000, state=ClipState.QUARANTINED,
         note="its bytes are not those that the dock announced. They are kept; dock the camera again."),
)  # fmt: skip

DOCKING = DockingFootage(
    docking_id="dkg_1", dock="Charlie 2", station="Northshire Central", camera="X6039A1B2", docked_at=AT, clips=CLIPS
)
DONE = DockingFootage(
    docking_id="dkg_0", dock="Charlie 2", station="", camera="X6039A1B2", docked_at=after(-90000), clips=(CLIPS[0],)
)

CASES = (
    CaseHit(case_id="cas_1", reference="21AB1234526", urn="21AB1234526", exhibits=3, opened_at=AT, title="R v Marlowe"),
    CaseHit(case_id="cas_2", reference="NS/2026/88412", urn=None, exhibits=1, opened_at=AT),
)

FACTS = Facts(
    name="2026/11/22/AXON_Body_3_Video_2026-11-22_1410.mp4",
    digest=DIGEST,
    size=421_300_221,
    camera="X6039A1B2",
    dock="Charlie 2, Northshire Central",
    producer="Jane Anne Smith",
    reference="JAS/1",
    recorded_at=after(-30000),
    clock_offset_ms=1_240,
    duration_ms=1_800_040,
    picture="1280 × 720, H.264, variable frame rate",
    sound="AAC, 1 channel",
)

CONTINUITY = (
    ContinuityEvent(title="Camera docked", words="Camera X6039A1B2 was put into dock Charlie 2. The dock listed 5 files and signed the list.",
                    at=AT, by="dock Charlie 2", entry=1201, proof=Proof.PUBLISHED, proof_url="/proofs/1201"),
    ContinuityEvent(title="Received and stored", words="421,300,221 bytes arrived. Their SHA-256 is the one that the dock had signed. The original was stored write-once.",
                    at=after(9.9), by="this installation", entry=1203, proof=Proof.PUBLISHED, proof_url="/proofs/1203"),
    ContinuityEvent(title="Exhibited as JAS/1", words="Jane Anne Smith produced it in case 21AB1234526.",
                    at=after(300), by="Jane Anne Smith", entry=1210),
    ContinuityEvent(title="Docking noted", words="Noted by the dock’s own log.", at=after(301)),
)  # fmt: skip

RENDITIONS = (
    RenditionRow(name="Original", kind="master", state="ready", digest=DIGEST, size=421_300_221, made_at=after(9.9)),
    RenditionRow(name="Playback copy", kind="playback", state="ready", digest=OTHER, made_from=DIGEST, size=64_000_000,
                 tool="ffmpeg 9.0.2, profile proxy-1", made_at=after(80), note="Same frames at the same times, less sharp."),
    RenditionRow(name="Copy without faces", kind="working copy", state="making"),
    RenditionRow(name="Stills", kind="playback", state="failed", note="The film could not be read behind minute 12."),
)  # fmt: skip

STAFF_PLAYER = Player(
    label="Exhibit JAS/1", begin=paths.exhibit_viewings("exh_1"), duration_ms=1_800_040, started_at=after(-30000),
    clock_note="Time of day: the camera’s clock, corrected by the offset that the dock measured (1.2 s ahead of UTC).",
)  # fmt: skip
COURT_PLAYER = replace(
    STAFF_PLAYER, begin=paths.court_viewings("lnk_1"), when=BeginWhen.LOAD, viewer="Recorder A. Okonkwo · lnk_1"
)

EXHIBIT = ExhibitPage(
    exhibit_id="exh_1", case=CaseRef(case_id="cas_1", reference="21AB1234526"), facts=FACTS, clock=CLOCK, player=STAFF_PLAYER,
    continuity=CONTINUITY, renditions=RENDITIONS, suggestion_state="ready", may_share=True,
    suggestions=(SuggestionSpan(kind="face", from_ms=0, to_ms=4_200, score=0.93), SuggestionSpan(kind="face", from_ms=9_000, to_ms=31_480)),
    links=(LinkRow(link_id="lnk_1", recipient="Recorder A. Okonkwo", organisation="Northshire Crown Court", state="live", expires_at=after(1_000_000), openings=2),
           LinkRow(link_id="lnk_0", recipient="B. Dale", organisation="", state="revoked", expires_at=after(1_000_000))),
    download_url="/exhibits/exh_1/original",
)  # fmt: skip
BARE_RECORDING = ExhibitPage(
    facts=Facts(name="clip-0005.mp4", digest=DIGEST, size=0, camera="", dock="Charlie 2", producer="Jane Anne Smith"),
    clock=CourtClock(docked=AT, received=after(2), stored=after(2.1)),
    problem="This file is empty: the camera wrote nothing into it. It is kept as it came.",
    renditions=RENDITIONS[:1],
    suggestion_state="failed",
)

SUBJECT = LinkSubject(
    exhibit_id="exh_1", reference="JAS/1", case_id="cas_1", case_reference="21AB1234526", name=FACTS.name
)
LINK = LinkPage(
    link_id="lnk_1", subject=SUBJECT, recipient="Recorder A. Okonkwo", organisation="Northshire Crown Court",
    purpose="First hearing on 3 December 2026", may_download=False, created_at=after(400), created_by="Jane Anne Smith",
    expires_at=after(1_000_000), state="live",
)  # fmt: skip

WATCH = CourtWatch(
    facts=FACTS, case_reference="21AB1234526", recipient="Recorder A. Okonkwo", organisation="Northshire Crown Court",
    purpose="First hearing on 3 December 2026", shared_by="Jane Anne Smith", expires_at=after(1_000_000), player=COURT_PLAYER,
    continuity=CONTINUITY, renditions=RENDITIONS[:2],
)  # fmt: skip

ROLES = (
    Role(value="officer", name="Officer", words="Sees own footage and cases, shares exhibits"),
    Role(value="administrator", name="Administrator", words="Enrols docks and adds people; does not watch footage"),
)
PEOPLE = (
    PersonRow(person_id="per_1", name="Jane Anne Smith", email="jane.anne.smith@northshire.example", role="Officer", collar="NS 4412", initials="JAS", state="active", created_at=AT),
    PersonRow(person_id="per_2", name="Łukasz Żuraw", email="lz@northshire.example", role="Officer", collar="", initials="LZ", state="invited", created_at=AT),
    PersonRow(person_id="per_3", name="Sam Admin", email="sam@northshire.example", role="Administrator", collar="", initials="SA", state="active", created_at=AT, myself=True),
)  # fmt: skip
DOCKS = (
    DockRow(dock_id="dok_1", name="Charlie 2", station="Northshire Central", fingerprint="9f86 d081 884c 7d65", enrolled_at=AT, seen_at=after(60)),
    DockRow(dock_id="dok_2", name="Charlie 3", station="", fingerprint="6030 3ae2 2b99 8861", enrolled_at=AT, revoked_at=after(600)),
)  # fmt: skip

QR = segno.make("otpauth://totp/Dockline:jane@northshire.example?secret=JBSWY3DPEHPK3PXP&issuer=Dockline")
SET_UP = SetUp(
    first=True, qr_svg=QR.svg_inline(border=2, omitsize=True), totp_secret="JBSW Y3DP EHPK 3PXP", account="Dockline: jane@northshire.example"
)  # fmt: skip
WRONG_LINK = Form(
    values={"recipient": "<b>Bobby</b>", "expires-day": "31", "expires-month": "2", "expires-year": "2026", "allowance": "view"},
    errors={"purpose": "Enter what the footage is needed for", "expires": "Enter a real date"},
)  # fmt: skip

SAMPLES: dict[str, tuple[Page, Shell]] = {
    "sign-in": (SignIn(next="/cases"), ANYONE),
    "sign-in-wrong": (SignIn(form=Form({"email": "jane@x.example"}, {"password": "Enter the password that belongs to this address"})), ANYONE),
    "second-step": (SecondStep(), ANYONE),
    "second-step-wrong": (SecondStep(form=Form({}, {"code": "Enter the 6 digits that the app shows now"})), ANYONE),
    "set-up-open": (SetUpOpen(), ANYONE),
    "set-up": (SET_UP, ANYONE),
    "set-up-wrong": (replace(SET_UP, first=False, form=Form({"name": "Jane"}, {"password": "Use at least 12 characters"})), ANYONE),
    "signed-out": (SignedOut(), ANYONE),
    "signed-out-court": (SignedOut(court=True), Shell(court=True)),
    "sessions": (Sessions(sessions=(SessionRow(session="s1", agent="Chrome on Windows", began_at=AT, seen_at=AT, this_one=True), SessionRow(session="s2", agent="Safari on iPhone", began_at=AT, seen_at=AT))), STAFF),
    "footage": (MyFootage(officer="NS 4412", dockings=(DOCKING, DONE), more=True), STAFF),
    "footage-wrong": (MyFootage(officer="NS 4412", dockings=(replace(DOCKING, form=Form({"reference": "??"}, {"reference": "Use letters and digits only, such as 21AB1234526"})),)), STAFF),
    "footage-none": (MyFootage(officer=""), STAFF),
    "cases": (CaseSearch(recent=CASES), STAFF),
    "cases-found": (CaseSearch(query="21ab 12", hits=CASES, warning="This does not look like a URN, so references were searched too."), STAFF),
    "cases-none": (CaseSearch(query="99ZZ", hits=()), STAFF),
    "case": (CasePage(case_id="cas_1", reference="ns-88412", urn="21AB1234526", opened_at=AT, opened_by="Jane Anne Smith", title="R v Marlowe", exhibits=(
        ExhibitRow(exhibit_id="exh_1", reference="JAS/1", name=FACTS.name, producer="Jane Anne Smith", clock=CLOCK, recorded_at=after(-30000), duration_ms=1_800_040, links=2),
        ExhibitRow(exhibit_id="exh_2", reference="JAS/2", name="clip-0002.mp4", producer="Jane Anne Smith", clock=CourtClock(docked=AT, received=after(4)), shows="Front door of 14 Mill Lane, arrival of the ambulance", problem="Cut off after 12 s; everything up to there plays."))), STAFF),
    "case-empty": (CasePage(case_id="cas_2", reference="NS/2026/88412", urn=None, opened_at=AT, opened_by="Jane Anne Smith", exhibits=(), warning="This reference does not have the shape of a URN."), STAFF),
    "exhibit": (EXHIBIT, replace(STAFF, notice=Notice(title="Reference saved", text="This recording is now exhibit JAS/1 in case 21AB1234526."))),
    "exhibit-bare": (BARE_RECORDING, STAFF),
    "link-new": (NewLink(subject=SUBJECT, form=Form({"expires-day": "10", "expires-month": "12", "expires-year": "2026", "allowance": "view"})), STAFF),
    "link-new-wrong": (NewLink(subject=SUBJECT, form=WRONG_LINK), STAFF),
    "link-made": (replace(LINK, address="https://dockline.northshire.example/open#lnk_019ab3f4c2d7.Yk3vXwq0P2mS8tZr5uA1bC6dE9fG0hI4jK7lM2nO5pQ", code=ReadOutCode(code="483 920", valid_until=after(1000))), STAFF),
    "link": (replace(LINK, openings=2, max_openings=5, last_opened_at=after(5000), history=(Opening(at=after(5000), what="Watched the original"), Opening(at=after(4990), what="Opened with a right code"))), STAFF),
    "link-revoked": (replace(LINK, state="revoked", revoked_at=after(6000)), STAFF),
    "court-open": (CourtOpen(), Shell(court=True)),
    "court-open-wrong": (CourtOpen(form=Form({}, {"link": "Paste the whole link, also what stands after #"})), Shell(court=True)),
    "court-code": (CourtCode(recipient="Recorder A. Okonkwo", owner="Jane Anne Smith"), Shell(court=True)),
    "court-code-wrong": (CourtCode(recipient="Recorder A. Okonkwo", owner="Jane Anne Smith", delivery=Delivery.EMAIL, sent_to="a••••@court.example", sent_at=AT, form=Form({}, {"code": "That is not the code. You have 3 tries left."})), Shell(court=True)),
    "court-code-send": (CourtCode(recipient="Recorder A. Okonkwo", owner="Jane Anne Smith", delivery=Delivery.EMAIL, sent_to="a••••@court.example"), Shell(court=True)),
    "court-watch": (WATCH, COURT),
    "court-watch-download": (replace(WATCH, download_url="/court/lnk_1/original", player=None, problem="This film cannot be played yet; a copy is being made."), COURT),
    **{f"court-closed-{why.name.lower()}": (CourtClosed(why=why, owner="Jane Anne Smith" if why is Closed.EXPIRED else ""), Shell(court=True)) for why in Closed},
    "docks": (Docks(docks=DOCKS, enrolment=Enrolment(code="H7KM-2PXW-9TQD", dock_name="Charlie 4", command="dockline dock --enrol H7KM-2PXW-9TQD --server https://dockline.northshire.example --watch /media/camera", expires_at=after(3600))), STAFF),
    "docks-none": (Docks(docks=(), form=Form({}, {"name": "Enter a name for the dock"})), STAFF),
    "people": (People(people=PEOPLE, roles=ROLES, invitation=Invitation(name="Łukasz Żuraw", address="https://dockline.northshire.example/set-up#Yk3vXwq0P2mS8tZr5uA1bC6dE9fG0hI4jK7lM2nO5pQ", expires_at=after(86400))), STAFF),
    "people-wrong": (People(people=PEOPLE, roles=ROLES, form=Form({"name": "J"}, {"email": "Enter an email address", "role": "Choose a role"})), STAFF),
    "quarantine": (Quarantine(rows=(QuarantineRow(name="../../etc/clip.mp4", dock="Charlie 2", size=5000, words="Its bytes are not those that the dock announced.", expected=DIGEST, found=OTHER, at=AT),)), STAFF),
    "quarantine-none": (Quarantine(rows=()), STAFF),
    **{f"problem-{status}": (replace(problem, reference="req_019ab3f4c2d7" if status >= 500 else ""), STAFF if status != 401 else ANYONE) for status, problem in PROBLEMS.items()},
    "cookies": (Cookies(), ANYONE),
    "accessibility": (Accessibility(), ANYONE),
}  # fmt: skip
"""A name for each sample, the page, and the frame around it."""
