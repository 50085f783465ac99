"""The bare wire: HTTP/1.1 on a socket, so that a test can cut it at any byte."""

import base64
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

from tests.ingest.sending import Reply


@dataclass
class Wire:
    """Speaks to one server with one token."""

    port: int
    token: str

    def begin(self, docked_file: str, length: int) -> str:
        note = base64.b64encode(docked_file.encode()).decode()
        reply = self.ask("POST", "/files", {"Upload-Length": str(length), "Upload-Metadata": f"docked_file {note}"})
        assert reply.status == 201, reply
        return reply.headers["location"]

    def head(self, path: str) -> int:
        reply = self.ask("HEAD", path, {})
        assert reply.status == 200, reply
        return reply.offset

    def patch(self, path: str, offset: int, body: bytes | memoryview) -> Reply:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self.ask("PATCH", path, headers, body)

    def patch_and_hang_up(self, path: str, offset: int, length: int, body: bytes) -> socket.socket:
        """Send only part of what was announced. The socket is still open; who closes it cuts the line."""
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        wire = self._open("PATCH", path, headers, length)
        with suppress(BrokenPipeError, ConnectionResetError):  # it came too late, and was refused
            wire.sendall(body)
        return wire

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes | memoryview = b"") -> Reply:
        with self._open(method, path, headers, len(body)) as wire:
            with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was read: the answer comes
                wire.sendall(body)
            return self._read(wire, method)

    def _open(self, method: str, path: str, headers: dict[str, str], length: int) -> socket.socket:
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        told = {
            "Host": "dock", "Tus-Resumable": "1.0.0", "Authorization": f"Bearer {self.token}",
            "Content-Length": str(length), **headers,
        }  # fmt: skip
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        wire.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return wire

    @staticmethod
    def _read(wire: socket.socket, method: str) -> Reply:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = wire.recv(65_536)
            assert piece, "the server hung up without an answer"
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        wanted = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
        while len(body) < wanted:
            body += wire.recv(65_536)
        status = re.match(r"HTTP/1\.1 (\d{3})", first)
        assert status
        return Reply(int(status[1]), headers, body)
