from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.providers.base import Accepted, Bounced, Rejected, Retryable, SendResult
from engine.providers.circuit import FIRST_REST, LONGEST_REST, TRIPS_AFTER, Circuits

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DOWN = Retryable("503")


def tripped() -> Circuits:
    circuits = Circuits()
    for _ in range(TRIPS_AFTER):
        circuits.record("c1", DOWN, NOW)
    return circuits


@pytest.mark.req("R-28")
def test_a_channel_rests_after_failures_in_a_row_and_others_do_not() -> None:
    circuits = Circuits()
    for _ in range(TRIPS_AFTER - 1):
        circuits.record("c1", DOWN, NOW)
    circuits.record("c2", DOWN, NOW)
    assert circuits.open(NOW) == frozenset()
    circuits.record("c1", DOWN, NOW)
    assert circuits.open(NOW) == {"c1"}


@pytest.mark.parametrize("result", [Accepted("x"), Rejected("400"), Bounced("550")])
def test_any_other_result_starts_anew(result: SendResult) -> None:
    circuits = tripped()
    circuits.record("c1", result, NOW)
    assert circuits.open(NOW) == frozenset()
    circuits.record("c1", DOWN, NOW)
    assert circuits.open(NOW) == frozenset()


def test_a_rest_ends_and_a_failure_then_doubles_it_up_to_a_limit() -> None:
    circuits, now, rests = tripped(), NOW, []
    for _ in range(6):
        end = now
        while circuits.open(end):
            end += timedelta(seconds=1)
        rests.append(end - now)
        now = end
        circuits.record("c1", DOWN, now)
    assert rests[0] == FIRST_REST
    assert rests[1] == FIRST_REST * 2
    assert rests[-1] == rests[-2] == LONGEST_REST


def test_sends_that_were_under_way_do_not_prolong_the_rest() -> None:
    circuits = tripped()
    for _ in range(50):
        circuits.record("c1", DOWN, NOW + FIRST_REST / 2)
    assert circuits.open(NOW + FIRST_REST) == frozenset()


def test_a_clock_that_was_set_back_ends_the_rest() -> None:
    assert tripped().open(NOW - timedelta(hours=1)) == frozenset()
