"""One sample of every page, in the states that matter: what templates are rendered, looked at and tested with."""

from dataclasses import replace

from portal.views.account import SecondStep, SessionRow, Sessions, SetUpOpen, SignedOut, SignIn
from portal.views.admin import (
    Docks,
    Enrolment,
    Invitation,
    People,
    Quarantine,
    QuarantineRow,
)
from portal.views.case import CasePage, CaseSearch, ExhibitRow
from portal.views.clock import CourtClock
from portal.views.court import Closed, CourtClosed, CourtCode, CourtOpen, Delivery
from portal.views.footage import MyFootage
from portal.views.link import NewLink, Opening, ReadOutCode
from portal.views.page import Form, Notice, Page, Shell
from portal.views.statements import PROBLEMS, Accessibility, Cookies
from tests.portal.sample_values import (
    ANYONE,
    AT,
    BARE_RECORDING,
    CASES,
    CLOCK,
    COURT,
    DIGEST,
    DOCKING,
    DOCKS,
    DONE,
    EXHIBIT,
    FACTS,
    LINK,
    OTHER,
    PEOPLE,
    ROLES,
    SET_UP,
    STAFF,
    SUBJECT,
    WATCH,
    WRONG_LINK,
    after,
)

SAMPLES: dict[str, tuple[Page, Shell]] = {
    "sign-in": (SignIn(next="/cases"), ANYONE),
    "sign-in-wrong": (
        SignIn(form=Form({"email": "jane@x.example"}, {"password": "Enter the password that belongs to this address"})),
        ANYONE,
    ),
    "second-step": (SecondStep(), ANYONE),
    "second-step-wrong": (SecondStep(form=Form({}, {"code": "Enter the 6 digits that the app shows now"})), ANYONE),
    "set-up-open": (SetUpOpen(), ANYONE),
    "set-up": (SET_UP, ANYONE),
    "set-up-wrong": (
        replace(SET_UP, first=False, form=Form({"name": "Jane"}, {"password": "Use at least 12 characters"})),
        ANYONE,
    ),
    "signed-out": (SignedOut(), ANYONE),
    "signed-out-court": (SignedOut(court=True), Shell(court=True)),
    "sessions": (
        Sessions(
            sessions=(
                SessionRow(session="s1", agent="Chrome on Windows", began_at=AT, seen_at=AT, this_one=True),
                SessionRow(session="s2", agent="Safari on iPhone", began_at=AT, seen_at=AT),
            )
        ),
        STAFF,
    ),
    "footage": (MyFootage(officer="NS 4412", dockings=(DOCKING,), more=True, unclaimed=(DONE,)), STAFF),
    "footage-wrong": (
        MyFootage(
            officer="NS 4412",
            dockings=(
                replace(
                    DOCKING,
                    form=Form({"reference": "??"}, {"reference": "Use letters and digits only, such as 21AB1234526"}),
                ),
            ),
        ),
        STAFF,
    ),
    "footage-none": (MyFootage(officer=""), STAFF),
    "cases": (CaseSearch(recent=CASES), STAFF),
    "cases-found": (
        CaseSearch(
            query="21ab 12", hits=CASES, warning="This does not look like a URN, so references were searched too."
        ),
        STAFF,
    ),
    "cases-none": (CaseSearch(query="99ZZ", hits=()), STAFF),
    "case": (
        CasePage(
            case_id="cas_1",
            reference="ns-88412",
            urn="21AB1234526",
            opened_at=AT,
            opened_by="Jane Anne Smith",
            title="R v Marlowe",
            exhibits=(
                ExhibitRow(
                    exhibit_id="exh_1",
                    reference="JAS/1",
                    name=FACTS.name,
                    producer="Jane Anne Smith",
                    clock=CLOCK,
                    recorded_at=after(-30000),
                    duration_ms=1_800_040,
                    links=2,
                ),
                ExhibitRow(
                    exhibit_id="exh_2",
                    reference="JAS/2",
                    name="clip-0002.mp4",
                    producer="Jane Anne Smith",
                    clock=CourtClock(docked=AT, received=after(4)),
                    shows="Front door of 14 Mill Lane, arrival of the ambulance",
                    problem="Cut off after 12 s; everything up to there plays.",
                ),
            ),
        ),
        STAFF,
    ),
    "case-empty": (
        CasePage(
            case_id="cas_2",
            reference="NS/2026/88412",
            urn=None,
            opened_at=AT,
            opened_by="Jane Anne Smith",
            exhibits=(),
            warning="This reference does not have the shape of a URN.",
        ),
        STAFF,
    ),
    "exhibit": (
        EXHIBIT,
        replace(
            STAFF,
            notice=Notice(title="Reference saved", text="This recording is now exhibit JAS/1 in case 21AB1234526."),
        ),
    ),
    "exhibit-bare": (BARE_RECORDING, STAFF),
    "link-new": (
        NewLink(
            subject=SUBJECT,
            form=Form({"expires-day": "10", "expires-month": "12", "expires-year": "2026", "allowance": "view"}),
        ),
        STAFF,
    ),
    "link-new-wrong": (NewLink(subject=SUBJECT, form=WRONG_LINK), STAFF),
    "link-made": (
        replace(
            LINK,
            address="https://dockline.northshire.example/open#lnk_019ab3f4c2d7.Yk3vXwq0P2mS8tZr5uA1bC6dE9fG0hI4jK7lM2nO5pQ",
            code=ReadOutCode(code="483 920", valid_until=after(1000)),
        ),
        STAFF,
    ),
    "link": (
        replace(
            LINK,
            openings=2,
            max_openings=5,
            last_opened_at=after(5000),
            history=(
                Opening(at=after(5000), what="Watched the original"),
                Opening(at=after(4990), what="Opened with a right code"),
            ),
        ),
        STAFF,
    ),
    "link-revoked": (replace(LINK, state="revoked", revoked_at=after(6000)), STAFF),
    "court-open": (CourtOpen(), Shell(court=True)),
    "court-open-wrong": (
        CourtOpen(form=Form({}, {"link": "Paste the whole link, also what stands after #"})),
        Shell(court=True),
    ),
    "court-code": (CourtCode(recipient="Recorder A. Okonkwo", owner="Jane Anne Smith"), Shell(court=True)),
    "court-code-wrong": (
        CourtCode(
            recipient="Recorder A. Okonkwo",
            owner="Jane Anne Smith",
            delivery=Delivery.EMAIL,
            sent_to="a••••@court.example",
            sent_at=AT,
            form=Form({}, {"code": "That is not the code. You have 3 tries left."}),
        ),
        Shell(court=True),
    ),
    "court-code-send": (
        CourtCode(
            recipient="Recorder A. Okonkwo",
            owner="Jane Anne Smith",
            delivery=Delivery.EMAIL,
            sent_to="a••••@court.example",
        ),
        Shell(court=True),
    ),
    "court-watch": (WATCH, COURT),
    "court-watch-download": (
        replace(
            WATCH,
            download_url="/court/lnk_1/original",
            player=None,
            problem="This film cannot be played yet; a copy is being made.",
        ),
        COURT,
    ),
    **{
        f"court-closed-{why.name.lower()}": (
            CourtClosed(why=why, owner="Jane Anne Smith" if why is Closed.EXPIRED else ""),
            Shell(court=True),
        )
        for why in Closed
    },
    "docks": (
        Docks(
            docks=DOCKS,
            enrolment=Enrolment(
                code="H7KM-2PXW-9TQD",
                dock_name="Charlie 4",
                command="dockline dock --enrol H7KM-2PXW-9TQD --server https://dockline.northshire.example",
                expires_at=after(3600),
            ),
        ),
        STAFF,
    ),
    "docks-none": (Docks(docks=(), form=Form({}, {"name": "Enter a name for the dock"})), STAFF),
    "people": (
        People(
            people=PEOPLE,
            roles=ROLES,
            invitation=Invitation(
                name="Łukasz Żuraw",
                address="https://dockline.northshire.example/set-up#Yk3vXwq0P2mS8tZr5uA1bC6dE9fG0hI4jK7lM2nO5pQ",
                expires_at=after(86400),
            ),
        ),
        STAFF,
    ),
    "people-wrong": (
        People(
            people=PEOPLE,
            roles=ROLES,
            form=Form({"name": "J"}, {"email": "Enter an email address", "role": "Choose a role"}),
        ),
        STAFF,
    ),
    "quarantine": (
        Quarantine(
            rows=(
                QuarantineRow(
                    name="../../etc/clip.mp4",
                    dock="Charlie 2",
                    size=5000,
                    words="Its bytes are not those that the dock announced.",
                    expected=DIGEST,
                    found=OTHER,
                    at=AT,
                ),
            )
        ),
        STAFF,
    ),
    "quarantine-none": (Quarantine(rows=()), STAFF),
    **{
        f"problem-{status}": (
            replace(problem, reference="req_019ab3f4c2d7" if status >= 500 else ""),
            STAFF if status != 401 else ANYONE,
        )
        for status, problem in PROBLEMS.items()
    },
    "cookies": (Cookies(), ANYONE),
    "accessibility": (Accessibility(), ANYONE),
}
"""A name for each sample, the page, and the frame around it."""
