"""Guessing: ten attempts are free, then each waits longer (R-43)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.auth.slowdown import FORGET, LONGEST, Slowdown

pytestmark = pytest.mark.req("R-43")
NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)


def test_ten_attempts_are_free_and_then_each_waits_longer() -> None:
    slow, now, waits = Slowdown(), NOON, []
    for _ in range(18):
        wait = slow.wait("ann", now)
        waits.append(int(wait.total_seconds()))
        now += wait
        slow.begin("ann", now)

    assert waits == [0] * 10 + [1, 2, 4, 8, 16, 30, 30, 30]


def test_attempts_at_the_same_moment_do_not_slip_through_together() -> None:
    slow = Slowdown()
    passed = 0
    for _ in range(200):
        if not slow.wait("ann", NOON):
            slow.begin("ann", NOON)
            passed += 1

    assert passed == 10


def test_the_right_password_forgives_and_other_keys_are_untouched() -> None:
    slow = Slowdown()
    for _ in range(12):
        slow.begin("ann", NOON)

    assert slow.wait("ben", NOON) == timedelta(0)
    slow.forget("ann")
    assert slow.wait("ann", NOON) == timedelta(0)


def test_what_the_file_remembers_counts_after_a_restart() -> None:
    slow = Slowdown()
    slow.begin("ann", NOON, known_failures=400)

    assert timedelta(0) < slow.wait("ann", NOON) <= LONGEST


def test_an_hour_of_silence_starts_anew() -> None:
    slow = Slowdown()
    for _ in range(15):
        slow.begin("ann", NOON)

    assert slow.wait("ann", NOON + FORGET) == timedelta(0)
    slow.begin("ann", NOON + FORGET)
    assert slow.wait("ann", NOON + FORGET) == timedelta(0)
