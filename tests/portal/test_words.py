"""Times, sizes and durations in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from portal import words

AT = datetime(2026, 11, 22, 22, 10, 5, tzinfo=UTC)


def test_a_time_is_told_in_utc_wherever_it_came_from() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert words.utc_time(there) == words.utc_time(AT)
    assert "22 November 2026, 22:10:05 UTC" in words.utc_time(AT)
    assert 'datetime="2026-11-22T22:10:05+00:00"' in words.utc_time(AT)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (421_300_221, "421.3 MB"),
    ],
)
def test_sizes_count_in_thousands(count: int, text: str) -> None:
    assert words.byte_size(count) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 s"),
        (4200, "4.2 s"),
        (60_000, "1 min"),
        (80_400, "1 min 20 s"),
        (3_600_000, "1 h"),
        (7_500_000, "2 h 5 min"),
    ],
)
def test_durations_say_what_a_person_needs(milliseconds: int, text: str) -> None:
    assert words.duration(milliseconds) == text


def test_long_spans_are_counted_in_days() -> None:
    assert words.elapsed(timedelta(days=3, hours=1)) == "3 days"
    assert words.elapsed(timedelta(seconds=11.2)) == "11.2 s"


def test_a_timecode_has_hours_minutes_seconds_and_thousandths() -> None:
    assert words.timecode(80_480) == "0:01:20.480"
    assert words.timecode(36_000_001) == "10:00:00.001"


def test_a_clock_that_was_wrong_says_which_way() -> None:
    assert words.offset_text(1240) == "1.2 s ahead of UTC"
    assert words.offset_text(-60_000) == "1 min behind UTC"
    assert words.offset_text(0) == "exact"


def test_a_digest_in_a_sentence_is_set_apart_and_everything_else_escaped() -> None:
    text = words.with_digests(f"<b>SHA-256: sha256:{'0f' * 32}.</b>")
    assert text == f'&lt;b&gt;SHA-256: <code class="dl-digest">sha256:{"0f" * 32}</code>.&lt;/b&gt;'


def test_one_is_one_and_the_rest_are_many() -> None:
    assert words.count(1, "clip") == "1 clip"
    assert words.count(1200, "clip") == "1,200 clips"
    assert words.count(0, "entry", "entries") == "0 entries"
