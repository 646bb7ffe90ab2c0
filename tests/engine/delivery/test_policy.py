from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.policy import (
    DELAYS,
    MAX_ATTEMPTS,
    RETRY_WINDOW,
    failure_reason,
    jitter_for,
    next_attempt,
    status_after,
)
from engine.providers.base import Accepted, Bounced, Delivered, Rejected, Retryable, SendResult

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = START + timedelta(seconds=5)
DOWN = Retryable("503")


def attempts(result: SendResult, jitter: float, took: float = 0.0) -> list[float]:
    """Play attempts on a simulated clock; give the seconds at which each began."""
    at, begun = START, []
    while True:
        begun.append((at - START).total_seconds())
        due = next_attempt(len(begun), START, at + timedelta(seconds=took), result, jitter)
        if due is None:
            return begun
        at = due


@pytest.mark.parametrize(("jitter", "factor"), [(0.0, 0.8), (0.5, 1.0)])
def test_eight_attempts_follow_the_documented_delays(jitter: float, factor: float) -> None:
    begun = attempts(DOWN, jitter)
    pauses = [after - before for before, after in pairwise(begun)]
    assert pauses == pytest.approx([delay * factor for delay in DELAYS])


def test_the_longest_jitter_still_makes_eight_attempts_within_the_window() -> None:
    begun = attempts(DOWN, 0.999_999)
    assert len(begun) == MAX_ATTEMPTS
    assert begun[-1] == RETRY_WINDOW.total_seconds()


def test_attempts_that_hang_for_fifty_seconds_stay_within_the_window() -> None:
    begun = attempts(DOWN, 0.5, took=50)
    assert len(begun) == MAX_ATTEMPTS
    assert begun[-1] <= RETRY_WINDOW.total_seconds()


@given(
    jitter=st.floats(0, 0.999),
    took=st.floats(0, 400),
    after=st.none() | st.timedeltas(min_value=timedelta(days=-5)),
)
def test_no_schedule_leaves_the_window_or_passes_eight_attempts(
    jitter: float, took: float, after: timedelta | None
) -> None:
    begun = attempts(Retryable("503", after), jitter, took)
    assert 1 <= len(begun) <= MAX_ATTEMPTS
    assert begun[-1] <= RETRY_WINDOW.total_seconds()
    assert begun == sorted(begun)


def test_a_longer_retry_after_replaces_the_delay() -> None:
    assert next_attempt(1, START, START, Retryable("429", timedelta(seconds=90)), 0.5) == (
        START + timedelta(seconds=90)
    )


def test_a_shorter_retry_after_does_not_hurry() -> None:
    assert next_attempt(3, START, START, Retryable("429", timedelta(seconds=1)), 0.5) == (
        START + timedelta(seconds=45)
    )


def test_a_retry_after_beyond_the_window_leaves_one_attempt_at_its_edge() -> None:
    assert attempts(Retryable("429", timedelta(hours=5)), 0.5) == [0.0, 1800.0]


def test_a_retry_after_of_a_million_years_is_no_error() -> None:
    assert attempts(Retryable("429", timedelta.max), 0.5) == [0.0, 1800.0]


@pytest.mark.parametrize(
    "result", [Accepted("x"), Delivered(None), Rejected("400"), Bounced("550")]
)
def test_only_a_retryable_result_is_tried_again(result: SendResult) -> None:
    assert next_attempt(1, START, START, result, 0.5) is None


def test_nothing_is_due_after_a_long_outage() -> None:
    assert next_attempt(2, START, START + timedelta(hours=2), DOWN, 0.5) is None


@pytest.mark.parametrize(
    ("channel_type", "result", "next_at", "status", "reason"),
    [
        ("email", Accepted(), None, "sent", None),
        ("sms", Accepted(), None, "sent", None),
        ("email", Delivered(), None, "delivered", None),
        ("push", Delivered(), None, "sent", None),
        ("chat", Delivered(), None, "sent", None),
        ("chat", Accepted(), None, "sent", None),
        ("http", Accepted(), None, "delivered", None),
        ("http", Delivered(), None, "delivered", None),
        ("in_app_feed", Accepted(), None, "delivered", None),
        ("email", Bounced("550"), None, "bounced", None),
        ("email", Rejected("400"), None, "undelivered", "fatal_error"),
        ("email", Retryable("503"), LATER, "delivery_attempted", None),
        ("email", Retryable("503"), None, "undelivered", "retries_exhausted"),
    ],
)
def test_each_outcome_ends_in_its_status(
    channel_type: str,
    result: SendResult,
    next_at: datetime | None,
    status: str,
    reason: str | None,
) -> None:
    assert status_after(channel_type, result, next_at) == status
    assert failure_reason(result, next_at) == reason


def test_jitter_is_the_same_after_a_restart_and_differs_between_attempts() -> None:
    assert jitter_for("2w3YUpTTOxuDvZFji8OMsKrG176", 3) == pytest.approx(0.019544, abs=1e-6)
    drawn = [jitter_for("message", attempt) for attempt in range(1000)]
    assert drawn == [jitter_for("message", attempt) for attempt in range(1000)]
    assert all(0 <= value < 1 for value in drawn)
    assert 0.45 < sum(drawn) / len(drawn) < 0.55
