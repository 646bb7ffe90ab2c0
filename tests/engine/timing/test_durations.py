from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.timing.durations import (
    UNITS,
    Duration,
    InvalidDuration,
    add_duration,
    duration_seconds,
    parse_duration,
)
from engine.timing.instants import format_instant, parse_instant
from engine.timing.zones import FIRST_INSTANT, LAST_INSTANT

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.mark.req("E-48")
@pytest.mark.parametrize("unit", ["seconds", "minutes", "hours", "days", "weeks", "months"])
def test_every_unit_is_read(unit):
    assert parse_duration({"unit": unit, "value": 3}) == Duration(unit=unit, value=3)
    assert parse_duration({"unit": unit, "value": 3}).as_json() == {"unit": unit, "value": 3}


@pytest.mark.req("E-48")
@pytest.mark.parametrize(
    ("json", "sentence"),
    [
        ({"unit": "minutes", "value": 0}, "whole number above 0 of minutes, got 0"),
        ({"unit": "minutes", "value": -5}, "got -5"),
        ({"unit": "minutes", "value": 1.5}, "got 1.5"),
        ({"unit": "minutes", "value": 5.0}, "got 5.0"),
        ({"unit": "minutes", "value": True}, "got True"),
        ({"unit": "minutes", "value": "5"}, "got '5'"),
        ({"unit": "minutes"}, "got None"),
        ({"unit": "minutes", "value": [5]}, "got list"),
        ({"unit": "minute", "value": 5}, "unit out of seconds, minutes"),
        ({"unit": "years", "value": 5}, "got 'years'"),
        ({"unit": ["minutes"], "value": 5}, "got list"),
        ({"value": 5}, "got None"),
        ({"unit": "minutes", "value": -(10**5000)}, "far too long"),
        ([], "expected a duration such as"),
        ("5 minutes", "got '5 minutes'"),
        (None, "got None"),
    ],
)
def test_what_is_no_duration_is_refused_with_a_sentence(json, sentence):
    with pytest.raises(InvalidDuration) as caught:
        parse_duration(json)
    assert sentence in str(caught.value)


def test_negative_values_pass_only_as_offsets():
    assert parse_duration({"unit": "days", "value": -1}, allow_negative=True).value == -1
    with pytest.raises(InvalidDuration, match="other than 0"):
        parse_duration({"unit": "days", "value": 0}, allow_negative=True)


@pytest.mark.req("E-48")
@pytest.mark.parametrize(
    ("start", "unit", "value", "zone", "end"),
    [
        ("2026-06-03T12:00:00Z", "seconds", 90, "Etc/UTC", "2026-06-03T12:01:30Z"),
        ("2026-06-03T12:00:00Z", "days", -1, "Etc/UTC", "2026-06-02T12:00:00Z"),
        ("2026-06-03T12:00:00Z", "weeks", 2, "Etc/UTC", "2026-06-17T12:00:00Z"),
        # A day is 24 hours, also over a change of the clocks.
        ("2026-03-28T12:00:00Z", "days", 1, "Europe/Paris", "2026-03-29T12:00:00Z"),
        # A month keeps the wall time: 13:00 CET, then 13:00 CEST.
        ("2026-03-28T12:00:00Z", "months", 1, "Europe/Paris", "2026-04-28T11:00:00Z"),
        ("2026-01-31T09:00:00Z", "months", 1, "Etc/UTC", "2026-02-28T09:00:00Z"),
        ("2024-01-31T09:00:00Z", "months", 1, "Etc/UTC", "2024-02-29T09:00:00Z"),
        ("2026-12-31T09:00:00Z", "months", 2, "Etc/UTC", "2027-02-28T09:00:00Z"),
        ("2026-03-31T09:00:00Z", "months", -1, "Etc/UTC", "2026-02-28T09:00:00Z"),
        ("2026-01-15T09:00:00Z", "months", -1, "Etc/UTC", "2025-12-15T09:00:00Z"),
        # The local month end differs from the one in UTC: it is 31 January in Tokyo.
        ("2026-01-30T20:00:00Z", "months", 1, "Asia/Tokyo", "2026-02-27T20:00:00Z"),
        # 02:30 on 8 March does not exist in New York and runs at 03:30.
        ("2026-02-08T07:30:00Z", "months", 1, "America/New_York", "2026-03-08T07:30:00Z"),
        # 01:30 on 1 November comes twice there; the first is meant.
        ("2026-10-01T05:30:00Z", "months", 1, "America/New_York", "2026-11-01T05:30:00Z"),
        ("2026-01-31T09:00:00Z", "months", 1, "Mars/Olympus", "2026-02-28T09:00:00Z"),
    ],
)
def test_durations_are_added(start, unit, value, zone, end):
    moved = add_duration(parse_instant(start), Duration(unit=unit, value=value), zone)
    assert format_instant(moved) == end


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("value", [10**6, 10**12, 10**400])
def test_a_wild_duration_stops_at_the_calendars_edge(unit, value):
    far = add_duration(NOON, Duration(unit=unit, value=value), "Pacific/Kiritimati")
    assert NOON < far <= LAST_INSTANT
    past = add_duration(NOON, Duration(unit=unit, value=-value), "Pacific/Pago_Pago")
    assert FIRST_INSTANT <= past < NOON


@given(st.sampled_from(UNITS), st.integers(1, 500), st.integers(0, 3_000))
def test_the_upper_bound_holds_for_every_start(unit, value, day):
    duration = Duration(unit=unit, value=value)
    start = NOON + timedelta(days=day)
    # An hour of grace for months that cross into summer or winter time.
    lasted = add_duration(start, duration, "Europe/Berlin") - start
    assert timedelta(0) < lasted <= timedelta(seconds=duration_seconds(duration), hours=1)


def test_naive_starts_are_refused():
    with pytest.raises(ValueError, match="naive"):
        add_duration(NOON.replace(tzinfo=None), Duration(unit="days", value=1), "Etc/UTC")
