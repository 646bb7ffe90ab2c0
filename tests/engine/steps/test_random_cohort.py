"""The experiment: fair, the same for the same key, and plain about wrong percentages."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.steps.random_cohort import PLACES, cohort_at, place_of
from engine.workflow.kinds import discover
from engine.workflow.validate import workflow_problems
from tests.engine.wire import asks, feed
from tests.engine.world import World

discover("engine.steps")


def experiment(*shares: Any, **more: Any) -> dict[str, Any]:
    arms = [
        {"name": f"Arm {n}", "percentage": share, "steps": [feed(ref=f"feed_{n}")]}
        for n, share in enumerate(shares)
    ]
    return {"type": "random_cohort", "ref": "cohort_1", "cohort_branches": arms, **more}


def problems(step: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    found = workflow_problems("trial", {"name": "Trial", "steps": [step]})
    return [(p.step_ref, p.path, p.message) for p in found]


@pytest.mark.req("V-57")
def test_ten_thousand_recipients_split_evenly(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.channels()
    world.workflow("trial", [experiment(50, 50)])
    for start in range(0, 10_000, 1000):
        world.trigger("trial", *[f"p{n}" for n in range(start, start + 1000)])
    counts = Counter(m.step_ref for m in world.messages())
    world.close()
    assert counts.total() == 10_000
    assert all(4800 <= number <= 5200 for number in counts.values())


@pytest.mark.req("V-58")
def test_percentages_that_miss_a_hundred_are_refused_with_their_sum() -> None:
    assert problems(experiment(33.3, 33.3, 33.3)) == [
        (
            "cohort_1",
            "cohort_branches",
            "The percentages sum to 99.9 and must sum to exactly 100: change one of them.",
        )
    ]
    assert problems(experiment(33.3, 33.3, 33.4)) == []


@pytest.mark.parametrize("share", [33.33, -1, 100.1, "50", None, True, float("1e300")])
def test_what_is_no_percentage_is_named_with_its_place(share: Any) -> None:
    ((ref, path, message),) = problems(experiment(50, share))
    assert (ref, path) == ("cohort_1", "cohort_branches[1].percentage")
    assert message.startswith("Expected a percentage from 0 to 100 with one decimal at most")


def test_an_experiment_has_no_conditions_and_a_key_that_is_text() -> None:
    (conditions,) = problems(experiment(50, 50, conditions=asks("data.x", "equal_to", "1")))
    assert conditions[1] == "conditions"
    (key,) = problems(experiment(50, 50, cohort_key=5))
    assert key[1:] == ("cohort_key", "Expected a path such as data.plan, or a template; got 5.")


def test_an_experiment_has_two_cohorts_at_least() -> None:
    assert [p[2] for p in problems(experiment(100))] == ["Expected 2 to 10 branches, got 1."]


@given(st.lists(st.integers(0, PLACES), min_size=1, max_size=9), st.integers(0, PLACES - 1))
def test_a_place_lies_in_the_range_of_its_cohort(cuts: list[int], place: int) -> None:
    ends = [*sorted(cuts), PLACES]
    arm = cohort_at(ends, place)
    assert (ends[arm - 1] if arm else 0) <= place < ends[arm]


def test_the_place_of_a_key_never_changes() -> None:
    # SHA-256 of "trial:cohort_1:u1" begins with these bytes, whatever the machine.
    assert place_of("trial", "cohort_1", "u1") == 301
    assert place_of("trial", "cohort_2", "u1") != 301


@pytest.mark.req("E-85")
@pytest.mark.parametrize(
    ("key", "data", "counted"),
    [
        (None, {}, "u1"),
        ("data.plan", {"plan": "pro"}, "pro"),
        ("data.plan", {"plan": 7}, "7"),
        ("{{ data.plan }}-x", {"plan": "pro"}, "pro-x"),
        ("data.plan", {}, "u1"),
        ("data.plan", {"plan": None}, "u1"),
        ("{{ data.plan }}", {}, "u1"),
    ],
)
def test_the_timeline_says_which_cohort_by_which_key(
    tmp_path: Path, key: str | None, data: dict[str, Any], counted: str
) -> None:
    world = World(tmp_path)
    world.channels()
    world.workflow("trial", [experiment(50, 50, **({"cohort_key": key} if key else {}))])
    world.trigger("trial", "u1", data=data)
    (taken,) = [e for e in world.timeline(world.runs()[0]) if e["event"] == "branch_taken"]
    (message,) = world.messages()
    world.close()
    arm = 0 if place_of("trial", "cohort_1", counted) < 500 else 1
    assert taken["data"]["key"] == counted
    assert taken["data"]["cohort"] == f"Arm {arm}"
    assert taken["data"]["distribution"][1] == {"cohort": "Arm 1", "percentage": 50}
    assert message.step_ref == f"feed_{arm}"


def test_a_key_that_does_not_render_ends_the_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.channels()
    world.workflow("trial", [experiment(50, 50, cohort_key="{{ 'x' | from_json }}"), feed(ref="f")])
    world.trigger("trial", "u1")
    (run,) = world.runs()
    events = [e["event"] for e in world.timeline(run)]
    made = world.messages()
    world.close()
    assert "step_failed" in events
    assert (made, run.error_count) == ([], 1)
