"""Channel data of users and objects, through the public door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from storage.db import Database

Check = Callable[[str, Any], None]
PUSH = "22222222-2222-4222-8222-222222222222"
CHAT = "33333333-3333-4333-8333-333333333333"
both = pytest.mark.parametrize("owner", ["/v1/users/ann", "/v1/objects/docs/1"])


def device(token: str, locale: str | None = None, name: str = "token") -> dict[str, Any]:
    return {name: token, "locale": locale, "timezone": None}


@both
@pytest.mark.req("E-106")
async def test_push_data_is_answered_as_tokens_and_as_devices(
    api: httpx.AsyncClient, conforms: Check, owner: str
) -> None:
    path = f"{owner}/channel_data/{PUSH}"
    sent = {"tokens": ["a", "b", "a"], "devices": [{"token": "b", "locale": "de"}]}
    answer = await api.put(path, json={"data": sent})
    assert answer.status_code == 200
    assert answer.json() == {
        "__typename": "ChannelData",
        "channel_id": PUSH,
        "provider": "push_apns",
        "data": {"tokens": ["b", "a"], "devices": [device("b", "de"), device("a")]},
    }
    conforms("ChannelData", answer.json())
    assert (await api.get(path)).json() == answer.json()
    assert (await api.get(owner)).status_code == 200


@both
@pytest.mark.req("E-106")
async def test_putting_replaces_whole_and_deleting_unsets(
    api: httpx.AsyncClient, owner: str
) -> None:
    path = f"{owner}/channel_data/{PUSH}"
    await api.put(path, json={"data": {"tokens": ["a"]}})
    body = (await api.put(path, json={"data": {"devices": [{"token": "z"}]}})).json()
    assert body["data"] == {"tokens": ["z"], "devices": [device("z")]}
    assert (await api.delete(path)).status_code == 204
    for method in ("GET", "DELETE"):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "resource_missing")


@pytest.mark.parametrize(
    ("data", "stored"),
    [
        ({"tokens": []}, {"tokens": [], "devices": []}),
        ({"player_ids": ["p"]}, {"player_ids": ["p"]}),
        (
            {"target_arns": ["arn:1"]},
            {"target_arns": ["arn:1"], "devices": [device("arn:1", name="target_arn")]},
        ),
        (
            {"devices": [{"target_arn": "arn:2", "locale": "fr"}]},
            {"target_arns": ["arn:2"], "devices": [device("arn:2", "fr", "target_arn")]},
        ),
    ],
)
async def test_each_push_service_has_its_shape(
    api: httpx.AsyncClient, data: dict[str, Any], stored: dict[str, Any]
) -> None:
    answer = await api.put("/v1/users/ann/channel_data/apns", json={"data": data})
    assert answer.json()["data"] == stored


@pytest.mark.parametrize(
    "data",
    [
        {"connections": [{"access_token": "x", "channel_id": "C1"}], "token": None},
        {"connections": [{"incoming_webhook": {"url": "https://example.com"}}]},
        {"token": {"access_token": "x"}},
        {"connections": [], "ms_teams_tenant_id": "t"},
    ],
)
async def test_chat_data_is_kept_as_sent(
    api: httpx.AsyncClient, conforms: Check, data: dict[str, Any]
) -> None:
    body = await api.put(f"/v1/objects/$tenants/acme/channel_data/{CHAT}", json={"data": data})
    assert body.json()["data"] == data
    assert body.json()["provider"] == "chat_slack"


@pytest.mark.parametrize(
    "sent",
    [
        {}, {"data": None}, {"data": []}, {"data": {}}, {"data": {"tokens": "a"}},
        {"data": {"tokens": [""]}}, {"data": {"tokens": [1]}}, {"data": {"devices": ["a"]}},
        {"data": {"devices": [{"token": "a", "locale": 1}]}}, {"data": {"player_ids": [None]}},
        {"data": {"tokens": ["t"] * 1001}},
    ],
    ids=lambda sent: str(sent)[:40],
)  # fmt: skip
async def test_wrong_data_is_refused_and_creates_nobody(
    api: httpx.AsyncClient, sent: dict[str, Any]
) -> None:
    answer = await api.put(f"/v1/users/ann/channel_data/{PUSH}", json=sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_params")
    assert (await api.get("/v1/users/ann")).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_unknown_channel_is_named_as_such(api: httpx.AsyncClient, method: str) -> None:
    path = "/v1/users/ann/channel_data/44444444-4444-4444-8444-444444444444"
    answer = await api.request(method, path, json={"data": {"tokens": ["a"]}})
    assert (answer.status_code, answer.json()["code"]) == (422, "channel_invalid")


async def test_an_archived_channel_is_unknown(api: httpx.AsyncClient, database: Database) -> None:
    database.write(lambda tx: tx.run("UPDATE channels SET archived_at = 1 WHERE id = ?", (PUSH,)))
    assert (await api.get(f"/v1/users/ann/channel_data/{PUSH}")).status_code == 422
