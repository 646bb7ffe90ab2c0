from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.timing.instants import format_instant, parse_instant
from engine.timing.windows import WEEKDAYS, InvalidRule, next_match, parse_window_rule
from engine.timing.zones import instant_of, wall_of

NOON = "2026-06-03T12:00:00Z"  # a Wednesday


def match(rule, now=NOON, zone="Etc/UTC", anchor=None):
    at = next_match(
        parse_window_rule(rule),
        parse_instant(now),
        zone,
        anchor=None if anchor is None else parse_instant(anchor),
    )
    return format_instant(at)


def series(rule, now, zone, count, anchor=None):
    found = []
    for _ in range(count):
        now = match(rule, now, zone, anchor)
        found.append(now)
    return found


def test_v16_weekly_rule_in_utc():
    assert match({"frequency": "weekly", "days": ["mon"], "hours": 9}) == "2026-06-08T09:00:00Z"


def test_v17_weekly_rule_in_new_york():
    rule = {"frequency": "weekly", "days": ["mon"], "hours": 9}
    assert match(rule, zone="America/New_York") == "2026-06-08T13:00:00Z"


def test_v18_a_match_at_now_is_not_after_now():
    assert match({"frequency": "daily", "hours": 12}) == "2026-06-04T12:00:00Z"


def test_v19_the_31st_of_june_is_the_30th():
    rule = {"frequency": "monthly", "day_of_month": 31, "hours": 8}
    assert match(rule) == "2026-06-30T08:00:00Z"


def test_v20_minutes_off_the_grid_make_the_rule_invalid():
    with pytest.raises(InvalidRule, match="five-minute grid, got 7"):
        parse_window_rule({"frequency": "daily", "hours": 9, "minutes": 7})


def test_v21_a_time_inside_the_spring_gap_runs_an_hour_later_on_the_wall():
    rule = {"frequency": "daily", "hours": 2, "minutes": 30}
    at = match(rule, now="2026-03-08T05:00:00Z", zone="America/New_York")
    assert at == "2026-03-08T07:30:00Z"


def test_v126_weekly_schedule_created_before_the_clocks_change():
    rule = {"frequency": "weekly", "days": ["mon"], "hours": 9}
    found = series(rule, "2026-03-25T10:00:00Z", "Europe/Paris", 2)
    assert found == ["2026-03-30T07:00:00Z", "2026-04-06T07:00:00Z"]


def test_v127_weekly_schedule_across_the_change_of_clocks():
    rule = {"frequency": "weekly", "days": ["mon"], "hours": 9}
    found = series(rule, "2026-03-18T10:00:00Z", "Europe/Paris", 2)
    assert found == ["2026-03-23T08:00:00Z", "2026-03-30T07:00:00Z"]


def test_v128_every_second_week_counts_from_the_week_of_the_anchor():
    rule = {"frequency": "weekly", "interval": 2, "days": ["mon", "fri"], "hours": 18}
    created = "2026-06-02T08:00:00Z"
    found = series(rule, created, "Etc/UTC", 3, anchor=created)
    assert found == ["2026-06-05T18:00:00Z", "2026-06-15T18:00:00Z", "2026-06-19T18:00:00Z"]


def test_v129_weekdays_skip_the_weekend():
    rule = {"frequency": "weekly", "days": "weekdays", "hours": 10, "minutes": 30}
    assert match(rule, now="2026-06-05T11:00:00Z") == "2026-06-08T10:30:00Z"


@pytest.mark.req("E-52")
@pytest.mark.parametrize(
    ("rule", "at"),
    [
        ({"frequency": "hourly"}, "2026-06-03T13:00:00Z"),
        ({"frequency": "hourly", "hours": 3, "minutes": 15}, "2026-06-03T12:15:00Z"),
        ({"frequency": "hourly", "days": ["fri"]}, "2026-06-05T00:00:00Z"),
        ({"frequency": "hourly", "interval": 5}, "2026-06-03T17:00:00Z"),
        ({"frequency": "daily"}, "2026-06-04T00:00:00Z"),
        ({"frequency": "daily", "hours": 12, "minutes": 5}, "2026-06-03T12:05:00Z"),
        ({"frequency": "daily", "days": ["sat", "mon"]}, "2026-06-06T00:00:00Z"),
        ({"frequency": "daily", "days": ["weekends"]}, "2026-06-06T00:00:00Z"),
        ({"frequency": "daily", "interval": 3, "hours": 9}, "2026-06-06T09:00:00Z"),
        ({"frequency": "daily", "interval": 2, "days": ["sat"]}, "2026-06-13T00:00:00Z"),
        ({"frequency": "weekly"}, "2026-06-10T00:00:00Z"),
        ({"frequency": "weekly", "hours": 18}, "2026-06-03T18:00:00Z"),
        ({"frequency": "weekly", "days": [], "hours": 18}, "2026-06-03T18:00:00Z"),
        ({"frequency": "weekly", "interval": 2}, "2026-06-17T00:00:00Z"),
        ({"frequency": "monthly"}, "2026-07-01T00:00:00Z"),
        ({"frequency": "monthly", "days": ["fri"]}, "2026-06-05T00:00:00Z"),
        ({"frequency": "monthly", "days": ["tue"], "hours": 7}, "2026-07-07T07:00:00Z"),
        ({"frequency": "monthly", "days": ["weekdays"]}, "2026-07-01T00:00:00Z"),
        ({"frequency": "monthly", "day_of_month": 4}, "2026-06-04T00:00:00Z"),
        ({"frequency": "monthly", "day_of_month": 3}, "2026-07-03T00:00:00Z"),
        ({"frequency": "monthly", "interval": 3, "day_of_month": 2}, "2026-09-02T00:00:00Z"),
        (
            {"frequency": "daily", "days": None, "hours": None, "minutes": None, "interval": None,
             "day_of_month": None, "__typename": "ScheduleRepeat"},
            "2026-06-04T00:00:00Z",
        ),
    ],
)  # fmt: skip
def test_rules_name_the_next_instant(rule, at):
    assert match(rule) == at


def test_the_31st_falls_on_every_months_last_day():
    rule = {"frequency": "monthly", "day_of_month": 31}
    found = series(rule, "2024-01-31T00:00:00Z", "Etc/UTC", 4)
    assert [day[5:10] for day in found] == ["02-29", "03-31", "04-30", "05-31"]


def test_weekly_without_days_keeps_the_local_weekday():
    # Still Tuesday evening in Los Angeles.
    at = match({"frequency": "weekly"}, now="2026-06-03T01:00:00Z", zone="America/Los_Angeles")
    assert at == "2026-06-09T07:00:00Z"


@pytest.mark.req("E-161")
@pytest.mark.parametrize(
    ("rule", "anchor", "at"),
    [
        ({"frequency": "hourly", "interval": 6}, "2026-06-01T01:30:00Z", "2026-06-03T13:00:00Z"),
        ({"frequency": "daily", "interval": 4}, "2026-05-29T09:00:00Z", "2026-06-06T00:00:00Z"),
        ({"frequency": "monthly", "interval": 2}, "2026-05-20T09:00:00Z", "2026-07-01T00:00:00Z"),
        ({"frequency": "daily", "interval": 1000}, "2026-06-02T00:00:00Z", "2029-02-26T00:00:00Z"),
    ],
)
def test_intervals_count_from_the_anchor(rule, anchor, at):
    assert match(rule, anchor=anchor) == at


@pytest.mark.parametrize(
    ("rule", "anchor"),
    [
        ({"frequency": "daily", "interval": 7, "days": ["mon"]}, "2026-06-02T00:00:00Z"),
        ({"frequency": "hourly", "interval": 168, "days": ["mon"]}, "2026-06-02T00:00:00Z"),
        ({"frequency": "monthly", "interval": 1_000_000}, "2026-05-02T00:00:00Z"),
    ],
)
def test_a_rule_that_never_matches_is_invalid_instead_of_endless(rule, anchor):
    with pytest.raises(InvalidRule, match="never matches"):
        match(rule, anchor=anchor)


@pytest.mark.req("E-52")
@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (None, "rule object, got NoneType"),
        ([{"frequency": "daily"}], "got list"),
        ({}, "frequency out of hourly, daily, weekly, monthly"),
        ({"frequency": "yearly"}, "got 'yearly'"),
        ({"frequency": ["daily"]}, "got list"),
        ({"frequency": "daily", "hours": 24}, "hours to be a whole number from 0 to 23, got 24"),
        ({"frequency": "daily", "hours": -1}, "got -1"),
        ({"frequency": "daily", "hours": 9.0}, "got 9.0"),
        ({"frequency": "daily", "hours": True}, "got True"),
        ({"frequency": "daily", "hours": "9"}, "got '9'"),
        ({"frequency": "daily", "minutes": 60}, "minutes to be a whole number"),
        ({"frequency": "daily", "minutes": 59}, "grid, got 59"),
        ({"frequency": "monthly", "day_of_month": 0}, "day_of_month"),
        ({"frequency": "monthly", "day_of_month": 32}, "got 32"),
        ({"frequency": "daily", "interval": 0}, "interval"),
        ({"frequency": "daily", "interval": 10**400}, "got int"),
        ({"frequency": "weekly", "days": ["monday"]}, "expected days out of mon, tue"),
        ({"frequency": "weekly", "days": ["mon", 2]}, "got 2"),
        ({"frequency": "weekly", "days": {"mon": True}}, "list of days, got dict"),
    ],
)
def test_invalid_rules_say_what_was_expected(rule, sentence):
    with pytest.raises(InvalidRule) as caught:
        parse_window_rule(rule)
    assert sentence in str(caught.value)


rules = st.fixed_dictionaries(
    {"frequency": st.sampled_from(["hourly", "daily", "weekly", "monthly"])},
    optional={
        "days": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4),
        "hours": st.integers(0, 23),
        "minutes": st.sampled_from(range(0, 60, 5)),
        "day_of_month": st.integers(1, 31),
    },
)
ZONES = [
    "Etc/UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns",
    "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia", "Asia/Tehran",
]  # fmt: skip


def names(rule, wall, now_wall):
    """Restate the rule's meaning for one wall time on the five-minute grid."""
    if wall.minute != rule.get("minutes", 0):
        return False
    frequency, days = rule["frequency"], rule.get("days")
    weekday = WEEKDAYS[wall.weekday()]
    if frequency == "hourly":
        return days is None or weekday in days
    if wall.hour != rule.get("hours", 0):
        return False
    if frequency == "daily":
        return days is None or weekday in days
    if frequency == "weekly":
        return weekday in (days or [WEEKDAYS[now_wall.weekday()]])
    last = monthrange(wall.year, wall.month)[1]
    if days is None or "day_of_month" in rule:
        return wall.day == min(rule.get("day_of_month", 1), last)
    earlier = (WEEKDAYS[(wall - timedelta(days=back)).weekday()] for back in range(1, wall.day))
    return weekday in days and not any(day in days for day in earlier)


@given(rules, st.sampled_from(ZONES), st.integers(0, 2 * 365 * 24 * 60))
def test_every_match_is_strictly_later_and_on_the_five_minute_grid(rule, zone, minute):
    now = datetime(2025, 1, 1, 0, 0, 59, tzinfo=UTC) + timedelta(minutes=minute)
    at = next_match(parse_window_rule(rule), now, zone)
    assert now < at <= now + timedelta(days=63)
    wall = wall_of(at, zone)
    assert (wall.minute % 5, wall.second, wall.microsecond) == (0, 0, 0)


@settings(max_examples=60, deadline=None)
@given(
    rules,
    st.sampled_from(ZONES),
    # Around the days on which one zone or another changes its clocks.
    st.sampled_from(
        ["2011-12-29", "2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-31"]
    ),
    st.integers(0, 3 * 24 * 12),
)
def test_the_match_is_the_earliest_of_all_named_wall_times(rule, zone, day, step):
    now = parse_instant(day) + timedelta(minutes=5 * step)
    at = next_match(parse_window_rule(rule), now, zone)
    now_wall = wall_of(now, zone)
    wall = now_wall.replace(minute=0, second=0) - timedelta(days=2)
    end = wall_of(at, zone) + timedelta(days=2)
    while wall <= end:
        if names(rule, wall, now_wall):
            other = instant_of(wall, zone)
            assert other >= at or other <= now
        wall += timedelta(minutes=5)
