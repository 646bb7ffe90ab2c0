from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine.timing.clock import ManualClock, SystemClock

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def test_system_clock_at_rate_one_tells_the_machines_time_in_utc():
    before = datetime.now(UTC)
    told = SystemClock(anchor=NOON).now()
    after = datetime.now(UTC)
    assert before <= told <= after
    assert told.utcoffset() == timedelta(0)


def test_fast_clock_multiplies_the_time_since_its_anchor():
    anchor = datetime.now(UTC) - timedelta(seconds=10)
    told = SystemClock(rate=600, anchor=anchor).now()
    after = datetime.now(UTC)
    assert timedelta(seconds=6_000) <= told - anchor <= (after - anchor) * 600


def test_fast_clocks_that_share_an_anchor_agree():
    anchor = datetime.now(UTC) - timedelta(hours=1)
    first = SystemClock(rate=60, anchor=anchor)
    second = SystemClock(rate=60, anchor=anchor.astimezone(timezone(timedelta(hours=5))))
    early, middle, late = first.now(), second.now(), first.now()
    assert early <= middle <= late


def test_fast_clock_without_an_anchor_starts_at_the_machines_time():
    before = datetime.now(UTC)
    clock = SystemClock(rate=600)
    assert before <= clock.anchor <= datetime.now(UTC)


@pytest.mark.parametrize(("rate", "seconds", "real"), [(600, 60, 0.1), (1, 5, 5), (1, -3, 0)])
def test_real_delay_divides_by_the_rate_and_is_never_negative(rate, seconds, real):
    assert SystemClock(rate=rate).real_delay(seconds) == pytest.approx(real)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_system_clock_refuses_a_rate_that_is_no_speed(rate):
    with pytest.raises(ValueError, match="rate above 0"):
        SystemClock(rate=rate)


def test_manual_clock_stands_still_until_moved():
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(timedelta(minutes=5)) == clock.now() == NOON + timedelta(minutes=5)
    clock.set(NOON - timedelta(hours=1))
    assert clock.now() == NOON - timedelta(hours=1)
    assert clock.real_delay(1e6) == 0


def test_clocks_refuse_naive_instants():
    naive = datetime(2026, 6, 3)  # noqa: DTZ001  # the point of the test
    for make in (ManualClock, ManualClock(NOON).set, lambda at: SystemClock(anchor=at)):
        with pytest.raises(ValueError, match="naive"):
            make(naive)
