"""Recipient runs: lists with every filter, and the timeline of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from message_world import BATCH, EMAIL, Api, ApiWorld

Check = Callable[[str, Any], None]
RUNS = "/v1/workflow_recipient_runs"
DELAY = {
    "type": "delay", "ref": "delay_1", "settings": {"delay_for": {"unit": "hours", "value": 5}},
}  # fmt: skip
BROKEN = {**EMAIL, "template": {**EMAIL["template"], "subject": "{{ 'x' | from_json }}"}}


def test_a_run_has_every_key_of_the_document(world: ApiWorld, door: Api, conforms: Check) -> None:
    accepted = world.trigger(
        "ping", "ann", actor="bob", tenant="acme", cancellation_key="k", data={"text": "x"}
    )
    (stored,) = world.runs()
    body = door.get(f"{RUNS}/{stored.id}")
    conforms("WorkflowRecipientRunDetail", body)
    events = body.pop("events")
    assert body == {
        "__typename": "WorkflowRecipientRun",
        "id": stored.id,
        "workflow_run_id": accepted.workflow_run_id,
        "workflow": "ping",
        "status": "completed",
        "recipient": "ann",
        "actor": "bob",
        "tenant": "acme",
        "error_count": 0,
        "trigger_source": {
            "type": "api",
            "cancellation_key": "k",
            "schedule_id": None,
            "audience_key": None,
        },
        "inserted_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }
    (listed,) = door.get(RUNS)["items"]
    assert listed.pop("__cursor")
    assert listed == body
    conforms("WorkflowRecipientRun", listed)
    assert [e["event"] for e in events] == world.happened(stored)
    assert events[-1]["event"] == "run_completed"


@pytest.mark.req("E-28")
def test_a_timeline_is_in_order_and_its_ids_are_stable(world: ApiWorld, door: Api) -> None:
    world.workflow("slow", [DELAY, BATCH, EMAIL])
    world.trigger("slow", "ann", data={"text": "x"})
    world.until(timedelta(hours=6))
    (run,) = world.runs()
    events = door.get(f"{RUNS}/{run.id}")["events"]
    assert [e["event"] for e in events] == world.happened(run)
    ids = [e["id"] for e in events]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {27}
    assert [e["id"] for e in door.get(f"{RUNS}/{run.id}")["events"]] == ids
    keys = {"event", "status", "step_ref", "step_type", "attempt", "data", "inserted_at"}
    assert {frozenset(e) for e in events} == {frozenset(keys | {"__typename", "id"})}
    assert events[-1]["inserted_at"] == "2026-01-01T05:10:00Z"


@pytest.fixture
def runs(world: ApiWorld) -> dict[str, str]:
    """One run per hour: done, failed, paused, cancelled, and one of an object in a tenant."""
    world.workflow("broken", [BROKEN])
    world.workflow("later", [DELAY, EMAIL])
    team = {"id": "1", "collection": "teams", "email": "t@example.com"}
    found: dict[str, str] = {}
    for name, workflow, recipient, more in (
        ("done", "ping", "ann", {}),
        ("failed", "broken", "bob", {}),
        ("paused", "later", "ann", {}),
        ("cancelled", "later", "bob", {"cancellation_key": "k"}),
        ("object", "hello", team, {"tenant": "acme"}),
    ):
        world.trigger(workflow, recipient, **more)
        found[name] = ({r.id for r in world.runs()} - set(found.values())).pop()
        if name == "cancelled":
            world.cancel("later", "k")
        world.until(world.clock.now() + timedelta(hours=1))
    return found


EVERY = {"done", "failed", "paused", "cancelled", "object"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", EVERY),
        ("workflow=later", {"paused", "cancelled"}),
        ("workflow=nope", set()),
        ("status[]=paused", {"paused"}),
        ("status[]=cancelled", {"cancelled"}),
        ("status[]=paused&status[]=cancelled", {"paused", "cancelled"}),
        ("status=completed", {"done", "failed", "object"}),
        ("status[]=bogus", set()),
        ("tenant=acme", {"object"}),
        ("has_errors=true", {"failed"}),
        ("has_errors=false", EVERY - {"failed"}),
        ("has_errors=maybe", set()),
        ("recipient=ann", {"done", "paused"}),
        ("recipient[id]=1&recipient[collection]=teams", {"object"}),
        ('recipient={"id":"1","collection":"teams"}', {"object"}),
        ("recipient[collection]=teams", set()),
        ("recipient=ann&workflow=later", {"paused"}),
        ("recipient=ann&status[]=paused", {"paused"}),
        ("workflow=later&status[]=cancelled", {"cancelled"}),
        ("workflow=broken&has_errors=true", {"failed"}),
        ("workflow=later&has_errors=false", {"paused", "cancelled"}),
        ("starting_at=2026-01-01T03:00:00Z", {"cancelled", "object"}),
        ("ending_at=2026-01-01T01:00:00Z", {"done", "failed"}),
        ("starting_at=2026-01-01T03:00:00Z&workflow=later", {"cancelled"}),
        ("ending_at=2026-01-01T02:30:00Z&workflow=later", {"paused"}),
        ("starting_at=0001-01-01T00:00:00Z&workflow=ping", {"done"}),
        ("starting_at=soon", set()),
        ("ending_at=soon", set()),
    ],
)
def test_filters_select_exactly_what_they_say(
    door: Api, runs: dict[str, str], query: str, expected: set[str]
) -> None:
    answer = door.call("GET", f"{RUNS}?{query}")
    assert answer.status_code == 200, answer.text
    found = [item["id"] for item in answer.json()["items"]]
    assert set(found) == {runs[name] for name in expected}
    assert found == [id for id in reversed(runs.values()) if id in found]


@pytest.mark.parametrize("query", ["", "workflow=ping"])
def test_lists_page_both_ways_through_runs_of_one_instant(
    world: ApiWorld, door: Api, query: str
) -> None:
    for _ in range(2):
        world.trigger("ping", "ann", "bob", "cid")
        world.clock.advance(timedelta(minutes=1))
    whole = door.call("GET", f"{RUNS}?{query}").json()["items"]
    ids = [item["id"] for item in whole]
    assert len(ids) == 6
    first = door.call("GET", f"{RUNS}?{query}&page_size=4").json()
    rest = door.call(
        "GET", f"{RUNS}?{query}&page_size=4&after={first['page_info']['after']}"
    ).json()
    assert [i["id"] for i in first["items"] + rest["items"]] == ids
    assert rest["page_info"]["after"] is None
    back = door.call(
        "GET", f"{RUNS}?{query}&page_size=4&before={rest['page_info']['before']}"
    ).json()
    assert back["items"] == first["items"]
    assert back["page_info"]["before"] is None


@pytest.mark.req("R-40")
def test_no_run_is_reached_from_another_environment(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    (run,) = world.runs()
    foreign = world.door("sk_production")
    assert foreign.status("GET", f"{RUNS}/{run.id}") == 404
    for query in ("", "workflow=ping", "recipient=ann", "has_errors=false"):
        assert foreign.call("GET", f"{RUNS}?{query}").json()["items"] == []
        assert len(door.call("GET", f"{RUNS}?{query}").json()["items"]) == 1
    assert door.status("GET", f"{RUNS}/nope") == 404
    assert world.door("pk_development").status("GET", RUNS) == 403
