from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.timing.instants import format_instant, from_micros, parse_instant, to_micros

aware = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  # hypothesis wants naive bounds
    max_value=datetime(9999, 12, 1),  # noqa: DTZ001  # hypothesis wants naive bounds
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))]),
)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-06-03", datetime(2026, 6, 3, tzinfo=UTC)),
        ("2026-06-03T12:00:00Z", datetime(2026, 6, 3, 12, tzinfo=UTC)),
        ("2026-06-03t12:00:00z", datetime(2026, 6, 3, 12, tzinfo=UTC)),
        ("2026-06-03 12:00", datetime(2026, 6, 3, 12, tzinfo=UTC)),
        ("2026-06-03T12:00:00", datetime(2026, 6, 3, 12, tzinfo=UTC)),
        ("2026-06-03T12:00:00+02:00", datetime(2026, 6, 3, 10, tzinfo=UTC)),
        ("2026-06-03T12:00:00-0330", datetime(2026, 6, 3, 15, 30, tzinfo=UTC)),
        ("2026-06-03T12:00:00+05", datetime(2026, 6, 3, 7, tzinfo=UTC)),
        ("2026-06-03T12:00:00.5Z", datetime(2026, 6, 3, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-06-03T12:00:00,25", datetime(2026, 6, 3, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-06-03T12:00:00.123456789Z", datetime(2026, 6, 3, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_iso_dates_and_datetimes_are_read(text, instant):
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "", "soon", "2026", "2026-06", "20260603", "20260603T120000Z", "2026-W23-3", "2026-154",
        "2026-6-3", "2026-02-29", "2026-13-01", "2026-06-03T", "2026-06-03T12", "2026-06-03T25:00",
        "2026-06-03T12:00:60Z", "2026-06-03T12:00:00.Z", "2026-06-03T12:00:00+25:00",
        " 2026-06-03", "2026-06-03\n", "2026-06-03T12:00:00ZZ", "2026-06-03T12:00:00 UTC",
        "٢٠٢٦-٠٦-٠٣", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1" * 10_000_000,
        None, True, 0, 1_780_000_000, 5.5, [], {}, ["2026-06-03"], datetime(2026, 6, 3, tzinfo=UTC),
    ],
)  # fmt: skip
def test_anything_else_is_no_instant(value):
    assert parse_instant(value) is None


@given(st.text(alphabet="0123456789-:.,TZtz+ ", max_size=45))
@example("0001-01-01T00:00:00+00:01")
def test_text_that_resembles_a_timestamp_never_raises(text):
    read = parse_instant(text)
    assert read is None or read.tzinfo is UTC


def test_microseconds_are_written_only_when_there_are_any():
    noon = datetime(2026, 6, 3, 12, tzinfo=UTC)
    assert format_instant(noon) == "2026-06-03T12:00:00Z"
    assert format_instant(noon.replace(microsecond=123_456)) == "2026-06-03T12:00:00.123456Z"
    assert format_instant(noon.replace(microsecond=500)) == "2026-06-03T12:00:00.000500Z"
    zone = timezone(timedelta(hours=2))
    assert format_instant(noon.astimezone(zone)) == "2026-06-03T12:00:00Z"


@pytest.mark.req("R-16")
@given(aware)
def test_writing_and_reading_keep_every_microsecond(instant):
    assert parse_instant(format_instant(instant)) == instant


@pytest.mark.req("R-16")
@given(aware)
def test_the_stored_integer_keeps_every_microsecond(instant):
    assert from_micros(to_micros(instant)) == instant


def test_microseconds_are_counted_from_1970():
    assert to_micros(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert to_micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1
    assert to_micros(datetime(2026, 6, 3, 12, tzinfo=UTC)) == 1_780_488_000_000_000


def test_naive_datetimes_are_refused():
    naive = datetime(2026, 6, 3)  # noqa: DTZ001  # the point of the test
    with pytest.raises(ValueError, match="naive 2026-06-03"):
        format_instant(naive)
    with pytest.raises(ValueError, match="naive"):
        to_micros(naive)
