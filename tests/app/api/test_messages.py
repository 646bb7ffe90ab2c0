"""Messages as the API shows them: one by one and in lists, in every dialect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from message_world import BATCH, CHAT, EMAIL, PUSH, SMS, Api, ApiWorld

Check = Callable[[str, Any], None]


def test_a_message_has_every_key_of_the_document(
    world: ApiWorld, door: Api, conforms: Check
) -> None:
    accepted = world.trigger(
        "ping", "ann", actor="bob", tenant="acme", data={"text": "x", "deep": {"a": 1}}
    )
    body = door.get(f"/v1/messages/{world.one()}")
    conforms("Message", body)
    run = world.runs()[0]
    channel = world.channel_id("in_app_feed")
    assert body == {
        "__typename": "Message",
        "id": world.one(),
        "status": "delivered",
        "engagement_statuses": [],
        "channel_id": channel,
        "channel": {
            "id": channel,
            "key": "in_app_feed",
            "name": "In app feed",
            "type": "in_app_feed",
            "provider": "in_app_feed",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        },
        "recipient": "ann",
        "recipient_snapshot": None,
        "actors": ["bob"],
        "tenant": "acme",
        "workflow": "ping",
        "data": {"text": "x", "deep": {"a": 1}},
        "metadata": {},
        "source": {
            "__typename": "NotificationSource",
            "key": "ping",
            "categories": ["product", "news"],
            "version_id": body["source"]["version_id"],
            "step_ref": "in_app_feed_1",
            "type": "workflow",
            "workflow_run_id": accepted.workflow_run_id,
            "workflow_recipient_run_id": run.id,
        },
        "scheduled_at": None,
        "seen_at": None,
        "read_at": None,
        "interacted_at": None,
        "link_clicked_at": None,
        "clicked_at": None,
        "archived_at": None,
        "inserted_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
    }


def test_lists_are_newest_first_and_page_both_ways(world: ApiWorld, door: Api) -> None:
    for minute in range(5):
        world.until(timedelta(minutes=minute))
        world.trigger("ping", "ann", data={"text": str(minute)})
    ids = [m.id for m in world.messages()][::-1]
    first = door.get("/v1/messages", page_size=2)
    assert [m["id"] for m in first["items"]] == ids[:2]
    assert first["page_info"]["before"] is None
    assert first["items"][1]["__cursor"] == first["page_info"]["after"]
    second = door.get("/v1/messages", page_size=2, after=first["page_info"]["after"])
    assert [m["id"] for m in second["items"]] == ids[2:4]
    last = door.get("/v1/messages", page_size=2, after=second["page_info"]["after"])
    assert [m["id"] for m in last["items"]] == ids[4:]
    assert last["page_info"]["after"] is None
    back = door.get("/v1/messages", page_size=2, before=second["page_info"]["before"])
    assert back["items"] == first["items"]


def test_lists_of_users_and_objects_hold_only_their_own(world: ApiWorld, door: Api) -> None:
    world.workflow("mail", [EMAIL])
    team = {"id": "1", "collection": "teams", "email": "team@example.com"}
    world.trigger("mail", "ann", "bob", team, data={"text": "x"})
    by_recipient = {m.recipient.id: m.id for m in world.messages()}
    assert len(by_recipient) == 3
    assert door.ids("/v1/users/ann/messages") == [by_recipient["ann"]]
    assert door.ids("/v1/objects/teams/1/messages") == [by_recipient["1"]]
    (item,) = door.get("/v1/objects/teams/1/messages")["items"]
    assert item["recipient"] == {"id": "1", "collection": "teams"}
    assert door.ids("/v1/users/nobody/messages") == []
    assert door.status("GET", "/v1/objects/$users/ann/messages") == 404


@pytest.fixture
def mixed(world: ApiWorld) -> dict[str, str]:
    """Ann's item and mail of one trigger, Bob's item of another, an hour later."""
    world.trigger(
        "hello", "ann", tenant="acme", data={"text": "a", "n": 1, "ok": True, "none": None}
    )
    world.until(timedelta(hours=1))
    world.trigger("ping", "bob", data={"text": "b", "n": 1.5, "ok": 1, 'q"k': "é"})
    found = {(m.workflow, m.step_ref): m.id for m in world.messages()}
    names = {("hello", "in_app_feed_1"): "item", ("hello", "email_1"): "mail"}
    return {names.get(key, "ping"): id for key, id in found.items()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"item", "mail", "ping"}),
        ("status[]=sent", {"mail"}),
        ("status=delivered", {"item", "ping"}),
        ("status[]=sent&status[]=delivered", {"item", "mail", "ping"}),
        ("status[]=bogus", set()),
        ("status[]=undelivered", set()),
        ("engagement_status[]=unread", {"item", "mail", "ping"}),
        ("engagement_status[]=read", set()),
        ("engagement_status[]=unread&engagement_status[]=read", {"item", "mail", "ping"}),
        ("engagement_status[]=bogus", set()),
        ("channel_id=email", {"mail"}),
        ("channel_id=00000000-0000-4000-8000-000000000000", set()),
        ("tenant=acme", {"item", "mail"}),
        ("tenant=", set()),
        ("source=ping", {"ping"}),
        ("workflow_categories[]=news&workflow_categories[]=x", {"ping"}),
        ("workflow_categories[]=x", set()),
        ("inserted_at[gt]=2026-01-01T00:30:00Z", {"ping"}),
        ("inserted_at.gt=2026-01-01T00:30:00Z", {"ping"}),
        ("inserted_at[gte]=2026-01-01T01:00:00.000%2B00:00", {"ping"}),
        ("inserted_at[gt]=2026-01-01T01:00:00Z", set()),
        ("inserted_at[lt]=2026-01-01T01:00:00Z", {"item", "mail"}),
        ("inserted_at.lte=2026-01-01T01:00:00Z", {"item", "mail", "ping"}),
        ("inserted_at[gt]=0001-01-01T00:00:00Z", {"item", "mail", "ping"}),
        ("inserted_at[lt]=9999-12-31T00:00:00Z", {"item", "mail", "ping"}),
        ("inserted_at[gt]=soon", set()),
        ("inserted_at=2026-01-01T00:30:00Z", set()),
        ('trigger_data={"text":"a"}', {"item", "mail"}),
        ('trigger_data={"text":"a","n":1}', {"item", "mail"}),
        ('trigger_data={"text":"a","n":2}', set()),
        ('trigger_data={"n":1.0}', {"item", "mail"}),
        ('trigger_data={"n":1.5}', {"ping"}),
        ('trigger_data={"ok":true}', {"item", "mail"}),
        ('trigger_data={"ok":1}', {"ping"}),
        ('trigger_data={"none":null}', {"item", "mail"}),
        ('trigger_data={"q\\"k":"é"}', {"ping"}),
        ('trigger_data={"n":99999999999999999999}', set()),
        ("trigger_data[text]=b", {"ping"}),
        ("trigger_data={}", {"item", "mail", "ping"}),
        ("trigger_data=no-json", set()),
        ("trigger_data=[1]", set()),
        ("workflow_run_id=nope", set()),
        ("workflow_recipient_run_id=nope", set()),
        ("message_ids[]=nope", set()),
    ],
)
def test_filters_select_exactly_what_they_say(
    world: ApiWorld, door: Api, mixed: dict[str, str], query: str, expected: set[str]
) -> None:
    for path in ("/v1/messages", "/v1/users/ann/messages"):
        answer = door.call("GET", f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        own = {name for name in expected if name != "ping" or path == "/v1/messages"}
        assert {m["id"] for m in answer.json()["items"]} == {mixed[name] for name in own}


def test_filters_by_run_channel_and_ids_find_their_messages(
    world: ApiWorld, door: Api, mixed: dict[str, str]
) -> None:
    ping = next(m for m in world.messages() if m.workflow == "ping")
    assert door.ids("/v1/messages", workflow_run_id=ping.trigger_id) == [ping.id]
    assert door.ids("/v1/messages", workflow_recipient_run_id=ping.run_id) == [ping.id]
    assert door.ids("/v1/messages", channel_id=world.channel_id("email")) == [mixed["mail"]]
    wanted = {"message_ids[]": [mixed["item"], mixed["mail"]], "status[]": "sent"}
    assert door.ids("/v1/messages", **wanted) == [mixed["mail"]]


@pytest.mark.req("R-34")
def test_limits_of_filters_are_refused_by_name(world: ApiWorld, door: Api) -> None:
    assert door.ids("/v1/messages", **{"message_ids[]": ["x"] * 50 + ["y"]}) == []
    many = [f"m{number}" for number in range(51)]
    answer = door.call("GET", "/v1/messages", params={"message_ids[]": many})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "message_ids"
    nested = door.call("GET", "/v1/messages", params={"trigger_data": '{"a":{"b":1}}'})
    assert nested.status_code == 422
    assert nested.json()["errors"][0]["field"] == "trigger_data.a"


def test_contents_have_the_shape_of_their_channel(
    world: ApiWorld, door: Api, conforms: Check
) -> None:
    world.identify({
        "id": "ann", "phone_number": "+1555",
        "channel_data": {
            "push": {"tokens": ["t1"]},
            "chat": {"connections": [{"channel_id": "C1", "access_token": "secret-token"}]},
        },
    })  # fmt: skip
    world.workflow("all", [EMAIL, SMS, PUSH, CHAT])
    world.trigger("all", "ann", data={"text": "a < b"})
    found = {}
    for message in world.messages():
        content = door.get(f"/v1/messages/{message.id}/content")
        conforms("MessageContents", content)
        assert content["message_id"] == message.id
        found[message.step_ref] = content["data"]
    assert found["email_1"]["__typename"] == "MessageEmailContent"
    assert found["email_1"]["subject_line"] == "Hello Ann"
    assert found["email_1"]["to"] == "ann@example.com"
    assert "a &lt; b" in found["email_1"]["html_body"]
    assert found["sms_1"] == {"__typename": "MessageSmsContent", "to": "+1555", "body": "a < b"}
    assert found["push_1"]["token"] == "t1"
    assert found["chat_1"]["connection"] == {"channel_id": "C1"}
    assert found["chat_1"]["template"]["blocks"][0]["content"] == "a < b"
    ids = [m.id for m in world.messages()]
    answer = door.get("/v1/messages/batch/content", **{"message_ids[]": [ids[1], "no", ids[0]]})
    assert [c["message_id"] for c in answer] == [ids[1], ids[0]]
    assert door.status("GET", "/v1/messages/batch/content") == 422


def test_events_are_listed_in_the_order_they_happened(
    world: ApiWorld, door: Api, conforms: Check
) -> None:
    world.trigger("hello", "ann", data={"text": "x"})
    id = world.one("email_1")
    body = door.get(f"/v1/messages/{id}/events")
    conforms("ListMessageEventsResponse", body)
    types = [e["type"] for e in body["items"]]
    assert types == ["message.created", "message.queued", "message.sent"]
    ids = [e["id"] for e in body["items"]]
    assert ids == sorted(ids)
    assert {len(id) for id in ids} == {27}
    assert {e["recipient"] for e in body["items"]} == {"ann"}
    first = door.get(f"/v1/messages/{id}/events", page_size=2)
    rest = door.get(f"/v1/messages/{id}/events", page_size=2, after=first["page_info"]["after"])
    assert first["items"] + rest["items"] == body["items"]
    assert rest["page_info"]["after"] is None
    back = door.get(f"/v1/messages/{id}/events", before=rest["page_info"]["before"])
    assert back["items"] == first["items"]


def test_a_message_of_one_trigger_has_one_activity(
    world: ApiWorld, door: Api, conforms: Check
) -> None:
    world.trigger("ping", "ann", actor="bob", data={"text": "x"})
    path = f"/v1/messages/{world.one()}/activities"
    body = door.get(path)
    conforms("ListActivitiesResponse", body)
    (item,) = body["items"]
    assert item["data"] == {"text": "x"}
    assert item["actor"]["name"] == "Bob"
    assert item["recipient"]["email"] == "ann@example.com"
    assert door.ids(path, trigger_data='{"text":"x"}') == [item["id"]]
    assert door.ids(path, trigger_data='{"text":"y"}') == []
    assert door.ids(path, after=item["__cursor"]) == []


def test_a_batch_has_an_activity_per_trigger(world: ApiWorld, door: Api) -> None:
    world.workflow("digest", [BATCH, EMAIL])
    for minute in range(3):
        world.until(timedelta(minutes=minute))
        world.trigger("digest", "ann", actor="bob", data={"text": str(minute), "deep": [minute]})
    world.until(timedelta(minutes=10))
    path = f"/v1/messages/{world.one('email_1')}/activities"
    items = door.get(path)["items"]
    assert [a["data"] for a in items] == [{"text": str(n), "deep": [n]} for n in range(3)]
    assert [a["inserted_at"] for a in items][1] == "2026-01-01T00:01:00Z"
    assert len({a["id"] for a in items}) == 3
    assert [a["data"]["text"] for a in door.get(path, trigger_data='{"text":"1"}')["items"]] == [
        "1"
    ]
    first = door.get(path, page_size=2)
    rest = door.get(path, page_size=2, after=first["page_info"]["after"])
    assert first["items"] + rest["items"] == items


def test_a_later_batch_changes_nothing_about_an_earlier_message(world: ApiWorld, door: Api) -> None:
    later = [{**BATCH, "ref": "batch_2"}, {**EMAIL, "ref": "email_2"}]
    world.workflow("digest", [BATCH, EMAIL, *later])
    for number in range(2):
        world.trigger("digest", "ann", data={"n": number})
    world.until(timedelta(minutes=15))
    path = f"/v1/messages/{world.one('email_1')}/activities"
    before = door.get(path)["items"]
    assert [a["data"] for a in before] == [{"n": 0}, {"n": 1}]
    world.until(timedelta(minutes=30))
    assert len(door.get(f"/v1/messages/{world.one('email_2')}/activities")["items"]) == 1
    assert door.get(path)["items"] == before


@pytest.mark.req("R-40")
def test_no_message_is_reached_from_another_environment(world: ApiWorld, door: Api) -> None:
    world.trigger("hello", "ann", data={"text": "x"})
    id, run = world.one(), world.runs()[0]
    foreign = world.door("sk_production")
    for tail in ("", "/content", "/events", "/activities", "/delivery_logs"):
        assert door.status("GET", f"/v1/messages/{id}{tail}") == 200
        assert foreign.status("GET", f"/v1/messages/{id}{tail}") == 404
    for path in ("/v1/messages", "/v1/users/ann/messages"):
        assert foreign.ids(path) == []
        for name, value in (
            ("message_ids[]", id),
            ("workflow_run_id", run.trigger_id),
            ("workflow_recipient_run_id", run.id),
            ("channel_id", "in_app_feed"),
        ):
            assert foreign.ids(path, **{name: value}) == []
            assert id in door.ids(path, **{name: value})
    assert foreign.get("/v1/messages/batch/content", **{"message_ids[]": id}) == []


def test_a_public_key_reads_one_message_and_no_list(world: ApiWorld) -> None:
    world.trigger("ping", "ann")
    browser = world.door("pk_development")
    assert browser.get(f"/v1/messages/{world.one()}")["recipient"] == "ann"
    for path in ("/v1/messages", "/v1/users/ann/messages", f"/v1/messages/{world.one()}/content"):
        assert browser.status("GET", path) == 403
