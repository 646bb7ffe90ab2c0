"""SIGKILL at any instant loses nothing and doubles nothing (R-1 … R-6)."""

import asyncio

import pytest

from bench.crash.killer import COMMAND_POINTS, SERVING_POINTS
from bench.crash.loop import Plan, run_loop


@pytest.mark.crash
@pytest.mark.timeout(400)
@pytest.mark.req("R-1")
def test_twenty_kills_lose_and_double_nothing(tmp_path):
    plan = Plan(kills=20, faults_each=1, seed=7, command_kills=1)
    partial = []
    result = asyncio.run(run_loop(plan, tmp_path, partial.append))
    assert result["ok"], result
    assert result["kills"] == 20
    assert result["acknowledged_triggers"] > 200
    # Work of every kind was really under way, or the kills would prove little.
    assert result["in_flight_at_kills"]["looked"] == 20
    assert result["in_flight_at_kills"]["all_three"] >= 15
    assert set(result["commands"]["killed"]) == set(COMMAND_POINTS)
    assert partial[-1]["killed"] == result["killed"]


@pytest.mark.crash
@pytest.mark.timeout(200)
@pytest.mark.req("R-4")
def test_without_a_crash_even_a_plain_sink_sees_each_message_once(tmp_path):
    plan = Plan(kills=0, faults_each=0, quiet_seconds=6, fan_outs=False)
    result = asyncio.run(run_loop(plan, tmp_path))
    assert result["ok"], result
    assert result["acknowledged_triggers"] > 50
    assert result["plain_sink_repeats"] == 0


def test_at_least_twelve_crash_points_are_passed_while_serving():
    assert len(SERVING_POINTS) >= 12
