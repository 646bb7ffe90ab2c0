"""Updating data: what later steps see, and what is refused instead of guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.workflow.kinds import discover
from engine.workflow.validate import workflow_problems
from tests.engine.wire import delay, feed
from tests.engine.world import World

discover("engine.steps")


def update(data: Any) -> dict[str, Any]:
    return {"type": "update_data", "ref": "update_1", "settings": {"data": data}}


def after(tmp_path: Path, *updates: Any, data: dict[str, Any] | None = None) -> Any:
    """Give the data after the updates, or the message of the step that failed."""
    world = World(tmp_path)
    world.channels()
    world.user("u1", name="Ann")
    steps = [{**update(item), "ref": f"update_{n}"} for n, item in enumerate(updates)]
    world.workflow("w", [*steps, delay("1m"), feed()])
    world.trigger("w", "u1", data=data or {})
    world.until(world.clock.now().replace(hour=23))
    failed = [e for e in world.timeline(world.runs()[0]) if e["event"] == "step_failed"]
    found = world.messages()
    world.close()
    if failed:
        assert found == []
        return failed[0]["data"]["message"]
    return found[0].data


@pytest.mark.req("E-97")
@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"a": 1, "b": [True, None]}, {"n": 5, "a": 1, "b": [True, None]}),
        ('{"a": {{ data.n | plus: 1 }}}', {"n": 5, "a": 6}),
        ({"a": "{{ data.n }}"}, {"n": 5, "a": 5}),
        ({"a": "{{ data.n }} days"}, {"n": 5, "a": "5 days"}),
        ({"a": "5"}, {"n": 5, "a": "5"}),
        ({"a": [{"b": "{{ recipient.name }}"}]}, {"n": 5, "a": [{"b": "Ann"}]}),
        ({"a": "{{ data | json }}"}, {"n": 5, "a": {"n": 5}}),
        ({"n": "{{ data.nope | default: 'none' }}"}, {"n": "none"}),
        ({}, {"n": 5}),
    ],
)
def test_an_update_merges_what_its_template_gives(
    tmp_path: Path, template: Any, expected: dict[str, Any]
) -> None:
    assert after(tmp_path, template, data={"n": 5}) == expected


def test_an_update_sees_what_the_one_before_it_made(tmp_path: Path) -> None:
    first, second = {"n": "{{ data.n | plus: 1 }}"}, {"n": "{{ data.n | times: 10 }}"}
    assert after(tmp_path, first, second, data={"n": 1}) == {"n": 20}


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ({"a": "{{ data.nope }}"}, "'data.nope' is undefined"),
        ("{{ data.text }}", "the rendered data is not JSON"),
        ("[{{ data.n }}]", "the rendered data is not a JSON object"),
    ],
)
def test_what_gives_no_object_fails_the_step_with_the_cause(
    tmp_path: Path, template: Any, said: str
) -> None:
    assert said in after(tmp_path, template, data={"n": 5, "text": "not json"})


def test_the_timeline_shows_what_was_set_without_secrets(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.variable("token", "hush-hush-hush", is_secret=True)
    world.workflow("w", [update({"t": "{{ vars.token }}", "a": 1})])
    world.trigger("w", "u1")
    entries = {e["event"]: e["data"] for e in world.timeline(world.runs()[0])}
    world.close()
    assert entries["step_completed"]["data"]["a"] == 1
    assert "hush" not in str(entries)


def test_long_values_are_kept_whole_and_logged_in_short(tmp_path: Path) -> None:
    assert after(tmp_path, {"copy": "{{ data.t }}"}, data={"t": "x" * 5000})["copy"] == "x" * 5000
    world = World(tmp_path)
    world.workflow("w", [update({"copy": "{{ data.t }}"})])
    world.trigger("w", "u1", data={"t": "x" * 5000})
    entries = {e["event"]: e["data"] for e in world.timeline(world.runs()[0])}
    world.close()
    assert len(entries["step_completed"]["data"]["copy"]) == 1025


@pytest.mark.parametrize("data", [None, 5, [1], "nonsense", "[1]"])
def test_data_that_can_never_be_an_object_is_refused_when_it_is_saved(data: Any) -> None:
    (problem,) = workflow_problems("w", {"name": "W", "steps": [update(data)]})
    assert (problem.step_ref, problem.path) == ("update_1", "settings.data")
    assert "JSON" in problem.message
