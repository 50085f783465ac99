"""Times, sizes and durations in words, as pages show them.

Times are shown in UTC and say so, because that is how the ledger keeps them. Sizes count in thousands (1 MB is
1,000,000 bytes), as cameras and file lists do.
"""

import re
from datetime import UTC, datetime, timedelta

from markupsafe import Markup, escape

_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def day_text(at: datetime) -> str:
    """``22 November 2026``."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def utc_time(at: datetime) -> Markup:
    """``22 November 2026, 22:10:05 UTC`` as a ``time`` element."""
    at = at.astimezone(UTC)
    return Markup(f'<time datetime="{at.isoformat()}">{day_text(at)}, {at:%H:%M:%S} UTC</time>')  # noqa: S704 - digits


def utc_day(at: datetime) -> Markup:
    """``22 November 2026`` as a ``time`` element."""
    return Markup('<time datetime="{}">{}</time>').format(f"{at.astimezone(UTC):%Y-%m-%d}", day_text(at))


def clock_time(at: datetime) -> Markup:
    """``22:10:05`` as a ``time`` element, where the day stands beside it."""
    return Markup('<time datetime="{}">{}</time>').format(
        at.astimezone(UTC).isoformat(), f"{at.astimezone(UTC):%H:%M:%S}"
    )


def byte_size(count: int) -> str:
    """``20.4 MB``; bytes below a thousand are counted exactly."""
    if abs(count) < 1000:
        return "1 byte" if count == 1 else f"{count} bytes"
    amount = float(count)
    unit = 0
    while abs(amount) >= 999.95 and unit < len(_UNITS) - 1:
        amount /= 1000
        unit += 1
    return f"{amount:.1f} {_UNITS[unit]}"


def duration(milliseconds: int) -> str:
    """``2 h 5 min``, ``1 min 20 s`` or ``4.2 s``: what a person needs of it, not the exact figure."""
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def elapsed(span: timedelta) -> str:
    """A span between two stages, as :func:`duration` writes it; days are counted above 48 hours."""
    if span >= timedelta(hours=48):
        return f"{span.days} days"
    return duration(round(span / timedelta(milliseconds=1)))


def with_digests(text: str) -> Markup:
    """A sentence with each SHA-256 in it set apart, so that it can be read, and broken where a line ends."""
    return Markup(_DIGEST.sub(r'<code class="dl-digest">\g<0></code>', str(escape(text))))  # noqa: S704 - escaped


def timecode(milliseconds: int) -> str:
    """``0:01:20.480``: hours, minutes, seconds and thousandths."""
    seconds, thousandths = divmod(milliseconds, 1000)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}"


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 clip``, ``1,200 clips``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def offset_text(milliseconds: int) -> str:
    """How wrong a camera's clock was: ``1.2 s ahead of UTC``."""
    if milliseconds == 0:
        return "exact"
    side = "ahead of" if milliseconds > 0 else "behind"
    return f"{duration(abs(milliseconds))} {side} UTC"
