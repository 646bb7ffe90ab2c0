"""What was set through the API decides what is sent, and the timeline says so."""

from __future__ import annotations

from typing import Any

import pytest
from message_world import BATCH, EMAIL, Api, ApiWorld

RUNS = "/v1/workflow_recipient_runs"
SET = "/v1/users/ann/preferences/default"


def events(world: ApiWorld, door: Api, event: str, number: int = -1) -> list[dict[str, Any]]:
    """Give what a run's timeline says of one event."""
    shown = door.get(f"{RUNS}/{world.runs()[number].id}")["events"]
    return [entry for entry in shown if entry["event"] == event]


@pytest.mark.req("E-141")
def test_a_set_from_the_api_keeps_a_message_away_and_says_why(world: ApiWorld, door: Api) -> None:
    door.send("PUT", SET, {"channel_types": {"email": False}})
    world.trigger("hello", "ann", "bob", data={"text": "x"})
    assert [m.recipient.id for m in world.messages("email_1")] == ["bob"]
    assert len(world.messages("in_app_feed_1")) == 2
    (skipped,) = events(world, door, "step_skipped", 0)
    assert skipped["step_ref"] == "email_1"
    assert skipped["data"] == {
        "reason": "preference_opt_out",
        "decided_by": "recipient.channel_types.email",
        "preferences": {"channel_types": {"email": False}},
    }
    assert door.status("DELETE", SET) == 204
    world.trigger("hello", "ann", data={"text": "x"})
    assert len(world.messages("email_1")) == 2


@pytest.mark.req("E-146")
def test_a_tenants_entry_that_replaces_is_read_and_applied(world: ApiWorld, door: Api) -> None:
    replaced = {"__strategy__": "replace", "channel_types": {"in_app_feed": False}}
    door.send("PUT", "/v1/users/ann/preferences/acme", {"categories": {"news": True}})
    settings = {"preference_set": {"categories": {"news": replaced}}}
    door.send("PUT", "/v1/tenants/acme", {"settings": settings})
    shown = door.get("/v1/users/ann/preferences/acme")
    assert shown["categories"] == {"news": replaced}
    world.trigger("ping", "ann", tenant="acme", data={"text": "x"})
    assert world.messages() == []
    (skipped,) = events(world, door, "step_skipped")
    decided_by = skipped["data"]["decided_by"]
    assert decided_by == "tenant.categories.news.channel_types.in_app_feed"


@pytest.mark.req("E-140")
def test_conditions_are_asked_with_liquid_and_noted_with_their_values(
    world: ApiWorld, door: Api
) -> None:
    only = {"variable": "data.level", "operator": "equal_to", "argument": "{{ recipient.name }}"}
    door.send("PUT", SET, {"channel_types": {"email": {"conditions": [only]}}})
    for level in ("Ann", "Bob"):
        world.trigger("hello", "ann", data={"text": "x", "level": level})
    assert [m.data["level"] for m in world.messages("email_1")] == ["Ann"]
    (asked,) = events(world, door, "conditions_evaluated")
    where = "recipient.channel_types.email.conditions"
    assert (asked["data"]["of"], asked["data"]["path"]) == ("preferences", where)
    (clause,) = asked["data"]["clauses"]
    assert (clause["actual"], clause["expected"], clause["result"]) == ("Bob", "Ann", False)
    (skipped,) = events(world, door, "step_skipped")
    assert skipped["data"]["decided_by"] == where


def test_a_condition_that_cannot_be_read_does_not_hold_and_is_noted(
    world: ApiWorld, door: Api
) -> None:
    odd = {"variable": "data.level", "operator": "resembles", "argument": "x"}
    door.send("PUT", SET, {"channel_types": {"email": {"conditions": [odd]}}})
    world.trigger("hello", "ann", data={"text": "x"})
    assert world.messages("email_1") == []
    (asked,) = events(world, door, "conditions_evaluated")
    assert asked["status"] == "error"
    assert "resembles" in asked["data"]["problem"]
    assert world.runs()[0].error_count == 0


@pytest.mark.req("E-43")
def test_templates_see_the_resolved_set(world: ApiWorld, door: Api) -> None:
    types = "{% assign types = recipient.preferences.channel_types %}"
    body = f"{types}{{{{ types.sms }}}} {{{{ types.email }}}}"
    feed = {"type": "channel", "ref": "f", "channel_type": "in_app_feed",
            "channel_key": "in_app_feed", "template": {"markdown_body": body}}  # fmt: skip
    world.workflow("show", [feed, BATCH])
    door.send("PUT", SET, {"channel_types": {"sms": False}})
    world.trigger("show", "ann", "bob")
    shown = [str(world.content(m)) for m in world.messages("f")]
    assert "false" in shown[0]
    assert "true true" in shown[1]


def test_every_message_of_an_overriding_workflow_is_made(world: ApiWorld, door: Api) -> None:
    door.send("PUT", SET, {"workflows": {"must": False}, "commercial_subscribed": False})
    world.workflow("must", [EMAIL], settings={"override_preferences": True, "is_commercial": True})
    world.trigger("must", "ann", data={"text": "x"})
    assert len(world.messages("email_1")) == 1
