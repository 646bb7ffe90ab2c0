"""Subscriptions in both directions, through the public door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.timing.clock import ManualClock

Check = Callable[[str, Any], None]
PATH = "/v1/objects/docs/1/subscriptions"


def who(body: Any) -> list[str]:
    return [item["recipient"]["id"] for item in body]


@pytest.mark.req("E-170")
async def test_subscribing_identifies_inline_recipients_and_answers_both_ends(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    await api.put("/v1/objects/docs/1", json={"name": "Plan"})
    sent = {
        "recipients": ["ghost", {"id": "ann", "name": "Ann"}, {"id": "7", "collection": "teams"}],
        "properties": {"role": "owner"},
    }
    body = (await api.post(PATH, json=sent)).json()
    assert who(body) == ["ghost", "ann", "7"]
    assert [item["recipient"]["__typename"] for item in body] == ["User", "User", "Object"]
    assert body[1]["recipient"]["name"] == "Ann"
    assert {item["object"]["properties"]["name"] for item in body} == {"Plan"}
    assert body[0]["properties"] == {"role": "owner"}
    conforms("SubscriptionsResponse", body)
    assert (await api.get("/v1/users/ghost")).status_code == 404
    assert (await api.get("/v1/users/ann")).json()["name"] == "Ann"


@pytest.mark.req("E-170")
async def test_subscribing_again_replaces_the_properties(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    await api.post(PATH, json={"recipients": ["ann"], "properties": {"a": 1, "b": {"c": 2}}})
    clock.advance(timedelta(seconds=1))
    (again,) = (await api.post(PATH, json={"recipients": ["ann"], "properties": {"b": {}}})).json()
    assert again["properties"] == {"b": {}}
    assert again["inserted_at"] == "2026-05-04T10:00:00Z"
    assert again["updated_at"] == "2026-05-04T10:00:01Z"
    assert len((await api.get(PATH)).json()["entries"]) == 1


async def test_unsubscribing_answers_what_there_was(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    await api.post(PATH, json={"recipients": ["ann", "bob"]})
    answer = await api.request("DELETE", PATH, json={"recipients": ["ann", "nobody"]})
    assert who(answer.json()) == ["ann"]
    conforms("SubscriptionsResponse", answer.json())
    assert who((await api.get(PATH)).json()["entries"]) == ["bob"]


async def test_an_object_lists_its_followers_and_what_it_follows(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    await api.post(PATH, json={"recipients": ["ann", {"id": "7", "collection": "teams"}]})
    followers = (await api.get(PATH)).json()
    conforms("ListSubscriptionsResponse", followers)
    assert who(followers["entries"]) == ["ann", "7"]
    mode = (await api.get("/v1/objects/teams/7/subscriptions?mode=recipient")).json()
    assert [item["object"]["id"] for item in mode["entries"]] == ["1"]
    assert (await api.get("/v1/objects/teams/7/subscriptions")).json()["entries"] == []
    assert (await api.get(f"{PATH}?mode=both")).status_code == 422


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("recipients[]=ann", ["ann"]),
        ("recipients=ann&recipients=bob", ["ann", "bob"]),
        ("recipients[][id]=7&recipients[][collection]=teams", ["7"]),
        ("recipients[]=7", []),
        ("recipients[][collection]=teams", []),
    ],
)
async def test_followers_are_narrowed_to_recipients_and_never_unfiltered(
    api: httpx.AsyncClient, query: str, found: list[str]
) -> None:
    await api.post(PATH, json={"recipients": ["ann", "bob", {"id": "7", "collection": "teams"}]})
    assert who((await api.get(f"{PATH}?{query}")).json()["entries"]) == found


async def test_a_users_subscriptions_come_newest_first_in_pages(api: httpx.AsyncClient) -> None:
    for id in "abcde":
        await api.post(f"/v1/objects/docs/{id}/subscriptions", json={"recipients": ["ann"]})
    seen: list[str] = []
    params: dict[str, Any] = {"page_size": 2}
    while True:
        body = (await api.get("/v1/users/ann/subscriptions", params=params)).json()
        seen += [item["object"]["id"] for item in body["entries"]]
        if body["page_info"]["after"] is None:
            break
        params["after"] = body["page_info"]["after"]
    assert seen == list("edcba")
    only = "objects[][id]=b&objects[][collection]=docs"
    body = (await api.get(f"/v1/users/ann/subscriptions?{only}")).json()
    assert [item["object"]["id"] for item in body["entries"]] == ["b"]


async def test_included_preferences_come_with_the_recipient(api: httpx.AsyncClient) -> None:
    recipient = {"id": "ann", "preferences": {"default": {"workflows": {"w": False}}}}
    await api.post(PATH, json={"recipients": [recipient]})
    (item,) = (await api.get(f"{PATH}?include[]=preferences")).json()["entries"]
    assert item["recipient"]["preferences"]["default"]["workflows"] == {"w": False}
    assert item["object"]["preferences"] == {}


@pytest.mark.req("E-170")
async def test_an_object_cannot_follow_itself(api: httpx.AsyncClient) -> None:
    sent = {"recipients": ["ann", {"id": "1", "collection": "docs"}]}
    answer = await api.post(PATH, json=sent)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "recipients[1]"
    assert (await api.get(PATH)).json()["entries"] == []


@pytest.mark.req("R-34")
@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_100_recipients_are_taken_and_no_more(api: httpx.AsyncClient, method: str) -> None:
    for count, status in ((100, 200), (101, 422), (0, 422)):
        sent = {"recipients": [f"u{n}" for n in range(count)]}
        assert (await api.request(method, PATH, json=sent)).status_code == status


async def test_one_wrong_recipient_stops_all(api: httpx.AsyncClient) -> None:
    sent = {"recipients": [{"id": "ann", "name": "Ann"}, {"id": "bob", "email": 5}, {"x": 1}]}
    answer = await api.post(PATH, json=sent)
    assert answer.status_code == 422
    fields = [error["field"] for error in answer.json()["errors"]]
    assert fields == ["recipients[1].email", "recipients[2].id"]
    assert (await api.get("/v1/users/ann")).status_code == 404
    assert (await api.get(PATH)).json()["entries"] == []
