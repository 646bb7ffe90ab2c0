"""Changes of the clocks in many zones: gaps, repeated hours, half-hour shifts, a lost day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.timing.durations import Duration, add_duration
from engine.timing.instants import format_instant, parse_instant
from engine.timing.windows import next_match, parse_window_rule
from engine.timing.zones import instant_of, wall_of, zone_names

# zone, local day, time asked for, instant given. Spring: the time does not exist.
GAPS = [
    ("America/New_York", "2026-03-08", 2, 30, "2026-03-08T07:30:00Z"),
    ("America/Chicago", "2026-03-08", 2, 0, "2026-03-08T08:00:00Z"),
    ("America/Los_Angeles", "2026-03-08", 2, 55, "2026-03-08T10:55:00Z"),
    ("America/St_Johns", "2026-03-08", 2, 30, "2026-03-08T06:00:00Z"),
    ("America/Havana", "2026-03-08", 0, 30, "2026-03-08T05:30:00Z"),
    ("America/Santiago", "2026-09-06", 0, 15, "2026-09-06T04:15:00Z"),
    ("America/Asuncion", "2023-10-01", 0, 30, "2023-10-01T04:30:00Z"),
    ("Europe/London", "2026-03-29", 1, 30, "2026-03-29T01:30:00Z"),
    ("Europe/Berlin", "2026-03-29", 2, 30, "2026-03-29T01:30:00Z"),
    ("Europe/Athens", "2026-03-29", 3, 30, "2026-03-29T01:30:00Z"),
    ("Atlantic/Azores", "2026-03-29", 0, 30, "2026-03-29T01:30:00Z"),
    ("Asia/Beirut", "2026-03-29", 0, 30, "2026-03-28T22:30:00Z"),
    ("Asia/Jerusalem", "2026-03-27", 2, 30, "2026-03-27T00:30:00Z"),
    ("Africa/Cairo", "2026-04-24", 0, 30, "2026-04-23T22:30:00Z"),
    ("Africa/Casablanca", "2026-03-22", 2, 30, "2026-03-22T02:30:00Z"),
    ("Asia/Tehran", "2022-03-22", 0, 30, "2022-03-21T21:00:00Z"),
    ("Australia/Sydney", "2026-10-04", 2, 30, "2026-10-03T16:30:00Z"),
    ("Australia/Adelaide", "2026-10-04", 2, 30, "2026-10-03T17:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-04", 2, 15, "2026-10-03T15:45:00Z"),
    ("Pacific/Auckland", "2026-09-27", 2, 30, "2026-09-26T14:30:00Z"),
    ("Pacific/Chatham", "2026-09-27", 3, 0, "2026-09-26T14:15:00Z"),
    ("Pacific/Apia", "2011-12-30", 9, 0, "2011-12-30T19:00:00Z"),
]

# Autumn: the time comes twice, the first occurrence is meant.
REPEATS = [
    ("America/New_York", "2026-11-01", 1, 30, "2026-11-01T05:30:00Z"),
    ("America/Chicago", "2026-11-01", 1, 0, "2026-11-01T06:00:00Z"),
    ("America/Los_Angeles", "2026-11-01", 1, 55, "2026-11-01T08:55:00Z"),
    ("America/St_Johns", "2026-11-01", 1, 30, "2026-11-01T04:00:00Z"),
    ("America/Havana", "2025-11-02", 0, 30, "2025-11-02T04:30:00Z"),
    ("America/Santiago", "2026-04-04", 23, 30, "2026-04-05T02:30:00Z"),
    ("America/Asuncion", "2024-03-23", 23, 30, "2024-03-24T02:30:00Z"),
    ("Europe/London", "2026-10-25", 1, 30, "2026-10-25T00:30:00Z"),
    ("Europe/Berlin", "2026-10-25", 2, 30, "2026-10-25T00:30:00Z"),
    ("Europe/Athens", "2026-10-25", 3, 30, "2026-10-25T00:30:00Z"),
    ("Atlantic/Azores", "2026-10-25", 0, 30, "2026-10-25T00:30:00Z"),
    ("Asia/Beirut", "2026-10-24", 23, 30, "2026-10-24T20:30:00Z"),
    ("Asia/Jerusalem", "2026-10-25", 1, 30, "2026-10-24T22:30:00Z"),
    ("Africa/Cairo", "2026-10-29", 23, 30, "2026-10-29T20:30:00Z"),
    ("Africa/Casablanca", "2026-02-15", 2, 30, "2026-02-15T01:30:00Z"),
    ("Asia/Tehran", "2022-09-21", 23, 30, "2022-09-21T19:00:00Z"),
    ("Australia/Sydney", "2026-04-05", 2, 30, "2026-04-04T15:30:00Z"),
    ("Australia/Adelaide", "2026-04-05", 2, 30, "2026-04-04T16:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-05", 1, 45, "2026-04-04T14:45:00Z"),
    ("Pacific/Auckland", "2026-04-05", 2, 30, "2026-04-04T13:30:00Z"),
    ("Pacific/Chatham", "2026-04-05", 3, 0, "2026-04-04T13:15:00Z"),
]


def wall(day, hour, minute):
    return parse_instant(day).replace(tzinfo=None, hour=hour, minute=minute)


def daily(hour, minute):
    return parse_window_rule({"frequency": "daily", "hours": hour, "minutes": minute})


@pytest.mark.req("R-15")
@pytest.mark.parametrize(("zone", "day", "hour", "minute", "at"), GAPS)
def test_a_time_that_does_not_exist_runs_at_the_same_offset_after_the_gap(
    zone, day, hour, minute, at
):
    asked = wall(day, hour, minute)
    instant = instant_of(asked, zone)
    assert format_instant(instant) == at
    assert wall_of(instant, zone) > asked, "the time exists: the row tests nothing"


@pytest.mark.req("R-15")
@pytest.mark.parametrize(("zone", "day", "hour", "minute", "at"), REPEATS)
def test_a_repeated_time_means_its_first_occurrence(zone, day, hour, minute, at):
    asked = wall(day, hour, minute)
    instant = instant_of(asked, zone)
    assert format_instant(instant) == at
    again = instant + timedelta(minutes=30 if "Howe" in zone else 60)
    assert wall_of(again, zone) == asked, "the time comes once: the row tests nothing"


@pytest.mark.req("R-15")
@pytest.mark.parametrize(("zone", "day", "hour", "minute", "at"), GAPS + REPEATS)
def test_daily_rules_fire_once_on_the_day_of_the_change(zone, day, hour, minute, at):
    instant, rule = parse_instant(at), daily(hour, minute)
    assert next_match(rule, instant - timedelta(minutes=1), zone) == instant
    after = next_match(rule, instant, zone)
    # Not at the second 01:30, and not at once on a day that was skipped whole.
    assert after - instant >= timedelta(hours=22)
    assert wall_of(after, zone).time() == wall(day, hour, minute).time()


@pytest.mark.req("R-15")
@pytest.mark.parametrize(("zone", "day", "hour", "minute", "at"), GAPS + REPEATS)
def test_months_are_added_by_the_same_rule(zone, day, hour, minute, at):
    asked = wall(day, hour, minute)
    start = instant_of((asked - timedelta(days=40)).replace(day=min(asked.day, 28)), zone)
    months = (asked.year - wall_of(start, zone).year) * 12 + asked.month
    months -= wall_of(start, zone).month
    reached = add_duration(start, Duration(unit="months", value=months), zone)
    assert reached == instant_of(asked.replace(day=min(asked.day, 28)), zone)
    if asked.day <= 28:
        assert format_instant(reached) == at


def hourly_walls(zone, start, count, minute=0):
    rule = parse_window_rule({"frequency": "hourly", "minutes": minute})
    now, found = parse_instant(start), []
    for _ in range(count):
        now = next_match(rule, now, zone)
        found.append(f"{wall_of(now, zone):%H:%M}")
    return found


def test_hourly_rules_fire_once_where_a_gap_makes_two_hours_one():
    found = hourly_walls("America/New_York", "2026-03-08T05:59:00Z", 4)
    assert found == ["01:00", "03:00", "04:00", "05:00"]


def test_hourly_rules_skip_the_second_pass_of_a_repeated_hour():
    found = hourly_walls("America/New_York", "2026-11-01T03:59:00Z", 4)
    assert found == ["00:00", "01:00", "02:00", "03:00"]


def test_hourly_rules_follow_lord_howes_half_hour_gap():
    found = hourly_walls("Australia/Lord_Howe", "2026-10-03T14:29:00Z", 4, minute=15)
    assert found == ["01:15", "02:45", "03:15", "04:15"]


def test_hourly_rules_follow_lord_howes_half_hour_repeat():
    found = hourly_walls("Australia/Lord_Howe", "2026-04-04T13:30:00Z", 3, minute=45)
    assert found == ["00:45", "01:45", "02:45"]


def test_hourly_rules_keep_the_order_of_instants_over_a_lost_day():
    rule = parse_window_rule({"frequency": "hourly"})
    now = parse_instant("2011-12-30T08:30:00Z")
    for _ in range(30):
        later = next_match(rule, now, "Pacific/Apia")
        assert timedelta(0) < later - now <= timedelta(hours=1)
        now = later


def test_a_rule_for_the_lost_day_itself_fires_a_day_later():
    rule = parse_window_rule({"frequency": "daily", "days": ["fri"], "hours": 9})
    # Saturday 08:00 in Apia: the Friday never came, its 09:00 is still ahead.
    at = next_match(rule, parse_instant("2011-12-30T18:00:00Z"), "Pacific/Apia")
    assert format_instant(at) == "2011-12-30T19:00:00Z"


def test_every_zone_gives_one_morning_a_day_for_a_year():
    rule = daily(2, 30)
    start = parse_instant("2026-01-01")
    for zone in sorted(zone_names())[::12]:
        now, days = start, set()
        for _ in range(365):
            now = next_match(rule, now, zone)
            days.add(wall_of(now, zone).date())
        assert len(days) == 365
