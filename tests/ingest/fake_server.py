"""A server for a dock to be tested against: strict about the protocol; it cuts, refuses and lies when it is told to.

Only the dock's own logic is tested with it; the real door has tests of its own and some together with the dock.
"""

import base64
import json
import ssl
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from custody.keys import FileSigner
from evidence.digest import Digest
from evidence.identifiers import new_id
from ingest.challenge import has_signed
from ingest.manifest import Manifest, verify
from tests.custody.logs import SmallLog, stored

Lie = Callable[["FakeServer", str], tuple[bytes, bytes]]  # server and recording -> proof and entry


@dataclass
class FakeUpload:
    """What has arrived of one file."""

    name: str
    length: int
    data: bytearray = field(default_factory=bytearray)
    manifest: Manifest | None = None
    recording: str = ""
    begun: int = 0  # how many PATCH requests there were


class FakeServer:
    """Speaks as the docks' door does, on a port of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.log = SmallLog()
        self.dock = new_id("dok")
        self.public_key = ""
        self.uploads: dict[str, FakeUpload] = {}
        self.files: dict[str, dict[str, Any]] = {}  # docked files by id
        self.dockings: dict[str, str] = {}
        self.announcements: list[dict[str, Any]] = []
        self.entries: dict[str, int] = {}  # recording -> index in the log
        self.tokens: set[str] = set()
        self.published_after = 0  # questions for a receipt that find none yet
        self.cuts: list[tuple[int, int]] = []  # for each PATCH: bytes to take, and of those to forget again
        self.instead: dict[str, list[tuple[int, dict[str, str]]]] = defaultdict(list)  # refusals before the real answer
        self.lie: Lie | None = None
        self.outcome: dict[str, str] = {}  # by name: what the server says became of a file
        self.calls: list[str] = []
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def stored_data(self) -> dict[str, list[bytes]]:
        """The bytes of every stored upload, by name."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for upload in self.uploads.values():
            if upload.recording:
                found[upload.name].append(bytes(upload.data))
        return dict(found)

    def forget_tokens(self) -> None:
        self.tokens.clear()

    def receipt(self, recording: str) -> tuple[bytes, bytes]:
        index = self.entries[recording]
        return self.log.proof(index), self.log.entries[index]

    def store(self, content: bytes, recording: str = "") -> str:
        """Say in the ledger that some bytes are stored; the recording's identifier."""
        recording = recording or new_id("rec")
        self.entries[recording] = len(self.log.entries)
        self.log.add(stored(recording, content))
        self.log.publish()
        return recording


class _Handler(BaseHTTPRequestHandler):
    fake: FakeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return None

    def answer(self, status: int, body: dict[str, Any] | None = None, **headers: str) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status: int, code: str, detail: str = "") -> None:
        self.answer(status, {"title": code, "detail": detail or code, "advice": "Do as it says.", "code": code})

    def route(self) -> None:
        fake = self.fake
        kind = self.kind()
        with fake.lock:
            fake.calls.append(kind)
            instead = fake.instead[kind].pop(0) if fake.instead[kind] else None
        if instead is not None:
            self.close_connection = True
            return self.answer(instead[0], instead[1])
        is_known = self.headers.get("Authorization", "").removeprefix("Bearer ") in fake.tokens
        if kind not in {"enrol", "challenge", "token"} and not is_known:
            self.read()
            return self.refuse(401, "token-expired")
        if kind in {"begin", "offset", "patch"}:
            assert self.headers["Tus-Resumable"] == "1.0.0"
        return getattr(self, f"do_{kind}")()

    do_GET = do_POST = do_PUT = do_HEAD = do_PATCH = route  # noqa: N815 - names that http.server wants

    def kind(self) -> str:
        path = self.path.partition("?")[0]
        for ending, kind in (("enrolments", "enrol"), ("challenges", "challenge"), ("tokens", "token"),
                             ("dockings", "announce"), ("/manifest", "manifest"), ("/files", "begin")):  # fmt: skip
            if path.endswith(ending):
                return kind
        if "/receipts/" in path:
            return "receipt"
        return {"HEAD": "offset", "PATCH": "patch"}[self.command]

    def read(self) -> Any:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return json.loads(data) if data[:1] == b"{" else data

    def do_enrol(self) -> None:
        self.fake.public_key = self.read()["public_key"]
        self.answer(201, {"dock": self.fake.dock, "agency": "Example Police", "log_vkey": str(self.fake.log.key)})

    def do_challenge(self) -> None:
        assert self.read()["dock"] == self.fake.dock
        self.answer(200, {"challenge": "fresh"})

    def do_token(self) -> None:
        told = self.read()
        assert has_signed(self.fake.public_key, told["challenge"], told["signature"])
        token = new_id("tok")
        self.fake.tokens.add(token)
        self.answer(200, {"token": token, "expires": "2099-01-01T00:00:00.000000Z"})

    def do_announce(self) -> None:
        told = self.read()
        with self.fake.lock:
            self.fake.announcements.append(told)
            docking = self.fake.dockings.setdefault(f"{told['docked_at']} {told['camera']}", new_id("dkg"))
            files = {}
            for file in told["files"]:
                there = next(
                    (
                        one
                        for one in self.fake.files.values()
                        if (one["docking"], one["name"]) == (docking, file["name"])
                    ),
                    None,
                )
                there = there or {"id": new_id("dfi"), "docking": docking, "state": "expected", "recording": None}
                if there.get("size") != file["size"] or there.get("modified_at") != file.get("modified_at"):
                    there.pop("upload", None)
                there.update(file)
                self.fake.files[there["id"]] = there
                files[file["name"]] = {key: there[key] for key in ("id", "state", "recording")}
        self.answer(201, {"docking": docking, "files": files})

    def do_begin(self) -> None:
        note = dict(pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
        file = self.fake.files[base64.b64decode(note["docked_file"]).decode()]
        length = int(self.headers["Upload-Length"])
        if length != file["size"]:
            return self.refuse(409, "length-differs")
        with self.fake.lock:
            upload = file.get("upload")
            if upload not in self.fake.uploads:
                upload = file["upload"] = new_id("upl")
                self.fake.uploads[upload] = FakeUpload(file["name"], length)
        return self.answer(201, Location=f"{self.fake.url}/files/{upload}")

    def upload(self) -> FakeUpload | None:
        found = self.fake.uploads.get(self.path.removesuffix("/manifest").rpartition("/")[2])
        if found is None:
            self.read()
            self.refuse(404, "upload-unknown")
        return found

    def do_offset(self) -> None:
        if upload := self.upload():
            self.answer(200, Upload_Offset=str(len(upload.data)), Upload_Length=str(upload.length))

    def do_patch(self) -> None:
        upload = self.upload()
        if upload is None:
            return None
        assert self.headers["Content-Type"] == "application/offset+octet-stream"
        upload.begun += 1
        offset, coming = int(self.headers["Upload-Offset"]), int(self.headers["Content-Length"])
        if offset != len(upload.data):
            self.rfile.read(coming)
            return self.refuse(409, "wrong-offset")
        assert offset + coming == upload.length
        with self.fake.lock:
            cut = self.fake.cuts.pop(0) if self.fake.cuts else None
        if cut is None:
            upload.data += self.rfile.read(coming)
            return self.answer(204, Upload_Offset=str(len(upload.data)))
        take, forget = cut
        upload.data += self.rfile.read(min(take, coming))
        del upload.data[max(offset, len(upload.data) - forget) :]
        self.close_connection = True
        return self.connection.close()

    def do_manifest(self) -> None:
        upload = self.upload()
        if upload is None:
            return None
        told = self.read()
        upload.manifest = Manifest.parse(told["manifest"])
        verify(self.fake.public_key, told["manifest"], told["signature"])
        said = self.fake.outcome.get(upload.name)
        if said is not None:
            return self.answer(200, {"state": said, "recording": None, "entry": None, "words": f"It is {said}."})
        if len(upload.data) < upload.length:
            return self.answer(200, {"state": "receiving", "recording": None, "entry": None, "words": ""})
        if upload.manifest.digest != Digest.of(bytes(upload.data)):
            return self.answer(200, {"state": "quarantined", "recording": None, "entry": None, "words": "Differs."})
        with self.fake.lock:
            if not upload.recording:
                upload.recording = self.fake.store(bytes(upload.data))
        return self.answer(200, {"state": "stored", "recording": upload.recording, "entry": 1, "words": ""})

    def do_receipt(self) -> None:
        fake, recording = self.fake, self.path.partition("?")[0].rpartition("/")[2]
        with fake.lock:
            fake.published_after -= 1
            if fake.published_after >= 0:
                return self.answer(202, {})
            proof, entry = fake.lie(fake, recording) if fake.lie else fake.receipt(recording)
        return self.answer(200, {"proof": proof.decode(), "entry": base64.b64encode(entry).decode()})


def forged_log(fake: FakeServer) -> SmallLog:
    """Another log of the same name, under another key."""
    return SmallLog(fake.log.origin, FileSigner.generate())
