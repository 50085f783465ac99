"""The dock's line to the server: every call but the bytes themselves, which :mod:`ingest.sender` sends.

What the server says is sorted into what a dock can do about it ::

    LineError
    ├── Unreachable      no answer: try again, for as long as it takes
    ├── TryAgain         an answer that says so (5xx, 401, 408, 429): try again, and tell the words meanwhile
    ├── AskAgain         409: the server stands elsewhere than the dock thought; ask, and go on from there
    ├── UploadGone       404 or 410 of an upload: begin it anew
    ├── SentAway         the server does not take it as it is: keep the file and tell a person
    ├── NotLetIn         the dock is revoked, unknown or its code was refused: keep everything and stop
    └── Misunderstood    what answers there is no Dockline server, or an unwell one

Nothing has a time-out but silence. A token is fetched by signing a challenge when it is needed, and renewed once when
the server has forgotten it. Addresses that the server names are not followed: an upload is known by its identifier.
"""

import base64
import binascii
import json
import re
import ssl
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from custody.signature import Signer
from evidence.errors import BadInput, DocklineError
from ingest.agent_state import DockingRecord, Identity
from ingest.challenge import signed_challenge

IDLE = 60.0  # seconds of silence after which a connection is taken for dead
CONNECT = 10.0
TUS = {"Tus-Resumable": "1.0.0"}
MAX_ANSWER = 8 * 1024 * 1024  # bytes
_NOT_LET_IN = frozenset({"dock-revoked", "dock-unknown", "code-refused"})
_RENEW_BEFORE = 60.0  # seconds before a token's end
_UPLOAD = re.compile(r"upl_[0-9a-f]{32}")
_RECORDING = re.compile(r"rec_[0-9a-f]{32}")


class LineError(DocklineError):
    """The server could not be asked, or did not give what was asked for. ``said`` is its own word for why."""

    code = "line"

    def __init__(self, message: str, *, advice: str | None = None, said: str = "") -> None:
        super().__init__(message, advice=advice)
        self.said = said


class Unreachable(LineError):
    """There is no answer."""

    code = "unreachable"
    advice = "Check the network and the server's address. The dock keeps everything and tries again by itself."


class TryAgain(LineError):
    """The server asks to be asked again later."""

    code = "try-again"


class AskAgain(LineError):
    """The server stands elsewhere than the dock thought."""

    code = "ask-again"


class UploadGone(LineError):
    """The server has no such upload any more."""

    code = "upload-gone"


class SentAway(LineError):
    """The server does not take it as it is."""

    code = "sent-away"


class NotLetIn(LineError):
    """This dock is not let in."""

    code = "not-let-in"


class Misunderstood(LineError):
    """The server's answer is not what a Dockline server answers."""

    code = "misunderstood"
    advice = "Check the server's address: what answers there is not the docks' door of a Dockline server."


@dataclass(frozen=True, slots=True)
class Listing:
    """How things stand with an announced file, by the server's word."""

    id: str
    state: str
    recording: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an upload, by the server's word."""

    state: str
    recording: str
    words: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Line:
    """Speaks to one server. Threads share it."""

    def __init__(self, server: str, *, idle: float = IDLE) -> None:
        self.server = httpx.URL(server.rstrip("/"))
        if self.server.scheme not in {"http", "https"} or not self.server.host:
            raise BadInput(
                f"not a server's address: {server[:100]!r}", advice="Write it like https://evidence.example."
            )
        self.idle = idle
        self.tls = ssl.create_default_context() if self.server.scheme == "https" else None
        self._client = httpx.Client(
            base_url=self.server, verify=self.tls if self.tls is not None else False, trust_env=False,
            timeout=httpx.Timeout(idle, connect=CONNECT, pool=None), follow_redirects=False,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._signer: Signer | None = None
        self._dock = ""
        self._token, self._until = "", 0.0

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    # Who the dock is

    def enrol(self, code: str, public_key: str, name: str) -> Identity:
        """Redeem a one-time code."""
        told = self._ask("POST", "/dock/v1/enrolments", {"code": code, "public_key": public_key, "name": name})
        return Identity(str(self.server), *(_text(told, key) for key in ("dock", "agency", "log_vkey")))

    def speak_as(self, dock: str, signer: Signer) -> None:
        """From now on ask for tokens as this dock."""
        self._dock, self._signer = dock, signer

    def token(self, *, spent: str = "") -> str:
        """A token that is good now; another than ``spent``, which the server did not know any more."""
        with self._lock:
            if not self._token or self._token == spent or time.monotonic() > self._until:
                self._token, self._until = self._new_token()
            return self._token

    def _new_token(self) -> tuple[str, float]:
        if self._signer is None:
            raise NotLetIn("this dock is not enrolled", advice="Enrol it with --server and --enrol.")
        begun = time.monotonic()
        challenge = _text(self._ask("POST", "/dock/v1/challenges", {"dock": self._dock}), "challenge")
        body = {"dock": self._dock, "challenge": challenge, "signature": signed_challenge(self._signer, challenge)}
        token = _text(self._ask("POST", "/dock/v1/tokens", body), "token")
        return token, begun + 30 * 60 - _RENEW_BEFORE

    # What the dock says and asks

    def announce(self, docking: DockingRecord, files: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Listing]]:
        """Say what is on the camera; the docking's identifier, and each file by its name."""
        body = {
            "camera": docking.camera, "officer": docking.officer, "reference": docking.reference,
            "docked_at": docking.docked_at, "clock_offset_ms": docking.clock_offset_ms, "files": list(files),
        }  # fmt: skip
        told = self._ask_as_dock("POST", "/dock/v1/dockings", body)
        found = told.get("files")
        if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
            raise Misunderstood("the answer lists no files")
        return _text(told, "docking"), {
            name: Listing(_text(one, "id"), _text(one, "state"), _id_or_none(_RECORDING, one.get("recording")))
            for name, one in found.items()
        }

    def begin(self, file_id: str, name: str, size: int) -> str:
        """Begin an upload, or find the one that was begun; its identifier."""
        note = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in
                        (("docked_file", file_id), ("filename", name)))  # fmt: skip
        headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": note}
        answer = self._reply("POST", "/files", headers=headers, as_dock=True)
        found = _UPLOAD.search(answer.headers.get("location", "").rpartition("/")[2])
        if found is None:
            raise Misunderstood("the answer names no upload")
        return found[0]

    def offset(self, upload: str, size: int) -> int:
        """How many bytes of an upload have arrived; raises :class:`UploadGone` when it is for another size."""
        answer = self._reply("HEAD", f"/files/{upload}", headers=TUS, as_dock=True)
        told = [answer.headers.get(name, "") for name in ("upload-offset", "upload-length")]
        if not all(text.isascii() and text.isdigit() for text in told):
            raise Misunderstood("the answer tells no offset")
        if int(told[1]) != size or int(told[0]) > size:
            raise UploadGone(f"the upload was begun for a file of {told[1]} bytes")
        return int(told[0])

    def hand_in(self, upload: str, manifest: str, signature: str) -> Answer:
        """Hand in a signed manifest."""
        body = {"manifest": manifest, "signature": signature}
        return _outcome(self._ask_as_dock("PUT", f"/dock/v1/uploads/{upload}/manifest", body))

    def receipt(self, recording: str, wait: float) -> tuple[bytes, bytes] | None:
        """Proof and entry as the server gives them, nothing of it verified; ``None`` while there are none."""
        answer = self._reply("GET", f"/dock/v1/receipts/{recording}?wait={wait:g}", as_dock=True)
        if answer.status == 202:
            return None
        told = _object(answer)
        try:
            return _text(told, "proof").encode(), base64.b64decode(_text(told, "entry"), validate=True)
        except (binascii.Error, UnicodeEncodeError) as wrong:
            raise Misunderstood("the receipt is not text and base64") from wrong

    # How it is said

    def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _object(self._reply(method, path, body=body))

    def _ask_as_dock(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _object(self._reply(method, path, body=body, as_dock=True))

    def _reply(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None, as_dock: bool = False,
    ) -> Reply:  # fmt: skip
        said = {"Accept-Encoding": "identity", **(headers or {})}
        token = self.token() if as_dock else ""
        reply = self._send(method, path, body, said, token)
        if reply.status == 401 and as_dock:
            reply = self._send(method, path, body, said, self.token(spent=token))
        raise_for(reply.status, reply.content)
        return reply

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, headers: dict[str, str], token: str
    ) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        said = {**headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        if content is not None:
            said["Content-Type"] = "application/json"
        try:
            with self._client.stream(method, path, content=content, headers=said) as answer:
                return Reply(answer.status_code, answer.headers, _bounded(answer.iter_raw()))
        except (httpx.HTTPError, OSError) as wrong:
            why = str(wrong)[:200] or type(wrong).__name__
            raise Unreachable(f"{self.server.host} does not answer: {why}") from wrong


def _bounded(chunks: Iterable[bytes]) -> bytes:
    parts: list[bytes] = []
    left = MAX_ANSWER
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise Misunderstood("the answer has no end")
        parts.append(chunk)
    return b"".join(parts)


def raise_for(status: int, body: bytes) -> None:
    """Return for an answer that is the wished-for one; raise what a dock can do about any other."""
    if 200 <= status < 300:
        return
    words, advice, said = _problem(status, body)
    if status >= 500 or status in {401, 408, 425, 429} or said == "challenge-refused":
        kind: type[LineError] = TryAgain
    elif said in _NOT_LET_IN:
        kind = NotLetIn
    else:
        kind = {404: UploadGone, 410: UploadGone, 409: AskAgain}.get(status, SentAway)
    raise kind(words, advice=advice, said=said)


def _problem(status: int, body: bytes) -> tuple[str, str | None, str]:
    try:
        told = json.loads(body)
        words, advice, said = (told.get(key) for key in ("detail", "advice", "code"))
    except (ValueError, AttributeError, RecursionError):
        words, advice, said = None, None, None
    return (
        words[:300] if isinstance(words, str) and words else f"the server answered with status {status}",
        advice[:300] if isinstance(advice, str) and advice else None,
        said if isinstance(said, str) else "",
    )


def _object(answer: Reply) -> dict[str, Any]:
    try:
        told = json.loads(answer.content)
    except (ValueError, RecursionError) as wrong:
        raise Misunderstood("the answer is not JSON") from wrong
    if not isinstance(told, dict):
        raise Misunderstood("the answer is not a JSON object")
    return told


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str):
        raise Misunderstood(f"the answer tells no {key}")
    return value


def _outcome(told: Mapping[str, Any]) -> Answer:
    words = told.get("words")
    recording = _id_or_none(_RECORDING, told.get("recording"))
    return Answer(_text(told, "state"), recording, words if isinstance(words, str) else "")


def _id_or_none(shape: re.Pattern[str], value: Any) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise Misunderstood("the answer names something that is no identifier")
    return value
