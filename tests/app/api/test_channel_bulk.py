"""All messages of a channel at once, and the operation that tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from message_world import Api, ApiWorld

from engine.messages import bulk
from storage.errors import DiskFull
from storage.tx import Tx

Check = Callable[[str, Any], None]
FEED = "/v1/channels/in_app_feed/messages/bulk"


def with_status(door: Api, status: str) -> set[str]:
    found = door.get("/v1/messages", **{"engagement_status[]": status, "page_size": 50})
    return {m["id"] for m in found["items"]}


@pytest.fixture
def mine(world: ApiWorld) -> dict[str, str]:
    """Items of Ann, with and without a tenant, an hour apart; one of Bob; one mail."""
    world.trigger("ping", "ann", data={"n": 1})
    world.until(timedelta(hours=1))
    world.trigger("ping", "ann", tenant="acme", data={"n": 2})
    world.trigger("hello", "bob", data={"n": 2})
    names = {("ann", None): "old", ("ann", "acme"): "new", ("bob", None): "bob"}
    found = {names[m.recipient.id, m.tenant]: m.id for m in world.messages("in_app_feed_1")}
    return {**found, "mail": world.one("email_1")}


def test_the_operation_is_done_when_answered_and_can_be_read_again(
    world: ApiWorld, door: Api, mine: dict[str, str], conforms: Check
) -> None:
    channel = world.channel_id("in_app_feed")
    body = door.send("POST", f"/v1/channels/{channel}/messages/bulk/read", {})
    conforms("BulkOperation", body)
    assert body["name"] == "messages.read"
    assert body["status"] == "completed"
    counts = ("estimated_total_rows", "processed_rows", "success_count", "error_count")
    assert [body[name] for name in counts] == [3, 3, 3, 0]
    assert body["completed_at"] == body["started_at"] == "2026-01-01T01:00:00Z"
    assert body["failed_at"] is None
    assert door.get(body["progress_path"]) == body
    assert with_status(door, "read") == {mine["old"], mine["new"], mine["bob"]}
    assert world.door("sk_production").status("GET", body["progress_path"]) == 404
    assert door.status("GET", "/v1/bulk_operations/nope") == 404


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user_ids": ["ann"]}, {"old", "new"}),
        ({"recipient_ids": ["ann"]}, {"old", "new"}),
        ({"recipient_ids": ["ann"], "user_ids": ["bob"]}, {"old", "new"}),
        ({"user_ids": []}, set()),
        ({"user_ids": ["ann", "bob", "ann"]}, {"old", "new", "bob"}),
        ({"user_ids": None}, {"old", "new", "bob"}),
        ({"workflows": ["hello"]}, {"bob"}),
        ({"workflows": []}, set()),
        ({"tenants": ["acme"]}, {"new"}),
        ({"has_tenant": True}, {"new"}),
        ({"has_tenant": False}, {"old", "bob"}),
        ({"older_than": "2026-01-01T00:30:00Z"}, {"old"}),
        ({"newer_than": "2026-01-01T00:30:00Z"}, {"new", "bob"}),
        ({"trigger_data": '{"n":2}'}, {"new", "bob"}),
        ({"engagement_status": "unread"}, {"old", "new", "bob"}),
        ({"engagement_status": "seen"}, set()),
        ({"delivery_status": "delivered"}, {"old", "new", "bob"}),
        ({"delivery_status": "sent"}, set()),
        ({"archived": "only"}, set()),
        ({"archived": "exclude"}, {"old", "new", "bob"}),
    ],
)
def test_the_body_says_which_messages(
    door: Api, mine: dict[str, str], body: dict[str, Any], expected: set[str]
) -> None:
    answer = door.send("POST", f"{FEED}/read", body)
    assert answer["processed_rows"] == len(expected)
    assert with_status(door, "read") == {mine[name] for name in expected}


@pytest.mark.parametrize(
    "body",
    [
        {"user_ids": "ann"},
        {"recipient_ids": [1]},
        {"archived": "maybe"},
        {"archived": ["only"]},
        {"engagement_status": "liked"},
        {"delivery_status": ["sent", {}]},
        {"has_tenant": "yes"},
        {"older_than": "yesterday"},
        {"newer_than": 5},
        {"workflows": "hello"},
        {"tenants": [None]},
        {"trigger_data": "no json"},
        {"trigger_data": "[1]"},
        {"trigger_data": '{"a":{"b":1}}'},
    ],
)
def test_a_malformed_body_changes_nothing(
    door: Api, mine: dict[str, str], body: dict[str, Any]
) -> None:
    answer = door.call("POST", f"{FEED}/archive", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].split(".")[0].split("[")[0] in body
    assert with_status(door, "archived") == set()


def test_every_action_has_its_route(door: Api, mine: dict[str, str]) -> None:
    for action, status in (("seen", "seen"), ("archive", "archived"), ("interacted", "read")):
        door.send("POST", f"{FEED}/{action}", {"user_ids": ["ann"]})
        assert with_status(door, status) == {mine["old"], mine["new"]}
    for action, status in (("unseen", "seen"), ("unarchive", "archived"), ("unread", "read")):
        door.send("POST", f"{FEED}/{action}", {"user_ids": ["ann"]})
        assert with_status(door, status) == set()
    assert door.status("POST", f"{FEED}/like", json={}) == 404
    unknown = door.call("POST", "/v1/channels/nope/messages/bulk/read", json={})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "channel_invalid")


def test_deleting_leaves_no_trace_of_the_message(
    world: ApiWorld, door: Api, mine: dict[str, str]
) -> None:
    body = door.send("POST", "/v1/channels/email/messages/bulk/delete", {})
    assert body["success_count"] == 1
    assert door.status("GET", f"/v1/messages/{mine['mail']}") == 404
    day = world.clock.now().strftime("%Y%m%d")
    left = world.sql().value(
        f"SELECT count(*) FROM message_events_{day} WHERE message_id = ?", (mine["mail"],)
    )
    assert left == 0
    assert door.status("GET", f"/v1/messages/{mine['bob']}") == 200


def test_what_has_the_status_already_keeps_its_instant(
    world: ApiWorld, door: Api, mine: dict[str, str]
) -> None:
    door.send("PUT", f"/v1/messages/{mine['old']}/seen")
    world.until(timedelta(hours=2))
    door.send("POST", f"{FEED}/seen", {"user_ids": ["ann"]})
    assert door.get(f"/v1/messages/{mine['old']}")["seen_at"] == "2026-01-01T01:00:00Z"
    assert door.get(f"/v1/messages/{mine['new']}")["seen_at"] == "2026-01-01T02:00:00Z"
    events = door.get(f"/v1/messages/{mine['old']}/events")["items"]
    assert [e["type"] for e in events].count("message.seen") == 1


def test_more_than_one_slice_is_worked_through_to_the_end(
    world: ApiWorld, door: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 3)
    for _ in range(4):
        world.trigger("ping", "ann", "bob")
    for action in ("read", "unread"):
        body = door.send("POST", f"{FEED}/{action}", {"user_ids": ["bob", "ann"]})
        assert (body["processed_rows"], body["status"]) == (8, "completed")
        assert len(with_status(door, "read")) == (8 if action == "read" else 0)
    assert door.send("POST", f"{FEED}/delete", {})["processed_rows"] == 8
    assert door.ids("/v1/messages") == []


def test_an_operation_that_cannot_go_on_is_marked_as_failed(
    world: ApiWorld, door: Api, mine: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 1)
    working, slices = bulk.engage, []

    def engage(tx: Tx, *args: Any) -> Any:
        slices.append(1)
        if len(slices) == 2:
            raise DiskFull("The disk is full")
        return working(tx, *args)

    monkeypatch.setattr(bulk, "engage", engage)
    assert door.status("POST", f"{FEED}/read", json={}) == DiskFull.http_status
    id = world.sql().value("SELECT id FROM bulk_operations")
    body = door.get(f"/v1/bulk_operations/{id}")
    assert (body["status"], body["processed_rows"]) == ("failed", 1)
    assert body["failed_at"] is not None
    assert body["completed_at"] is None


@pytest.mark.req("R-40")
def test_a_browser_reaches_only_what_its_user_may(
    world: ApiWorld, door: Api, mine: dict[str, str]
) -> None:
    for body in ({}, {"user_ids": ["bob"]}, {"user_ids": ["ann", "bob"]}):
        world.browser("ann").send("POST", f"{FEED}/seen", body)
        assert mine["bob"] not in with_status(door, "seen")
    assert with_status(door, "seen") == {mine["old"], mine["new"]}
    grants = {"https://x.test/v1/tenants/acme": {"user/feed_write": [{}]}}
    world.browser("ann", grants).send("POST", f"{FEED}/read", {})
    assert with_status(door, "read") == {mine["new"]}
    bare = world.door("pk_development")
    assert bare.status("POST", f"{FEED}/archive", json={}) == 422
    bare.send("POST", f"{FEED}/archive", {"user_ids": ["bob"]})
    assert with_status(door, "archived") == {mine["bob"]}
    foreign = world.door("sk_production").send("POST", f"{FEED}/delete", {})
    assert foreign["processed_rows"] == 0
    assert len(door.ids("/v1/messages")) == 4
