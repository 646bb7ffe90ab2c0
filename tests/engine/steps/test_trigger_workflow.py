"""Starting another workflow: what it gets, when it is passed over, when the step fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.workflow.kinds import discover
from engine.workflow.validate import workflow_problems
from storage.records import Run, Trigger, WorkflowStatus
from storage.triggers import get_triggers
from tests.engine.wire import asks, feed
from tests.engine.world import World

discover("engine.steps")
PROJECT = {"id": "p1", "collection": "projects"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.channels()
    made.user("u1", name="Ann")
    made.user("u2", name="Ben")
    made.identify({**PROJECT, "name": "Apollo"})
    made.workflow("child", [feed("{{ data.n }}")])
    yield made
    made.close()


def start(**settings: Any) -> dict[str, Any]:
    settings = {"workflow_key": "child", **settings}
    return {"type": "trigger_workflow", "ref": "trigger_1", "settings": settings}


def played(world: World, step: dict[str, Any], *recipients: Any, **body: Any) -> dict[str, Any]:
    """Run a parent with this step; give the entries of the step by event."""
    world.workflow("parent", [step])
    world.trigger("parent", *(recipients or ["u1"]), **body)
    parent = next(run for run in world.runs() if run.workflow == "parent")
    return {e["event"]: e for e in world.timeline(parent) if e["step_ref"] == "trigger_1"}


def children(world: World) -> list[Run]:
    return [run for run in world.runs() if run.workflow == "child"]


def trigger_of(world: World, run: Run) -> Trigger:
    return get_triggers(world.sql(), [run.trigger_id])[run.trigger_id]


@pytest.mark.req("E-87")
@pytest.mark.parametrize(
    ("settings", "recipients"),
    [
        ({"recipients": "u2"}, ["u2"]),
        ({"recipients": "{{ data.who | json }}"}, ["u1", "u2"]),
        ({"recipients": '["u2", {"id": "u3", "name": "New"}]'}, ["u2", "u3"]),
        ({"recipients": ["{{ recipient.id }}", "u2"]}, ["u1", "u2"]),
        ({"recipients": "42"}, ["42"]),
        ({"recipients": '"u2"'}, ["u2"]),
        ({"recipients": '{"id": "p1", "collection": "projects"}'}, ["p1"]),
        ({"recipients": None}, ["u1"]),
    ],
)
def test_recipients_are_an_id_or_the_json_of_some(
    world: World, settings: dict[str, Any], recipients: list[str]
) -> None:
    played(world, start(**settings), data={"who": ["u1", "u2"]})
    assert [run.recipient.id for run in children(world)] == recipients


def test_what_is_left_out_is_the_runs_own(world: World) -> None:
    body = {"actor": PROJECT, "tenant": "acme", "data": {"n": 1}, "cancellation_key": "k"}
    entry = played(world, start(), PROJECT, **body)["step_completed"]
    (child,) = children(world)
    made = trigger_of(world, child)
    assert child.recipient == ("projects", "p1")
    assert (made.actor, made.tenant) == (("projects", "p1"), "acme")
    assert (made.data, made.cancellation_key) == ({"n": 1}, "k")
    assert made.source_type == "workflow_step"
    assert entry["data"] == {"workflow": "child", "workflow_run_id": made.id}


def test_what_renders_to_nothing_is_absent(world: World) -> None:
    nothing = {"actor": "", "tenant": "{{ data.x }}", "data": " ", "cancellation_key": ""}
    body = {"actor": "u2", "tenant": "acme", "data": {"n": 1}, "cancellation_key": "k"}
    played(world, start(**nothing), **body)
    made = trigger_of(world, children(world)[0])
    assert (made.actor, made.tenant, made.data, made.cancellation_key) == (None, None, {}, None)


def test_the_child_gets_what_the_templates_say(world: World) -> None:
    settings = {
        "workflow_key": "{{ data.what }}",
        "actor": "{{ recipient.id }}",
        "tenant": '{"id": "globex", "plan": "pro"}',
        "data": {"n": "{{ data.n | plus: 1 }}", "text": "for {{ recipient.name }}"},
        "cancellation_key": "c-{{ data.n }}",
    }
    played(world, start(**settings), data={"n": 1, "what": "child"})
    made = trigger_of(world, children(world)[0])
    assert made.actor == ("$users", "u1")
    assert (made.tenant, made.cancellation_key) == ("globex", "c-1")
    assert made.data == {"n": 2, "text": "for Ann"}


@pytest.mark.req("E-88")
def test_the_rules_of_the_child_hold(world: World) -> None:
    conditions = asks("data.n", "greater_than", 1)
    world.workflow("child", [feed()], conditions=conditions, trigger_frequency="once_per_recipient")
    for n in (1, 2, 3):
        played(world, start(), data={"n": n})
    assert [run.status for run in children(world)] == ["completed", "completed"]
    assert len(world.messages()) == 1


def test_the_child_is_told_to_everybody_who_follows_an_object(world: World) -> None:
    world.subscribe(PROJECT, "u1", "u2")
    played(world, start(recipients='{"id": "p1", "collection": "projects"}', actor="u2"))
    assert {run.recipient.id for run in children(world)} == {"p1", "u1"}


def test_sandbox_mode_is_handed_on(world: World) -> None:
    played(world, start(), settings={"sandbox_mode": True})
    assert trigger_of(world, children(world)[0]).settings["sandbox_mode"] is True


@pytest.mark.req("E-89")
@pytest.mark.parametrize("key", ["absent", "asleep", "gone", "{{ data.none }}"])
def test_a_target_that_takes_no_triggers_is_passed_over(world: World, key: str) -> None:
    for workflow, status in (("asleep", "inactive"), ("gone", "archived")):
        world.workflow(workflow, [feed()])
        world.set_status(workflow, WorkflowStatus(status))
    entry = played(world, start(workflow_key=key))["step_skipped"]
    assert entry["data"]["reason"] == "target_workflow_unavailable"
    assert (entry["status"], world.runs()[0].error_count) == ("ok", 0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": "{{ data.text }}"}, "the rendered data is not JSON"),
        ({"data": "[{{ 1 }}]"}, "the rendered data is not a JSON object"),
        ({"recipients": ""}, "no recipients"),
        ({"recipients": "[]"}, "no recipients"),
        ({"recipients": "[5]"}, "recipients[0]: expected a user id"),
        ({"actor": "[1]"}, "actor: expected"),
        ({"tenant": "a/b"}, "tenant: an id may hold neither"),
        ({"data": {"a": "{{ 'x' | from_json }}"}}, "did not render"),
        ({"data": {"n": "none"}}, "data.n: 'none' is not of type 'integer'"),
        ({"recipients": '{"id": "u9", "name": "{{ data.big }}"}'}, "the limit is 262144"),
    ],
)
def test_what_no_trigger_would_take_fails_the_step_and_starts_nothing(
    world: World, settings: dict[str, Any], said: str
) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    world.workflow("child", [feed()], trigger_data_json_schema=schema)
    data = {"text": "no json", "big": "x" * 262_144}
    entry = played(world, start(**settings), data=data)["step_failed"]
    assert said in entry["data"]["message"]
    assert children(world) == []
    assert world.runs()[0].error_count == 1


@pytest.mark.req("E-90")
def test_a_workflow_that_starts_itself_ends_after_ten_levels(world: World) -> None:
    world.workflow("circle", [feed(), start(workflow_key="circle")])
    world.trigger("circle", "u1")
    runs = world.runs()
    assert len(runs) == 11
    assert [run.error_count for run in runs] == [0] * 10 + [1]
    (failed,) = [e for e in world.timeline(runs[-1]) if e["event"] == "step_failed"]
    assert "10 levels deep at most" in failed["data"]["message"]


def test_the_id_of_the_trigger_follows_from_run_and_step(tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        world = World(tmp_path / folder)
        world.workflow("child", [])
        world.workflow("parent", [start(), {**start(), "ref": "trigger_2"}])
        world.trigger("parent", "u1", "u2")
        found.append({run.trigger_id for run in children(world)})
        world.close()
    assert len(found[0]) == 4
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"workflow_key": None}, "settings.workflow_key"),
        ({"workflow_key": ""}, "settings.workflow_key"),
        ({"cancellation_key": 5}, "settings.cancellation_key"),
        ({"data": "not json"}, "settings.data"),
        ({"data": "{{ data | jsn }}"}, "settings.data"),
    ],
)
def test_a_step_that_can_never_work_is_refused_when_it_is_saved(
    settings: dict[str, Any], path: str
) -> None:
    (problem,) = workflow_problems("w", {"name": "W", "steps": [start(**settings)]})
    assert (problem.step_ref, problem.path) == ("trigger_1", path)
