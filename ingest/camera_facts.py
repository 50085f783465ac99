"""What a camera says of itself: serial number, officer, clock, and when a clip began, as far as it says so at all.

Sources, the first that speaks wins: what was given on the dock's command line; a ``camera.json`` at the top of the
folder; the names that Axis gives to containers (``<user>_<serial>_<YYYYMMDDTHHMMSSZ>``) or recorders after GA/T 947 to
files (``<device>_<officer>_<YYYYMMDDhhmmss>_<sequence>``), when all agree; the folder's own name, when it looks like a
serial number. Nothing here is evidence by itself, so nothing here refuses anything: what cannot be read is unknown.

Names tell times without a zone, and cameras mix local time and UTC. The time is taken down as the camera tells it, as
if it were UTC, and never corrected: the measured offset stands beside it, and it includes the zone.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custody.canonical import MAX_INTEGER
from evidence.clock import utc_text
from ingest.camera import CameraGone, FileChanged, Found, opened
from ingest.manifest import MAX_CAMERA, MAX_OFFICER
from ingest.names import plain_text

FACTS_FILE = b"camera.json"
MAX_FACTS = 64 * 1024  # bytes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1900, 10_000)
_AXIS = re.compile(r"([^_/]+)_([^_/]+)_\d{8}T\d{6}Z")
_GAT947 = re.compile(r"([0-9A-Za-z-]{4,40})_([0-9A-Za-z-]{1,40})_(?:19|20)\d{12}_\d{1,8}")
_SERIAL = re.compile(r"(?=.*\d)[0-9A-Za-z][0-9A-Za-z-]{3,39}")
_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[-_.T ]{0,1}(\d\d)[-_.:h]?(\d\d)[-_.:m]?(\d\d)(?!\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """Serial and collar number, empty when unknown; camera minus UTC in milliseconds, ``None`` when not measured."""

    serial: str = ""
    officer: str = ""
    clock_offset_ms: int | None = None


def facts_of(folder: Path, files: Iterable[Found], *, serial: str = "", officer: str = "") -> CameraFacts:
    """What is known of the camera whose files these are. Given values win over what the camera says."""
    there = tuple(files)
    told = _told(folder, there)
    named = _named(there)
    return CameraFacts(
        serial=plain_text(serial, MAX_CAMERA) or told.serial or named.serial or _folder_serial(folder),
        officer=plain_text(officer, MAX_OFFICER) or told.officer or named.officer,
        clock_offset_ms=told.clock_offset_ms,
    )


def camera_time(file: Found) -> str | None:
    """When a clip began as its name tells it, else when it was last changed: UTC text, ``None`` if beyond all years."""
    return _time_in(_stem(file.path.decode("utf-8", "replace"))) or modified_at(file)


def modified_at(file: Found) -> str | None:
    """The time of a file's last change as UTC text; ``None`` when it is no time of the calendar."""
    try:
        at = _EPOCH + timedelta(microseconds=file.mtime_ns // 1000)
    except OverflowError:
        return None
    return utc_text(at) if at.year in _YEARS else None


def _time_in(stem: str) -> str | None:
    for found in _TIME.finditer(stem):
        try:
            return utc_text(datetime(*(int(part) for part in found.groups()), tzinfo=UTC))  # type: ignore[arg-type, misc]
        except ValueError:
            continue  # the 31st of February is some other number
    return None


def _told(folder: Path, files: tuple[Found, ...]) -> CameraFacts:
    for file in files:
        if file.path.lower() == FACTS_FILE and file.size <= MAX_FACTS:
            try:
                with opened(folder, file) as descriptor:
                    value = json.loads(os.read(descriptor, MAX_FACTS))
            except (OSError, ValueError, RecursionError, CameraGone, FileChanged):
                return CameraFacts()
            return _read(value) if isinstance(value, dict) else CameraFacts()
    return CameraFacts()


def _read(value: dict[str, Any]) -> CameraFacts:
    offset = value.get("clock_offset_ms")
    is_offset = type(offset) is int and abs(offset) <= MAX_INTEGER
    return CameraFacts(
        serial=_text(value, ("serial", "camera", "camera_serial", "BWCSerialNumber"), MAX_CAMERA),
        officer=_text(value, ("officer", "collar", "UserID"), MAX_OFFICER),
        clock_offset_ms=offset if is_offset else None,
    )


def _text(value: dict[str, Any], keys: tuple[str, ...], limit: int) -> str:
    found = next((value[key] for key in keys if isinstance(value.get(key), str | int)), "")
    return plain_text(str(found), limit)


def _named(files: tuple[Found, ...]) -> CameraFacts:
    found: set[tuple[str, str]] = set()
    for file in files:
        text = file.path.decode("utf-8", "replace")
        for part in text.split("/")[:-1]:
            if axis := _AXIS.fullmatch(part):
                found.add((axis[2], axis[1]))
        if gat := _GAT947.fullmatch(_stem(text)):
            found.add((gat[1], gat[2]))
    serials, officers = {serial for serial, _ in found}, {officer for _, officer in found}
    return CameraFacts(
        serial=plain_text(serials.pop(), MAX_CAMERA) if len(serials) == 1 else "",
        officer=plain_text(officers.pop(), MAX_OFFICER) if len(officers) == 1 else "",
    )


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _folder_serial(folder: Path) -> str:
    name = folder.absolute().name
    return name if _SERIAL.fullmatch(name) else ""
