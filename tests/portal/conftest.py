"""A portal with people, docks and footage in it, and browsers to visit it with."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from fastapi import FastAPI

from custody.entry import Act, ActKind
from custody.ledger import machine, prepare_log, record
from custody.sequencer import Sequencer
from evidence.clock import utc_text
from evidence.digest import Digest
from evidence.errors import NotFound
from evidence.ground import Ground
from evidence.identifiers import new_id
from evidence.models import Dock, DockedFile, Docking, LedgerEntry, Person, Recording, Rendition
from portal import references, second_factor, sessions
from portal.app import create_app
from portal.passwords import hash_password
from portal.people import Newcomer, actor_of, add_person, home_agency
from portal.rendering import Renderer
from tests.portal.visitor import AGENT, Visitor
from transcode.packager import Packaged, RangeSource
from transcode.profiles import PROXY

PASSWORD = "violet lantern harbour"
PASSWORD_HASH = hash_password(PASSWORD)
Browser = Callable[..., Visitor]
CLIP = b"\0\0\0\x20ftypisom" + b"a clip, as the camera wrote it, " * 400


class Reel:
    """A recording as HLS whose pieces say what they are."""

    def __init__(self, kind: str, source: RangeSource) -> None:
        self.kind, self.source, self.segments = kind, source, 3

    def master_playlist(self) -> str:
        return "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nmedia.m3u8\n"

    def playlist(self) -> str:
        names = "".join(f"#EXTINF:4,\n{number}.m4s\n" for number in range(self.segments))
        return f'#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n{names}#EXT-X-ENDLIST\n'

    def init(self) -> bytes:
        return f"{self.kind} init".encode()

    def segment(self, number: int) -> bytes:
        if number >= self.segments:
            raise NotFound("no such segment")
        return f"{self.kind} segment {number} of {self.source.size} bytes".encode()

    def frame_table(self) -> bytes:
        return b'{"version":1}'


class ReelMaker:
    """Stands in for the packager: no decoder, no child process."""

    def original(self, key: str, source: RangeSource) -> Packaged:
        return Reel("original", source)

    def proxy(self, key: str, source: RangeSource, table: bytes) -> Packaged:
        return Reel("proxy", source)


@dataclass(frozen=True)
class Somebody:
    """A person with an account whose password and authenticator the test knows."""

    id: str
    email: str
    totp_secret: str


@dataclass
class Station:
    """A ground with footage on it, and the few things that other rooms would do to it."""

    ground: Ground
    dock: str
    people: dict[str, Somebody] = field(default_factory=dict)

    def person(self, name: str, role: str, collar: str = "") -> Somebody:
        if name not in self.people:
            secret = second_factor.new_secret()
            email = f"{re.sub(r'[^a-z]', '', name.rsplit(maxsplit=1)[-1].lower()) or collar}@force.example"
            with self.ground.database.write() as session:
                by = machine(self.ground, "portal", "test")
                person = add_person(session, self.ground, Newcomer.of(name, email, role, collar), by)
                person.password_hash = PASSWORD_HASH
                person.totp_sealed = second_factor.seal(self.ground.sealer, person.id, secret)
                self.people[name] = Somebody(person.id, email, secret)
        return self.people[name]

    def docking(self, collar: str, files: dict[str, str], camera: str = "X6039B1") -> str:
        """A camera in the dock; ``files`` are names and states."""
        now = self.ground.clock.now()
        docking = new_id("dkg")
        with self.ground.database.write() as session:
            session.add(
                Docking(
                    id=docking,
                    dock_id=self.dock,
                    camera_serial=camera,
                    officer_collar=collar,
                    docked_at=now,
                    announced_at=now,
                )
            )
            session.flush()
            for name, state in files.items():
                session.add(
                    DockedFile(
                        id=new_id("dfi"),
                        docking_id=docking,
                        name=name,
                        size=len(CLIP),
                        kind="clip",
                        state=state,
                        modified_at=now,
                    )
                )
        for name, state in files.items():
            if state == "stored":
                self.store(docking, name)
        return docking

    def store(self, docking: str, name: str, data: bytes | None = None) -> str:
        """The file has arrived whole: object, row and entry, as receiving does it."""
        data = CLIP + name.encode() + docking.encode() if data is None else data
        recording, now = new_id("rec"), self.ground.clock.now()
        digest = Digest.of(data)
        self.ground.objects.put_once(f"received/{recording}", data)
        with self.ground.database.write() as session:
            there = session.get_one(Docking, docking)
            dock = session.get_one(Dock, there.dock_id)
            file = session.query(DockedFile).filter_by(docking_id=docking, name=name).one()
            file.state, file.recording_id = "stored", recording
            session.add(
                Recording(
                    id=recording,
                    identity=digest.hex,
                    kind="clip",
                    name=name,
                    digest=str(digest),
                    crc32=0,
                    size=len(data),
                    object_key=f"received/{recording}",
                    agency_id=dock.agency_id,
                    dock_id=dock.id,
                    docking_id=docking,
                    camera_serial=there.camera_serial,
                    officer_collar=there.officer_collar,
                    docked_at=there.docked_at,
                    camera_time=now - timedelta(hours=3),
                    clock_offset_ms=1200,
                    duration_ms=20_000,
                    received_at=now,
                    stored_at=now,
                    viewable_at=now,
                    health="whole",
                    probe={"playable": True, "picture": {"codec": "h264", "shown_width": 1280, "shown_height": 720}},
                )
            )
            on = {"recording": recording, "digest": str(digest)}
            who = machine(self.ground, "receiver", "ingest")
            record(session, Act(what=ActKind.STORED, at=utc_text(now), who=who, on=on), self.ground.clock)
        return recording

    def proxy(self, recording: str) -> None:
        """The playback copy is made."""
        folder = f"renditions/{recording}/{PROXY.name}"
        self.ground.objects.put_once(f"{folder}/proxy.mp4", b"the playback copy")
        self.ground.objects.put_once(f"{folder}/proxy.json", b"{}")
        with self.ground.database.write() as session:
            session.add(
                Rendition(
                    id=new_id("ren"),
                    recording_id=recording,
                    profile=PROXY.name,
                    state="ready",
                    object_key=f"{folder}/proxy.mp4",
                    digest=str(Digest.of(b"the playback copy")),
                    size=17,
                    detail={
                        "parts": {
                            "proxy.json": {"key": f"{folder}/proxy.json", "digest": str(Digest.of(b"{}")), "size": 2}
                        }
                    },
                    made_at=self.ground.clock.now(),
                )
            )

    def publish(self) -> None:
        """The sequencer's turn."""
        prepare_log(self.ground)
        Sequencer(self.ground).run_once()

    def refer(self, who: Somebody, reference: str, *recordings: str) -> list[str]:
        """Enter a reference; the identifiers of the exhibits."""
        with self.ground.database.write() as session:
            actor = actor_of(session.get_one(Person, who.id))
            entered = references.enter(session, self.ground.clock, actor, reference, recordings)
            return [exhibit.id for exhibit in entered.exhibits]

    def exhibit(self, reference: str = "21AB1234525") -> str:
        """One exhibit of Jane Anne Smith's."""
        officer = self.person("Jane Anne Smith", "officer", "4417")
        docking = self.docking("4417", {"clip-1.mp4": "expected"})
        return self.refer(officer, reference, self.store(docking, "clip-1.mp4"))[0]

    def acts(self, kind: ActKind) -> list[Act]:
        """What the ledger tells of a kind, oldest first."""
        with self.ground.database.read() as session:
            rows = session.query(LedgerEntry).filter_by(kind=kind.value).order_by(LedgerEntry.id).all()
        return [Act.parse(row.act) for row in rows]

    def recording_of(self, exhibit: str) -> Recording:
        from evidence.models import Exhibit

        with self.ground.database.read() as session:
            return session.get_one(Exhibit, exhibit).recording


@pytest.fixture
def station(ground: Ground) -> Station:
    with ground.database.write() as session:
        agency = home_agency(session, ground)
        dock = Dock(
            id=new_id("dok"),
            agency_id=agency.id,
            name="Charlie 2",
            station="Hanley",
            public_key="ab" * 32,
            enrolled_at=ground.clock.now(),
        )
        session.add(dock)
    return Station(ground, dock.id)


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture
def app(ground: Ground, renderer: Renderer) -> FastAPI:
    return create_app(ground, ReelMaker(), renderer)


@pytest.fixture
def browser(app: FastAPI) -> Iterator[Browser]:
    made: list[Visitor] = []

    def new(**options: str) -> Visitor:
        made.append(Visitor(app, **options))
        return made[-1]

    yield new
    for visitor in made:
        visitor.close()


@pytest.fixture
def signed_in(station: Station, browser: Browser) -> Callable[[Somebody], Visitor]:
    """Signs somebody in with a browser of their own; the forms that lead there have tests of their own."""

    def sign_in(who: Somebody) -> Visitor:
        visitor = browser()
        ground = station.ground
        with ground.database.write() as session:
            person = session.get_one(Person, who.id)
            limits = sessions.Limits.of(ground.settings)
            cookie = sessions.begin(session, person, ground.clock.now(), limits, AGENT, second=True)
        visitor.client.cookies.set("dockline-session", cookie, domain="127.0.0.1")
        assert visitor.visit("/").status_code == 200, visitor.page.text
        return visitor

    return sign_in
