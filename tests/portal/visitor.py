"""A browser for tests: keeps cookies, sends what browsers send, reads forms out of pages and sends them back.

It calls the application directly, without a socket. What a test does not say is what an honest browser would do.
"""

import asyncio
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI

ORIGIN = "http://127.0.0.1:8440"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36"
NAVIGATES = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FETCHES = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}


@dataclass
class Found:
    """A form of a page: where it goes, and its fields as they stand."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Found] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Found(named.get("action", ""), named.get("method", "get")))
        elif tag in {"input", "textarea"} and self.forms and named.get("name"):
            ticked = named.get("type") not in {"checkbox", "radio"} or "checked" in named
            if ticked:
                self.forms[-1].fields.append((named["name"], named.get("value", "")))


class Visitor:
    """One browser."""

    def __init__(self, app: FastAPI, *, came_from: str = "203.0.113.7") -> None:
        transport = httpx.ASGITransport(app=app, client=(came_from, 40000))
        self.client = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"User-Agent": AGENT})
        self.page = httpx.Response(200)
        self._runner = asyncio.Runner()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._runner.run(self.client.request(method, path, **options))

    def get(self, path: str, headers: dict[str, str] | None = None, *, accept: str = "text/html") -> httpx.Response:
        """Go to a page, without following where it leads."""
        self.page = self.request("GET", path, headers={**NAVIGATES, "Accept": accept, **(headers or {})})
        return self.page

    def follow(self) -> httpx.Response:
        """Go where the last answer leads, as far as it leads."""
        while self.page.is_redirect:
            self.get(self.page.headers["location"])
        return self.page

    def visit(self, path: str) -> httpx.Response:
        """Go to a page and wherever it leads."""
        self.get(path)
        return self.follow()

    def fetch(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """What a script or the player asks for."""
        return self.request("GET", path, headers={**FETCHES, "Accept": "*/*", **(headers or {})})

    def forms(self) -> list[Found]:
        parser = _Forms()
        parser.feed(self.page.text)
        return parser.forms

    def form(self, action: str) -> Found:
        """The form of the last page that goes to an address."""
        found = [form for form in self.forms() if form.action == action]
        assert found, f"no form to {action} in {[form.action for form in self.forms()]}: {self.page.text[:2000]}"
        return found[0]

    def submit(self, action: str, typed: dict[str, str | list[str]] | None = None) -> httpx.Response:
        """Fill in a form of the last page and send it."""
        form = self.form(action)
        typed = typed or {}
        fields = [(name, value) for name, value in form.fields if name not in typed]
        for name, value in typed.items():
            fields += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return self.post(action, fields)

    def post(
        self, path: str, fields: list[tuple[str, str]] | dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        body = urlencode(fields)
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Origin": ORIGIN}
        self.page = self.request("POST", path, content=body, headers={**NAVIGATES, **kind, **(headers or {})})
        return self.page

    def begin(self, path: str, token: str, **fields: str) -> httpx.Response:
        """What the player does to begin a viewing."""
        body = urlencode({"form_token": token, **fields})
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "Origin": ORIGIN}
        return self.request("POST", path, content=body, headers={**FETCHES, **kind})

    def token(self) -> str:
        """The form token of the last page, from a form or from the player."""
        found = re.search(r'name="form_token" value="([^"]+)"|data-form-token="([^"]+)"', self.page.text)
        assert found, self.page.text[:1000]
        return found[1] or found[2]

    def close(self) -> None:
        self._runner.run(self.client.aclose())
        self._runner.close()
