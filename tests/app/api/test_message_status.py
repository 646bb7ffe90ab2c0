"""What readers do with messages: one at a time and in batches (engine E-153 … E-155)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from message_world import PUSH, SMS, Api, ApiWorld

from engine.messages.engage import Action, Engaging, engage

Check = Callable[[str, Any], None]


def events(door: Api, id: str) -> list[str]:
    return [
        e["type"].removeprefix("message.") for e in door.get(f"/v1/messages/{id}/events")["items"]
    ]


@pytest.mark.req("V-120")
def test_v120_an_in_app_message_is_delivered_at_once(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    assert door.get(f"/v1/messages/{world.one()}")["status"] == "delivered"
    assert events(door, world.one()) == ["created", "delivered"]
    assert world.transport.attempted == []
    assert door.ids(f"/v1/messages/{world.one()}/delivery_logs") == []


@pytest.mark.req("V-121")
def test_v121_a_push_message_ends_at_sent(world: ApiWorld, door: Api) -> None:
    channel = world.channel("phone", "push", provider="scripted")
    world.transport.provide(channel, ["delivered"])
    world.identify({"id": "ann", "channel_data": {"phone": {"tokens": ["t1"]}}})
    world.workflow("buzz", [{**PUSH, "channel_key": "phone"}])
    world.trigger("buzz", "ann")
    id = world.one("push_1")
    assert door.get(f"/v1/messages/{id}")["status"] == "sent"
    assert events(door, id) == ["created", "queued", "sent"]
    assert door.ids("/v1/messages", **{"status[]": "delivered", "channel_id": channel}) == []
    (log,) = door.get(f"/v1/messages/{id}/delivery_logs")["items"]
    assert log["__typename"] == "MessageDeliveryLog"
    assert log["request"]["method"] == "POST"
    assert log["request"]["host"] == "provider.test"
    assert log["response"] == {"status": 200, "headers": {}, "body": "t1"}  # the address, echoed
    assert len(log["environment_id"]) == 36


@pytest.mark.req("V-122")
def test_v122_reading_again_moves_the_instant_and_logs_another_event(
    world: ApiWorld, door: Api, conforms: Check
) -> None:
    world.trigger("ping", "ann")
    path = f"/v1/messages/{world.one()}"
    world.until(timedelta(hours=10))
    first = door.send("PUT", f"{path}/read")
    conforms("Message", first)
    assert first["read_at"] == "2026-01-01T10:00:00Z"
    assert first["engagement_statuses"] == ["read"]
    world.until(timedelta(hours=11))
    second = door.send("PUT", f"{path}/read")
    assert second["read_at"] == second["updated_at"] == "2026-01-01T11:00:00Z"
    assert second["seen_at"] is None
    assert door.get(path) == second
    assert events(door, world.one()) == ["created", "delivered", "read", "read"]


@pytest.mark.req("V-123")
@pytest.mark.parametrize("spelling", ["read", "unread"])
def test_v123_unread_takes_the_status_back(world: ApiWorld, door: Api, spelling: str) -> None:
    world.trigger("ping", "ann")
    path = f"/v1/messages/{world.one()}"
    door.send("PUT", f"{path}/read")
    body = door.send("DELETE", f"{path}/{spelling}")
    assert body["read_at"] is None
    assert body["engagement_statuses"] == []
    assert events(door, world.one()) == ["created", "delivered", "read", "unread"]
    door.send("DELETE", f"{path}/{spelling}")
    assert events(door, world.one()) == ["created", "delivered", "read", "unread"]


@pytest.mark.parametrize(
    ("status", "back"),
    [("seen", "seen"), ("seen", "unseen"), ("archived", "archived"), ("archived", "unarchived")],
)
def test_statuses_are_set_and_taken_back_alone(
    world: ApiWorld, door: Api, status: str, back: str
) -> None:
    world.trigger("ping", "ann")
    path = f"/v1/messages/{world.one()}"
    set_ = door.send("PUT", f"{path}/{status}")
    assert set_["engagement_statuses"] == [status]
    assert set_[f"{status}_at"] == "2026-01-01T00:00:00Z"
    assert door.send("DELETE", f"{path}/{back}")["engagement_statuses"] == []
    opposite = f"un{status}"
    assert events(door, world.one())[2:] == [status, opposite]


@pytest.mark.req("E-153")
def test_interacting_reads_too_and_keeps_what_was_said(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    path = f"/v1/messages/{world.one()}"
    said = {"type": "cell_click", "n": 1, "ok": True, "none": None, "f": 1.5}
    body = door.send("PUT", f"{path}/interacted", {"metadata": said})
    assert body["engagement_statuses"] == ["read", "interacted"]
    assert body["read_at"] == body["interacted_at"] == "2026-01-01T00:00:00Z"
    assert events(door, world.one())[2:] == ["read", "interacted"]
    assert door.get(f"{path}/events")["items"][-1]["data"] == said
    world.until(timedelta(hours=1))
    again = door.send("PUT", f"{path}/interacted")
    assert again["read_at"] == "2026-01-01T00:00:00Z"
    assert again["interacted_at"] == "2026-01-01T01:00:00Z"
    assert events(door, world.one())[2:] == ["read", "interacted", "interacted"]
    assert door.status("DELETE", f"{path}/interacted") == 405


@pytest.mark.req("E-154")
@pytest.mark.parametrize(
    "metadata",
    [dict.fromkeys("abcdef", 1), {"a": {"b": 1}}, {"a": [1]}, "text", [1], 5],
)
def test_metadata_that_is_not_five_flat_pairs_is_refused_and_nothing_written(
    world: ApiWorld, door: Api, metadata: Any
) -> None:
    world.trigger("ping", "ann")
    path = f"/v1/messages/{world.one()}"
    answer = door.call("PUT", f"{path}/interacted", json={"metadata": metadata})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("metadata")
    batch = {"message_ids": [world.one()], "metadata": metadata}
    assert door.status("POST", "/v1/messages/batch/interacted", json=batch) == 422
    assert door.get(path)["engagement_statuses"] == []
    assert events(door, world.one()) == ["created", "delivered"]


@pytest.mark.parametrize(
    "action", ["seen", "unseen", "read", "unread", "archived", "unarchived", "interacted"]
)
def test_batches_update_what_exists_in_the_order_asked_for(
    world: ApiWorld, door: Api, conforms: Check, action: str
) -> None:
    world.trigger("ping", "ann", "bob")
    ids = [m.id for m in world.messages()]
    body = {"message_ids": [ids[1], "nope", ids[0], ids[1]]}
    if action.startswith("un"):
        door.send("POST", f"/v1/messages/batch/{action.removeprefix('un')}", body)
    answer = door.send("POST", f"/v1/messages/batch/{action}", body)
    conforms("BatchListMessagesResponse", answer)
    assert [m["id"] for m in answer] == [ids[1], ids[0]]
    has_it = action.removeprefix("un") in answer[0]["engagement_statuses"]
    assert has_it is not action.startswith("un")
    assert events(door, ids[0])[-1] == events(door, ids[1])[-1] == action


@pytest.mark.parametrize("body", [{}, {"message_ids": "x"}, {"message_ids": [1]}, []])
def test_batches_without_a_list_of_ids_are_refused(door: Api, body: Any) -> None:
    assert door.status("POST", "/v1/messages/batch/read", json=body) == 422


@pytest.mark.req("R-34")
def test_a_batch_holds_a_thousand_ids_and_no_more(door: Api) -> None:
    ids = [f"m{number}" for number in range(1001)]
    assert door.send("POST", "/v1/messages/batch/read", {"message_ids": ids[:1000]}) == []
    assert door.status("POST", "/v1/messages/batch/read", json={"message_ids": ids}) == 422


def test_unknown_messages_and_statuses_are_missing(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    assert door.status("PUT", "/v1/messages/nope/read") == 404
    assert door.status("PUT", "/v1/messages/batch/read") == 404
    assert door.status("PUT", f"/v1/messages/{world.one()}/liked") == 404
    assert door.status("POST", "/v1/messages/batch/liked", json={"message_ids": []}) == 404


@pytest.mark.req("R-40")
def test_engagement_never_reaches_another_environment(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    for key in ("sk_production", "pk_production"):
        foreign = world.door(key)
        assert foreign.status("PUT", f"/v1/messages/{world.one()}/read") == 404
        assert foreign.status("DELETE", f"/v1/messages/{world.one()}/read") == 404
        assert foreign.send("POST", "/v1/messages/batch/read", {"message_ids": [world.one()]}) == []
    assert door.get(f"/v1/messages/{world.one()}")["read_at"] is None


def test_a_user_token_touches_only_its_users_messages(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann", "bob", tenant="acme")
    of = {m.recipient.id: m.id for m in world.messages()}
    ann = world.browser("ann")
    assert ann.send("PUT", f"/v1/messages/{of['ann']}/seen")["engagement_statuses"] == ["seen"]
    assert ann.status("PUT", f"/v1/messages/{of['bob']}/seen") == 404
    assert ann.status("GET", f"/v1/messages/{of['ann']}") == 200
    assert ann.status("GET", f"/v1/messages/{of['bob']}") == 404
    both = {"message_ids": list(of.values())}
    assert [m["id"] for m in ann.send("POST", "/v1/messages/batch/read", both)] == [of["ann"]]
    assert door.get(f"/v1/messages/{of['bob']}")["engagement_statuses"] == []
    elsewhere = world.browser("ann", {"https://x.test/v1/tenants/other": {}})
    assert elsewhere.status("PUT", f"/v1/messages/{of['ann']}/seen") == 404
    reader = world.browser("ann", {"https://x/v1/users/ann": {"user/feed_read": [{}]}}, True)
    assert reader.status("GET", f"/v1/messages/{of['ann']}") == 200
    assert reader.status("PUT", f"/v1/messages/{of['ann']}/seen") == 403


@pytest.mark.req("V-124")
@pytest.mark.parametrize(("step", "is_read"), [("sms_1", True), ("in_app_feed_1", False)])
def test_a_click_proves_reading_only_on_sms_and_chat(
    world: ApiWorld, door: Api, step: str, is_read: bool
) -> None:
    world.user("ann", phone_number="+1555")
    world.workflow("text", [SMS])
    world.trigger("text", "ann")
    world.trigger("ping", "ann")
    id = world.one(step)
    click = Engaging(environment=world.env, action=Action.LINK_CLICKED)
    world.db.write(lambda tx: engage(tx, [id], click, world.clock.now()))
    body = door.get(f"/v1/messages/{id}")
    assert body["clicked_at"] == body["link_clicked_at"] == "2026-01-01T00:00:00Z"
    assert body["engagement_statuses"] == (["read"] if is_read else []) + ["link_clicked"]
    assert events(door, id)[-1] == "link_clicked"


def test_a_write_that_fails_leaves_neither_status_nor_event(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    reading = Engaging(environment=world.env, action=Action.READ)

    def work(tx: Any) -> None:
        engage(tx, [world.one()], reading, world.clock.now())
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        world.db.write(work)
    assert door.get(f"/v1/messages/{world.one()}")["read_at"] is None
    assert events(door, world.one()) == ["created", "delivered"]
