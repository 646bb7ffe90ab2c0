"""The in-app feed as the browser's components read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from message_world import BATCH, IN_APP, Api, ApiWorld

Check = Callable[[str, Any], None]
FEED = "/v1/users/ann/feeds/in_app_feed"
EMPTY = {"__typename": "FeedMetadata", "total_count": 0, "unread_count": 0, "unseen_count": 0}


def counts(body: dict[str, Any]) -> tuple[int, int, int]:
    meta = body["meta"]
    return meta["total_count"], meta["unread_count"], meta["unseen_count"]


def test_a_feed_has_every_key_of_the_document(world: ApiWorld, door: Api, conforms: Check) -> None:
    world.trigger("ping", "ann", actor="bob", tenant="acme", data={"text": "x", "deep": [1]})
    body = door.get(f"/v1/users/ann/feeds/{world.channel_id('in_app_feed')}")
    conforms("UserInAppFeedResponse", body)
    (item,) = body["entries"]
    (activity,), (actor,) = item.pop("activities"), item.pop("actors")
    assert actor["name"] == activity["actor"]["name"] == "Bob"
    assert activity["recipient"]["name"] == "Ann"
    assert activity["data"] == {"text": "x", "deep": [1]}
    cursor = item.pop("__cursor")
    assert item == {
        "__typename": "FeedItem",
        "id": world.one(),
        "blocks": [
            {
                "name": "body",
                "type": "markdown",
                "content": "Hi **{{ recipient.name }}**, {{ text }}",
                "rendered": item["blocks"][0]["rendered"],
            },
            {
                "name": "action_url",
                "type": "text",
                "content": "https://x.test/a",
                "rendered": "https://x.test/a",
            },
            {
                "name": "actions",
                "type": "button_set",
                "buttons": [{"name": "primary", "label": "Open", "action": "https://x.test/b"}],
            },
        ],
        "data": {"text": "x", "deep": [1]},
        "source": {
            "__typename": "NotificationSource",
            "key": "ping",
            "version_id": item["source"]["version_id"],
            "categories": ["product", "news"],
        },
        "tenant": "acme",
        "total_activities": 1,
        "total_actors": 1,
        "inserted_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "seen_at": None,
        "read_at": None,
        "interacted_at": None,
        "clicked_at": None,
        "link_clicked_at": None,
        "archived_at": None,
    }
    assert "<strong>Ann</strong>, x" in item["blocks"][0]["rendered"]
    assert body["vars"] == {}
    info = {"__typename": "PageInfo", "after": None, "before": None, "page_size": 50}
    assert body["page_info"] == info
    assert cursor
    assert counts(body) == (1, 1, 1)


def test_an_unknown_user_has_an_empty_feed(door: Api, conforms: Check) -> None:
    body = door.get("/v1/users/nobody/feeds/in_app_feed")
    conforms("UserInAppFeedResponse", body)
    assert (body["entries"], body["meta"]) == ([], EMPTY)


@pytest.mark.parametrize("tail", ["", "/settings"])
def test_only_a_feed_channel_has_a_feed(door: Api, tail: str) -> None:
    for name in ("email", "nope"):
        answer = door.call("GET", f"/v1/users/ann/feeds/{name}{tail}")
        assert (answer.status_code, answer.json()["code"]) == (422, "channel_invalid")


def test_settings_ask_for_no_branding(door: Api) -> None:
    assert door.get(f"{FEED}/settings") == {"features": {"branding_required": False}}


def test_before_gives_only_what_is_newer_than_the_head(world: ApiWorld, door: Api) -> None:
    for _ in range(3):
        world.trigger("ping", "ann")
        world.clock.advance(timedelta(seconds=1))
    first = door.get(FEED, page_size=2)
    assert [e["id"] for e in first["entries"]] == [m.id for m in world.messages()][:0:-1]
    head = first["entries"][0]["__cursor"]
    assert door.get(FEED, before=head)["entries"] == []
    world.trigger("ping", "ann")
    newer = door.get(FEED, before=head)
    assert [e["id"] for e in newer["entries"]] == [world.messages()[-1].id]
    assert counts(newer) == (4, 4, 4)
    rest = door.get(FEED, page_size=2, after=first["page_info"]["after"])
    assert [e["id"] for e in rest["entries"]] == [world.messages()[0].id]
    assert rest["page_info"]["after"] is None


@pytest.fixture
def items(world: ApiWorld) -> dict[str, str]:
    """Five items of Ann: read, seen, archived, of a tenant, of another workflow; one of Bob."""
    found = {}
    for name, workflow, more in (
        ("read", "ping", {}),
        ("seen", "ping", {}),
        ("archived", "ping", {}),
        ("acme", "ping", {"tenant": "acme", "data": {"n": 1}}),
        ("globex", "hello", {"tenant": "globex", "data": {"n": 2}}),
    ):
        world.trigger(workflow, "ann", **more)
        found[name] = world.messages("in_app_feed_1")[-1].id
        world.until(world.clock.now() + timedelta(hours=1))
    world.trigger("ping", "bob")
    for name in ("read", "seen", "archived"):
        world.api.send("PUT", f"/v1/messages/{found[name]}/{name}")
    return found


SHOWN = {"read", "seen", "acme", "globex"}


@pytest.mark.parametrize(
    ("query", "expected", "badge"),
    [
        ("", SHOWN, (4, 3, 3)),
        ("status=all", SHOWN, (4, 3, 3)),
        ("status=unread", SHOWN - {"read"}, (4, 3, 3)),
        ("status=read", {"read"}, (4, 3, 3)),
        ("status=unseen", SHOWN - {"seen"}, (4, 3, 3)),
        ("status=seen", {"seen"}, (4, 3, 3)),
        ("status=bogus", set(), (0, 0, 0)),
        ("archived=exclude", SHOWN, (4, 3, 3)),
        ("archived=include", SHOWN | {"archived"}, (5, 4, 4)),
        ("archived=only", {"archived"}, (1, 1, 1)),
        ("archived=bogus", set(), (0, 0, 0)),
        ("tenant=acme", {"read", "seen", "acme"}, (3, 2, 2)),
        ("tenant=acme&has_tenant=true", {"acme"}, (1, 1, 1)),
        ("has_tenant=true", {"acme", "globex"}, (2, 2, 2)),
        ("has_tenant=false", {"read", "seen"}, (2, 1, 1)),
        ("has_tenant=maybe", set(), (0, 0, 0)),
        ("source=hello", {"globex"}, (1, 1, 1)),
        ("workflow_categories[]=news", {"read", "seen", "acme"}, (3, 2, 2)),
        ('trigger_data={"n":2}', {"globex"}, (1, 1, 1)),
        ("trigger_data=x", set(), (0, 0, 0)),
        ("inserted_at.gt=2026-01-01T02:30:00Z", {"acme", "globex"}, (4, 3, 3)),
        ("inserted_at[lt]=2026-01-01T00:30:00Z", {"read"}, (4, 3, 3)),
        ("inserted_at.gt=soon", set(), (0, 0, 0)),
    ],
)
def test_filters_narrow_the_list_and_the_badge_keeps_its_scope(
    door: Api, items: dict[str, str], query: str, expected: set[str], badge: tuple[int, int, int]
) -> None:
    answer = door.call("GET", f"{FEED}?{query}")
    assert answer.status_code == 200, answer.text
    assert {e["id"] for e in answer.json()["entries"]} == {items[name] for name in expected}
    assert counts(answer.json()) == badge


def test_a_nested_value_to_filter_by_is_refused(door: Api) -> None:
    assert door.status("GET", FEED, params={"trigger_data": '{"a":[1]}'}) == 422


def test_a_mark_is_seen_by_the_next_fetch(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann")
    browser = world.door("pk_development")
    browser.send("POST", "/v1/messages/batch/seen", {"message_ids": [world.one()]})
    assert counts(browser.get(FEED)) == (1, 1, 0)
    browser.send("POST", "/v1/channels/in_app_feed/messages/bulk/read", {"user_ids": ["ann"]})
    assert counts(browser.get(FEED)) == (1, 0, 0)


def test_compact_items_are_flat_and_know_one_actor(world: ApiWorld, door: Api) -> None:
    world.workflow("digest", [BATCH, IN_APP])
    for actor in ("bob", "cid"):
        world.trigger("digest", "ann", actor=actor, data={"text": actor, "deep": {"a": 1}})
    world.trigger("ping", "ann", data={"text": "x", "deep": {"a": 1}})
    world.until(timedelta(minutes=10))
    digest, ping = door.get(FEED, mode="compact")["entries"]
    assert [a["id"] for a in digest["actors"]] == ["bob"]
    assert digest["total_actors"] == 2
    assert {"activities", "total_activities"} & digest.keys() == set()
    assert ping["data"] == {"text": "x"}
    rich = door.get(FEED)["entries"][0]
    assert [a["id"] for a in rich["actors"]] == ["bob", "cid"]
    assert rich["total_activities"] == 2
    assert [a["data"] for a in rich["activities"]] == [
        {"text": actor, "deep": {"a": 1}} for actor in ("bob", "cid")
    ]


def test_excluded_paths_are_left_out(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann", data={"text": "x"})
    excluded = "entries.archived_at, meta,entries.source.key,nope.x,a.b.c.d,,entries.data.text.x"
    body = door.get(FEED, exclude=excluded)
    (item,) = body["entries"]
    assert "meta" not in body
    assert "archived_at" not in item
    assert item["source"].keys() == {"__typename", "version_id", "categories"}
    assert item["data"] == {"text": "x"}


@pytest.mark.req("R-40")
def test_a_feed_shows_only_what_the_caller_may_see(world: ApiWorld, items: dict[str, str]) -> None:
    assert world.door("pk_production").get(FEED)["entries"] == []
    assert counts(world.door("pk_production").get(FEED)) == (0, 0, 0)
    assert len(world.door("pk_development").get(FEED)["entries"]) == 4
    assert world.browser("bob").status("GET", FEED) == 403
    acme = {"https://x.test/v1/tenants/acme": {"user/feed_read": [{}]}}
    limited = world.browser("ann", acme).get(FEED)
    assert [e["id"] for e in limited["entries"]] == [items["acme"]]
    assert counts(limited) == (1, 1, 1)
    assert world.browser("ann", acme).status("GET", f"{FEED}?tenant=globex") == 403
    with_none = {**acme, "https://x.test/v1/users/ann": {"user/feed_read": [{}]}}
    seen = {e["id"] for e in world.browser("ann", with_none).get(FEED)["entries"]}
    assert seen == {items[name] for name in ("read", "seen", "acme")}
    assert world.browser("ann", {}, True).status("GET", FEED) == 403


def test_people_who_are_gone_keep_only_their_id(world: ApiWorld, door: Api) -> None:
    world.trigger("ping", "ann", actor="bob")
    assert door.status("DELETE", "/v1/users/bob") == 204
    (item,) = door.get(FEED)["entries"]
    assert item["actors"][0]["id"] == "bob"
    assert item["actors"][0]["name"] is None
