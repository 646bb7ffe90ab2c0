"""Preference sets of users and objects, through the public door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from storage import preferences
from storage.db import Database

Check = Callable[[str, Any], None]
EMPTY: dict[str, Any] = {
    "id": "default",
    "workflows": None,
    "categories": None,
    "channel_types": None,
    "channels": None,
    "commercial_subscribed": None,
}
both = pytest.mark.parametrize("owner", ["/v1/users/ann", "/v1/objects/docs/1"])


def defaults(database: Database, content: dict[str, Any]) -> None:
    database.write(lambda tx: preferences.set_environment_defaults(tx, "development", content))


@both
async def test_a_set_that_was_never_set_is_the_default(
    api: httpx.AsyncClient, database: Database, conforms: Check, owner: str
) -> None:
    answer = await api.get(f"{owner}/preferences/default")
    assert (answer.status_code, answer.json()) == (200, EMPTY)
    defaults(database, {"channel_types": {"email": False}})
    body = (await api.get(f"{owner}/preferences/acme")).json()
    assert body == {**EMPTY, "id": "acme", "channel_types": {"email": False}}
    conforms("PreferenceSet", body)


@both
@pytest.mark.req("E-148")
async def test_put_replaces_unless_it_asks_to_merge(api: httpx.AsyncClient, owner: str) -> None:
    path = f"{owner}/preferences/default"
    await api.put(path, json={"workflows": {"a": False}, "channel_types": {"sms": True}})
    merge = {"workflows": {"b": {"channel_types": {"email": False}}}}
    body = (await api.put(path, json={**merge, "__persistence_strategy__": "merge"})).json()
    assert body["workflows"] == {"a": False, **merge["workflows"]}
    assert body["channel_types"] == {"sms": True}
    assert "__persistence_strategy__" not in body
    body = (await api.put(path, json={"categories": {"Big News": False}, "id": "x"})).json()
    assert body == {**EMPTY, "categories": {"Big News": False}}


@both
@pytest.mark.req("E-147")
async def test_answers_are_merged_with_the_environment_but_it_is_not_stored(
    api: httpx.AsyncClient, database: Database, owner: str
) -> None:
    path = f"{owner}/preferences/default"
    defaults(database, {"workflows": {"a": False, "b": {"channel_types": {"email": False}}}})
    sent = {"workflows": {"a": True, "b": {"channel_types": {"sms": True}}}}
    body = (await api.put(path, json=sent)).json()
    assert body["workflows"] == {
        "a": True,
        "b": {"channel_types": {"sms": True, "email": False}},
    }
    assert (await api.get(path)).json() == body
    defaults(database, {})
    assert (await api.get(path)).json()["workflows"] == sent["workflows"]


@pytest.mark.req("E-143")
async def test_a_tenants_set_stands_over_the_tenants_default(api: httpx.AsyncClient) -> None:
    tenant = {"settings": {"preference_set": {"workflows": {"a": False, "b": False}}}}
    await api.put("/v1/tenants/acme", json=tenant)
    await api.put("/v1/users/ann/preferences/default", json={"workflows": {"c": False}})
    body = (await api.put("/v1/users/ann/preferences/acme", json={"workflows": {"a": True}})).json()
    assert body["workflows"] == {"a": True, "b": False}
    under = (await api.get("/v1/users/ann/preferences/default?tenant=acme")).json()
    assert under["workflows"] == {"a": False, "b": False, "c": False}


@both
async def test_sets_are_listed_as_an_array_and_deleted(
    api: httpx.AsyncClient, conforms: Check, owner: str
) -> None:
    path = f"{owner}/preferences"
    assert (await api.get(path)).json() == []
    for set_id in ("default", "acme"):
        await api.put(f"{path}/{set_id}", json={"commercial_subscribed": False})
    body = (await api.get(path)).json()
    assert sorted(item["id"] for item in body) == ["acme", "default"]
    conforms("ListUserPreferenceSetsResponse", body)
    answer = await api.delete(f"{path}/acme")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [item["id"] for item in (await api.get(path)).json()] == ["default"]
    assert (await api.get(f"{path}/acme")).json()["commercial_subscribed"] is None


@both
async def test_setting_preferences_creates_the_recipient(
    api: httpx.AsyncClient, owner: str
) -> None:
    await api.put(f"{owner}/preferences/default", json={})
    assert (await api.get(owner)).status_code == 200


@both
async def test_older_routes_change_one_part_and_answer_the_whole_set(
    api: httpx.AsyncClient, owner: str
) -> None:
    path = f"{owner}/preferences/default"
    condition = {"conditions": [{"variable": "v", "operator": "equal_to", "argument": "1"}]}
    await api.put(path, json={"workflows": {"w": True}, "channel_types": {"email": True}})
    for part, body in (
        ("channel_types", {"sms": False}),
        ("channel_types/push", {"subscribed": False}),
        ("channel_types/chat", condition),
        ("workflows/x", {"subscribed": False}),
        ("workflows/y", {"channel_types": {"email": False}}),
        ("categories", {"News": True}),
        ("categories/Big%20News", {"subscribed": True}),
    ):
        answer = await api.put(f"{path}/{part}", json=body)
        assert answer.status_code == 200, part
    assert answer.json() == {
        **EMPTY,
        "channel_types": {"sms": False, "push": False, "chat": condition},
        "workflows": {"w": True, "x": False, "y": {"channel_types": {"email": False}}},
        "categories": {"News": True, "Big News": True},
    }


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"channel_types": {"pigeon": True}}, "channel_types.pigeon"),
        ({"channel_types": {"email": "yes"}}, "channel_types.email"),
        ({"channel_types": []}, "channel_types"),
        ({"workflows": {"w": {"channel_types": {"email": 1}}}}, "workflows.w.channel_types.email"),
        ({"workflows": {"w": "no"}}, "workflows.w"),
        ({"categories": {"c": {"conditions": {}}}}, "categories.c.conditions"),
        ({"channels": {"c": {"conditions": [{"variable": 1}]}}}, "channels.c.conditions[0]"),
        ({"commercial_subscribed": "no"}, "commercial_subscribed"),
        ({"__persistence_strategy__": "append"}, "__persistence_strategy__"),
        ({"workflows": {"w": {"__strategy__": "x"}}}, "workflows.w.__strategy__"),
    ],
)
async def test_a_wrong_set_is_refused_with_its_place(
    api: httpx.AsyncClient, sent: dict[str, Any], field: str
) -> None:
    answer = await api.put("/v1/users/ann/preferences/default", json=sent)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await api.get("/v1/users/ann")).status_code == 404
    inline = await api.put("/v1/users/ann", json={"preferences": {"default": sent}})
    assert inline.json()["errors"][0]["field"] == f"preferences.default.{field}"
