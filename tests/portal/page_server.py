"""A small server for rendered samples, built assets and films, under the portal's own headers."""

import mimetypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from portal import paths
from portal.assets_manifest import DIST
from portal.headers import SECURITY_HEADERS
from portal.rendering import Renderer
from tests.portal.sample_pages import SAMPLES

TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".m4s": "video/mp4", ".vtt": "text/vtt", ".js": "text/javascript"}


@dataclass
class Answer:
    """What a path answers with."""

    body: bytes
    kind: str = "application/json"
    status: int = 200


@dataclass
class Site:
    """Answers by path: fixed ones, and functions of the request's body."""

    address: str = ""
    fixed: dict[str, Answer] = field(default_factory=dict)
    asked: dict[str, Callable[[bytes], Answer]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def answer(self, path: str, body: bytes) -> Answer:
        self.log.append(path)
        if path in self.asked:
            return self.asked[path](body)
        if path in self.fixed:
            return self.fixed[path]
        name = path.removeprefix(f"{paths.STATIC}/")
        if path.startswith(paths.STATIC) and (DIST / name).is_file():
            suffix = "." + name.rsplit(".", 1)[1]
            return Answer((DIST / name).read_bytes(), TYPES.get(suffix) or mimetypes.types_map[suffix])
        return Answer(b'{"detail": "not here"}', status=404)

    def add_samples(self) -> None:
        renderer = Renderer()
        for name, (page, shell) in SAMPLES.items():
            self.fixed[f"/sample/{name}"] = Answer(renderer.page(page, shell).encode(), "text/html; charset=utf-8")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *rest: object) -> None:
        self.site = site
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._send(self.site.answer(self.path.split("?")[0], b""))

    def do_POST(self) -> None:
        self._send(self.site.answer(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""

    def _send(self, answer: Answer) -> None:
        self.send_response(HTTPStatus(answer.status))
        for name, value in SECURITY_HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A browser that seeks lets go of what it no longer wants: nothing to tell."""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve on a free loopback port until the block ends."""
    server = _Server(("127.0.0.1", 0), partial(_Handler, site))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
