# ruff: noqa: RUF001 - signs that pages really show
"""Values that sample pages are made of: one exhibit in one case, its people, docks and links."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import segno

from portal import paths
from portal.views.account import SetUp
from portal.views.admin import (
    DockRow,
    PersonRow,
    Role,
)
from portal.views.case import CaseHit
from portal.views.clock import CourtClock
from portal.views.court import CourtWatch
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
from portal.views.footage import Clip, ClipState, DockingFootage
from portal.views.link import LinkPage, LinkSubject
from portal.views.page import Form, Section, Shell, SignedIn

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
    Clip(
        file_id="dfi_1",
        name="2026/11/22/AXON_Body_3_Video_2026-11-22_1410.mp4",
        size=421_300_221,
        state=ClipState.SAFE,
        recorded_at=after(-30000),
        duration_ms=1_800_040,
        href="/exhibits/exh_1",
        viewable=True,
        reference="21AB1234526",
        exhibit="JAS/1",
    ),
    Clip(
        file_id="dfi_2",
        name="clip-0002.mp4",
        size=20_400_000,
        state=ClipState.STORED,
        recorded_at=after(-20000),
        duration_ms=20_000,
        href="/recordings/rec_2",
        viewable=True,
    ),
    Clip(file_id="dfi_3", name="clip-0003.mp4", size=1_100_000_000, state=ClipState.UPLOADING, received=734_003_200),
    Clip(file_id="dfi_4", name="Überfall – 第4.mp4", size=88_000_000, state=ClipState.EXPECTED),
    Clip(
        file_id="dfi_5",
        name="clip-0005.mp4",
        size=5_000,
        state=ClipState.QUARANTINED,
        note="its bytes are not those that the dock announced. They are kept; dock the camera again.",
    ),
)

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
    ContinuityEvent(
        title="Camera docked",
        words="Camera X6039A1B2 was put into dock Charlie 2. The dock listed 5 files and signed the list.",
        at=AT,
        by="dock Charlie 2",
        entry=1201,
        proof=Proof.PUBLISHED,
        proof_url="/proofs/1201",
    ),
    ContinuityEvent(
        title="Received and stored",
        words=f"421,300,221 bytes arrived. They are what the dock signed: {DIGEST}.",
        at=after(9.9),
        by="this installation",
        entry=1203,
        proof=Proof.PUBLISHED,
        proof_url="/proofs/1203",
    ),
    ContinuityEvent(
        title="Exhibited as JAS/1",
        words="Jane Anne Smith produced it in case 21AB1234526.",
        at=after(300),
        by="Jane Anne Smith",
        entry=1210,
    ),
    ContinuityEvent(title="Docking noted", words="Noted by the dock’s own log.", at=after(301)),
)

RENDITIONS = (
    RenditionRow(name="Original", kind="master", state="ready", digest=DIGEST, size=421_300_221, made_at=after(9.9)),
    RenditionRow(
        name="Playback copy",
        kind="playback",
        state="ready",
        digest=OTHER,
        made_from=DIGEST,
        size=64_000_000,
        tool="ffmpeg 9.0.2, profile proxy-1",
        made_at=after(80),
        note="Same frames at the same times, less sharp.",
    ),
    RenditionRow(name="Copy without faces", kind="working copy", state="making"),
    RenditionRow(name="Stills", kind="playback", state="failed", note="The film could not be read behind minute 12."),
)

STAFF_PLAYER = Player(
    label="Exhibit JAS/1",
    begin=paths.exhibit_viewings("exh_1"),
    duration_ms=1_800_040,
    started_at=after(-30000),
    clock_note="Time of day: the camera’s clock, corrected by the offset that the dock measured (1.2 s ahead of UTC).",
)
COURT_PLAYER = replace(
    STAFF_PLAYER, begin=paths.court_viewings("lnk_1"), when=BeginWhen.LOAD, viewer="Recorder A. Okonkwo · lnk_1"
)

EXHIBIT = ExhibitPage(
    exhibit_id="exh_1",
    case=CaseRef(case_id="cas_1", reference="21AB1234526"),
    facts=FACTS,
    clock=CLOCK,
    player=STAFF_PLAYER,
    continuity=CONTINUITY,
    renditions=RENDITIONS,
    suggestion_state="ready",
    may_share=True,
    suggestions=(
        SuggestionSpan(kind="face", from_ms=0, to_ms=4_200, score=0.93),
        SuggestionSpan(kind="face", from_ms=9_000, to_ms=31_480),
    ),
    links=(
        LinkRow(
            link_id="lnk_1",
            recipient="Recorder A. Okonkwo",
            organisation="Northshire Crown Court",
            state="live",
            expires_at=after(1_000_000),
            openings=2,
        ),
        LinkRow(link_id="lnk_0", recipient="B. Dale", organisation="", state="revoked", expires_at=after(1_000_000)),
    ),
    download_url="/exhibits/exh_1/original",
)
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
    link_id="lnk_1",
    subject=SUBJECT,
    recipient="Recorder A. Okonkwo",
    organisation="Northshire Crown Court",
    purpose="First hearing on 3 December 2026",
    may_download=False,
    created_at=after(400),
    created_by="Jane Anne Smith",
    expires_at=after(1_000_000),
    state="live",
)

WATCH = CourtWatch(
    facts=FACTS,
    case_reference="21AB1234526",
    recipient="Recorder A. Okonkwo",
    organisation="Northshire Crown Court",
    purpose="First hearing on 3 December 2026",
    shared_by="Jane Anne Smith",
    expires_at=after(1_000_000),
    player=COURT_PLAYER,
    continuity=CONTINUITY,
    renditions=RENDITIONS[:2],
)

ROLES = (
    Role(value="officer", name="Officer", words="Sees own footage and cases, shares exhibits"),
    Role(value="administrator", name="Administrator", words="Enrols docks and adds people; does not watch footage"),
)
PEOPLE = (
    PersonRow(
        person_id="per_1",
        name="Jane Anne Smith",
        email="jane.anne.smith@northshire.example",
        role="Officer",
        collar="NS 4412",
        initials="JAS",
        state="active",
        created_at=AT,
    ),
    PersonRow(
        person_id="per_2",
        name="Łukasz Żuraw",
        email="lz@northshire.example",
        role="Officer",
        collar="",
        initials="LZ",
        state="invited",
        created_at=AT,
    ),
    PersonRow(
        person_id="per_3",
        name="Sam Admin",
        email="sam@northshire.example",
        role="Administrator",
        collar="",
        initials="SA",
        state="active",
        created_at=AT,
        myself=True,
    ),
)
DOCKS = (
    DockRow(
        dock_id="dok_1",
        name="Charlie 2",
        station="Northshire Central",
        fingerprint="9f86 d081 884c 7d65",
        enrolled_at=AT,
        seen_at=after(60),
    ),
    DockRow(
        dock_id="dok_2",
        name="Charlie 3",
        station="",
        fingerprint="6030 3ae2 2b99 8861",
        enrolled_at=AT,
        revoked_at=after(600),
    ),
)

QR = segno.make("otpauth://totp/Dockline:jane@northshire.example?secret=JBSWY3DPEHPK3PXP&issuer=Dockline")
SET_UP = SetUp(
    first=True,
    qr_svg=QR.svg_inline(border=2, omitsize=True),
    totp_secret="JBSW Y3DP EHPK 3PXP",
    account="Dockline: jane@northshire.example",
)
WRONG_LINK = Form(
    values={
        "recipient": "<b>Bobby</b>",
        "expires-day": "31",
        "expires-month": "2",
        "expires-year": "2026",
        "allowance": "view",
    },
    errors={"purpose": "Enter what the footage is needed for", "expires": "Enter a real date"},
)
