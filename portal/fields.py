"""What a form brought: text fields of ``application/x-www-form-urlencoded``, bounded, and nothing else.

Files never come this way; footage has its own door. Texts keep any script a name is written in; control characters,
which no field of this portal has a use for, are dropped.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl

from starlette.requests import Request

from evidence.errors import BadInput

MAX_BODY = 256 * 1024  # bytes: a docking of a thousand clips, each ticked
MAX_FIELDS = 3000
_TYPE = "application/x-www-form-urlencoded"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class TooMuch(BadInput):
    """A form is larger than any form of this portal."""

    code = "too-much"


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a form, each with all its values in order."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def text(self, name: str) -> str:
        """The first value of a field, without blanks around it; empty when there is none."""
        return self.raw(name).strip()

    def raw(self, name: str) -> str:
        """The first value as it was typed: passwords may begin with a blank."""
        return self.values.get(name, ("",))[0]

    def every(self, name: str) -> tuple[str, ...]:
        """All values of a field that can be chosen more than once."""
        return self.values.get(name, ())

    def echo(self, *names: str) -> dict[str, str]:
        """Texts to give back to a page. Never name a password or a code here."""
        return {name: self.text(name) for name in names}


async def read_fields(request: Request) -> Fields:
    """The form of a request; empty for a method that has none. Raises :class:`BadInput` for any other kind of body."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return Fields()
    body = await _bounded(request)
    if not body:
        return Fields()
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _TYPE:
        raise BadInput(f"a form is sent as {_TYPE}")
    return parse_fields(body)


def parse_fields(body: bytes) -> Fields:
    """Read the bytes of a form; raises :class:`BadInput` when they are not UTF-8 or too many."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as wrong:
        raise BadInput("the form could not be read") from wrong
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        found[name] = (*found.get(name, ()), _CONTROL.sub("", value.replace("\r\n", "\n").replace("\r", "\n")))
    return Fields(MappingProxyType(found))


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY:
            raise TooMuch("The form is too large.")
    return bytes(body)
