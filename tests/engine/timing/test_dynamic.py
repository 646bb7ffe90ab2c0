from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.timing.dynamic import InvalidWindow, resolve_dynamic, resolve_instant
from engine.timing.instants import format_instant
from engine.timing.zones import LAST_INSTANT

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


@pytest.mark.req("E-49")
@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-06-03T12:00:00.000001Z", "2026-06-03T12:00:00.000001Z"),
        ("2026-06-04", "2026-06-04T00:00:00Z"),
        ("2026-06-03T13:00:00", "2026-06-03T13:00:00Z"),
        ("2026-06-03T13:00:00-04:00", "2026-06-03T17:00:00Z"),
        ({"unit": "minutes", "value": 90}, "2026-06-03T13:30:00Z"),
        ('{"unit":"days","value":2}', "2026-06-05T12:00:00Z"),
        ({"unit": "months", "value": 1}, "2026-07-03T12:00:00Z"),
        ({"frequency": "daily", "hours": 9}, "2026-06-03T13:00:00Z"),
        (' {"frequency":"weekly","days":["mon"],"hours":9}', "2026-06-08T13:00:00Z"),
    ],
)
def test_timestamps_durations_and_rules_resolve(value, at):
    assert format_instant(resolve_dynamic(value, NOON, "America/New_York")) == at


@pytest.mark.req("E-50")
@pytest.mark.parametrize(
    ("value", "reason", "sentence"),
    [
        (None, "missing", "found nothing at this path"),
        ("", "missing", "found nothing at this path"),
        ("2026-06-03T12:00:00Z", "past", "2026-06-03T12:00:00Z, which is not after"),
        ("2026-06-02T12:00:00Z", "past", "expected a timestamp in the future"),
        ("tomorrow", "malformed", "got 'tomorrow'"),
        ("5", "malformed", "got int"),
        ('"2026-06-04"', "malformed", "got str"),
        ("[" * 1_999, "malformed", "expected an ISO 8601 timestamp"),
        ("x" * 10_000_000, "malformed", "too long"),
        (5, "malformed", "got int"),
        (True, "malformed", "got bool"),
        ([], "malformed", "got list"),
        ({}, "malformed", "expected a unit"),
        ({"unit": "days", "value": -2}, "malformed", "above 0 of days, got -2"),
        ({"unit": "days", "value": 0.5}, "malformed", "got 0.5"),
        ({"frequency": "daily", "hours": 9, "minutes": 7}, "malformed", "grid, got 7"),
        ('{"frequency":"yearly"}', "malformed", "got 'yearly'"),
        ({"frequency": "daily", "interval": 7, "days": ["mon"]}, "malformed", "never matches"),
    ],
)
def test_unusable_values_name_the_reason(value, reason, sentence):
    with pytest.raises(InvalidWindow) as caught:
        resolve_dynamic(value, NOON, "Etc/UTC")
    assert caught.value.reason == reason
    assert sentence in str(caught.value)


@pytest.mark.req("E-70")
def test_the_base_of_a_relative_delay_may_lie_in_the_past():
    at = resolve_instant("2026-06-01T12:00:00Z", NOON, "Etc/UTC")
    assert format_instant(at) == "2026-06-01T12:00:00Z"


def test_a_wild_duration_is_far_away_instead_of_an_error():
    at = resolve_dynamic({"unit": "months", "value": 9_000_000_000_000}, NOON, "Etc/UTC")
    assert at == LAST_INSTANT


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["unit", "value", "frequency", "days", "hours", "minutes", "interval"]),
            inner | st.sampled_from(["daily", "weekly", "hours", "months", "mon"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["Etc/UTC", "Asia/Tokyo", "nowhere"]))
def test_any_json_either_resolves_to_the_future_or_is_invalid(value, zone):
    reason = None
    try:
        at = resolve_dynamic(value, NOON, zone)
    except InvalidWindow as error:
        reason, at = error.reason, NOON
    assert at > NOON if reason is None else reason in {"missing", "malformed", "past"}
    assert at.tzinfo is UTC
