"""Updating users, objects and tenants: what is stored, what later steps see, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.workflow.kinds import discover
from engine.workflow.validate import workflow_problems
from storage.recipients import get_many
from storage.records import TENANTS, USERS, RecipientRef, Run
from tests.engine.wire import feed
from tests.engine.world import World

discover("engine.steps")
PROJECT = {"id": "p1", "collection": "projects"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.channels()
    made.user("u1", name="Ann", meta={"first": "a", "tags": [1, 2]})
    made.identify({**PROJECT, "name": "Apollo"})
    yield made
    made.close()


def update(kind: str, properties: Any, **more: Any) -> dict[str, Any]:
    settings = {"update_properties": properties, **more}
    return {"type": f"update_{kind}", "ref": "update_1", "settings": settings}


def named(gid: str, **more: Any) -> dict[str, Any]:
    return {"recipient_mode": "reference", "recipient_gid": gid, **more}


def played(world: World, step: dict[str, Any], *recipients: Any, **body: Any) -> tuple[Run, Any]:
    """Run the step, then a message; give the run and the entries of its timeline by event."""
    world.workflow("w", [step, feed("{{ recipient.meta.first }} {{ tenant.plan }}")])
    world.trigger("w", *(recipients or ["u1"]), **body)
    run = world.runs()[-1]
    return run, {e["event"]: e for e in world.timeline(run) if e["step_ref"] == "update_1"}


def stored(world: World, collection: str, id_: str) -> dict[str, Any] | None:
    ref = RecipientRef(collection, id_)
    found = get_many(world.sql(), world.env, [ref]).get(ref)
    return found.properties if found else None


@pytest.mark.req("E-98")
def test_a_user_is_merged_deeply_and_lists_are_replaced_whole(world: World) -> None:
    properties = {"meta": {"tags": [3], "n": "{{ data.n }}"}, "name": "{{ recipient.name }}!"}
    _, events = played(world, update("user", properties), data={"n": 5})
    meta = {"first": "a", "tags": [3], "n": 5}
    assert stored(world, USERS, "u1") == {"name": "Ann!", "meta": meta}
    detail = events["step_completed"]["data"]
    assert detail["before"] == {"name": "Ann", "meta": {"first": "a", "tags": [1, 2]}}
    assert detail["after"] == {"name": "Ann!", "meta": meta}


@pytest.mark.req("E-38")
def test_later_steps_see_the_recipient_as_it_is_now(world: World) -> None:
    played(world, update("user", {"meta": {"first": "z"}}))
    (message,) = world.messages()
    assert "<p>z</p>" in str(world.content(message))


def test_an_unknown_user_is_created_by_reference_and_as_the_recipient(world: World) -> None:
    step = update("user", {"seen": True}, **named("gid://Object/$users/{{ data.who }}"))
    _, events = played(world, step, data={"who": "new"})
    assert stored(world, USERS, "new") == {"seen": True}
    assert events["step_completed"]["data"]["recipient"] == "new"
    played(world, update("user", '{"seen": {{ 1 | json }} }'), "ghost")
    assert stored(world, USERS, "ghost") == {"seen": 1}


def test_channel_data_is_left_alone_with_a_warning(world: World) -> None:
    properties = {"channel_data": {"push": {"tokens": ["t"]}}, "a": 1}
    _, events = played(world, update("user", properties))
    assert "channel_data" not in (stored(world, USERS, "u1") or {})
    assert "was ignored" in events["step_completed"]["data"]["warning"]
    assert world.sql().value("SELECT count(*) FROM channel_data") == 0


def test_preferences_are_merged_and_shown_before_and_after(world: World) -> None:
    properties = {"preferences": {"default": {"channel_types": {"sms": False}}}}
    _, events = played(world, update("user", properties))
    detail = events["step_completed"]["data"]
    assert detail["before"]["preferences"] == {}
    assert detail["after"]["preferences"]["default"] == {"channel_types": {"sms": False}}


def test_long_values_are_stored_whole_and_logged_in_short(world: World) -> None:
    _, events = played(
        world, update("user", {"text": "{{ data.text }}"}), data={"text": "x" * 5000}
    )
    assert len((stored(world, USERS, "u1") or {})["text"]) == 5000
    assert len(events["step_completed"]["data"]["after"]["text"]) == 1025


def test_an_object_is_no_user_to_update(world: World) -> None:
    run, events = played(world, update("user", {"a": 1}), PROJECT)
    entry = events["step_skipped"]
    assert (entry["data"]["reason"], entry["status"]) == ("missing_recipient_data", "error")
    assert (run.status, run.error_count) == ("completed", 1)
    assert stored(world, "projects", "p1") == {"name": "Apollo"}


@pytest.mark.req("E-99")
def test_an_object_is_updated_or_created_with_its_collection(world: World) -> None:
    for id_ in ("p1", "p2"):
        gid = f"gid://Object/projects/{id_}"
        played(world, update("object", {"stage": {"is": "done"}}, recipient_gid=gid))
    assert stored(world, "projects", "p1") == {"name": "Apollo", "stage": {"is": "done"}}
    assert stored(world, "projects", "p2") == {"stage": {"is": "done"}}


@pytest.mark.req("E-100")
def test_the_tenant_of_the_run_is_updated_with_its_default_preferences(world: World) -> None:
    first = {"settings": {"preference_set": {"channel_types": {"sms": False}}}}
    second = {"plan": "pro", "settings": {"preference_set": {"channel_types": {"push": False}}}}
    played(world, update("tenant", first), tenant="acme")
    _, events = played(world, update("tenant", second), tenant="acme")
    held = {"preference_set": {"channel_types": {"sms": False, "push": False}}}
    assert stored(world, TENANTS, "acme") == {"plan": "pro", "settings": held}
    assert events["step_completed"]["data"]["after"]["settings"] == held
    assert "a pro</p>" in str(world.content(world.messages()[-1]))


def test_a_run_without_tenant_has_none_to_update(world: World) -> None:
    run, events = played(world, update("tenant", {"a": 1}))
    entry = events["step_skipped"]
    assert (entry["data"]["reason"], entry["status"]) == ("missing_recipient_data", "ok")
    assert run.error_count == 0


@pytest.mark.req("E-101")
@pytest.mark.parametrize(
    ("step", "said"),
    [
        (update("user", {"a": "{{ 'x' | from_json }}"}), "did not render"),
        (update("user", "{{ data.text }}"), "is not JSON"),
        (update("user", {"name": 5}), "update_properties.name: expected a string or null"),
        (update("user", {"big": "{{ data.big }}"}), "the limit is 262144"),
        (update("user", {}, **named("{{ data.text }}")), "Expected a reference such as"),
        (update("user", {}, **named("gid://Object/$users/{{ data.none }}")), "not empty"),
        (update("object", {}, recipient_gid="gid://Object/{{ data.c }}/x"), "may not start with"),
        (update("user", {"preferences": {"default": 5}}), "preferences.default"),
    ],
)
def test_what_cannot_be_stored_fails_the_step_and_stores_nothing(
    world: World, step: dict[str, Any], said: str
) -> None:
    before = world.sql().rows("SELECT * FROM recipients")
    data = {"text": "no json", "big": "x" * 262_144, "c": "$secret"}
    run, events = played(world, step, data=data)
    assert said in events["step_failed"]["data"]["message"]
    assert (run.status, run.error_count, world.messages()) == ("completed", 1, [])
    assert world.sql().rows("SELECT * FROM recipients") == before


def test_one_refused_update_disturbs_no_neighbour(world: World) -> None:
    world.user("u2", pad="x" * 200_000)
    world.workflow("w", [update("user", {"copy": "{{ recipient.pad }}", "ok": True})])
    world.trigger("w", "u2", "u1")
    assert [run.error_count for run in world.runs()] == [1, 0]
    assert "ok" not in (stored(world, USERS, "u2") or {})
    assert (stored(world, USERS, "u1") or {})["ok"] is True


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (update("user", None), "settings.update_properties"),
        (update("user", "nonsense"), "settings.update_properties"),
        (update("user", {}, recipient_mode="reference"), "settings"),
        (update("user", {}, recipient_mode="both"), "settings.recipient_mode"),
        (update("user", {}, **named("u1")), "settings.recipient_gid"),
        (update("user", {}, **named("gid://Object/$tenants/{{ x }}")), "settings.recipient_gid"),
        (update("tenant", {}, **named("gid://Object/$users/a")), "settings.recipient_gid"),
        (update("object", {}), "settings.recipient_gid"),
        (update("object", {}, recipient_gid="gid://Object/a"), "settings.recipient_gid"),
    ],
)
def test_an_update_that_can_never_work_is_refused_when_it_is_saved(
    step: dict[str, Any], path: str
) -> None:
    (problem,) = workflow_problems("w", {"name": "W", "steps": [step]})
    assert (problem.step_ref, problem.path) == ("update_1", path)


@pytest.mark.parametrize(
    "step",
    [
        update("user", {"a": 1}, recipient_mode=None),
        update("user", "{{ data | json }}", **named("{{ data.gid }}")),
        update("tenant", {}, **named("gid://Object/$tenants/{{ tenant.id }}")),
        update("object", {}, recipient_gid="gid://Object/projects/{{ data.project }}"),
    ],
)
def test_a_sound_update_is_accepted(step: dict[str, Any]) -> None:
    assert workflow_problems("w", {"name": "W", "steps": [step]}) == []
