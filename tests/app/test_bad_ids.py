"""Ids that hold control characters or are too long name nothing, wherever they are sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.api.routes import endpoints
from storage.db import Database

BAD = ["a\x00b", "\x01", "ann\n", "a\tb", "\x1f", "a\x7f", "x" * 257]
TABLES = ("recipients", "channel_data", "preference_sets", "subscriptions", "triggers")
ROUTES = [
    (route.method, route.path, name)
    for endpoint in endpoints()
    for route in endpoint.routes
    for name in route.parameters
]


def stored(database: Database) -> list[Any]:
    sql = database.read()
    return [sql.rows(f"SELECT * FROM {table}") for table in TABLES]


def refused(answer: httpx.Response, field: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "invalid_params"), body
    assert body["type"] == "invalid_request_error"
    assert field in [error["field"] for error in body["errors"]]


def filled(path: str, name: str, value: str) -> str:
    parts = [
        (quote(value, safe="") if part[1:-1] == name else "x") if part.startswith("{") else part
        for part in path.split("/")
    ]
    return "/".join(parts)


@pytest.mark.req("R-35")
@pytest.mark.parametrize(("method", "path", "name"), ROUTES)
async def test_every_parameter_of_every_path_is_checked(
    api: httpx.AsyncClient, database: Database, method: str, path: str, name: str
) -> None:
    for value in ("a\x00b", "x" * 257):
        answer = await api.request(method, filled(path, name, value), json={})
        refused(answer, name)
    assert stored(database) == [[]] * len(TABLES)


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize(
    ("method", "path", "field", "body"),
    [
        ("POST", "/v1/notify", "name", {"name": "?", "recipients": ["ann"]}),
        ("POST", "/v1/notify/cancel", "name", {"name": "?", "cancellation_key": "k"}),
        ("POST", "/v1/objects/docs/1/subscriptions", "recipients[0]", {"recipients": ["?"]}),
        ("POST", "/v1/objects/docs/1/subscriptions", "recipients[1].id",
         {"recipients": ["ben", {"id": "?", "name": "A"}]}),
        ("POST", "/v1/objects/docs/1/subscriptions", "recipients[0].collection",
         {"recipients": [{"id": "1", "collection": "?"}]}),
        ("POST", "/v1/workflows/w/trigger", "recipients[0]", {"recipients": ["?"]}),
        ("POST", "/v1/workflows/w/trigger", "actor", {"recipients": ["a"], "actor": "?"}),
        ("POST", "/v1/workflows/w/trigger", "tenant", {"recipients": ["a"], "tenant": "?"}),
        ("POST", "/v1/workflows/w/trigger", "tenant.id",
         {"recipients": ["a"], "tenant": {"id": "?", "name": "A"}}),
        ("POST", "/v1/workflows/w/cancel", "recipients[0]",
         {"cancellation_key": "k", "recipients": ["?"]}),
    ],
)  # fmt: skip
async def test_every_id_of_a_body_is_checked(
    api: httpx.AsyncClient,
    database: Database,
    method: str,
    path: str,
    field: str,
    body: Any,
    value: str,
) -> None:
    refused(await api.request(method, path, json=replaced(body, value)), field)
    assert stored(database) == [[]] * len(TABLES)


@pytest.mark.parametrize("value", BAD)
async def test_the_names_of_inline_preference_sets_are_ids_too(
    api: httpx.AsyncClient, database: Database, value: str
) -> None:
    answer = await api.put("/v1/users/ann", json={"preferences": {value: {}}})
    refused(answer, f"preferences.{value[:256]}")
    assert stored(database) == [[]] * len(TABLES)


@pytest.mark.parametrize("part", ["workflows", "categories"])
async def test_the_keys_of_a_preference_set_are_checked(
    api: httpx.AsyncClient, database: Database, part: str
) -> None:
    body = {part: {"a\x00b": True}}
    refused(await api.put("/v1/users/ann/preferences/default", json=body), f"{part}.a\x00b")
    inline = await api.put("/v1/users/ann", json={"preferences": {"default": body}})
    refused(inline, f"preferences.default.{part}.a\x00b")
    assert stored(database) == [[]] * len(TABLES)


async def test_the_message_names_the_character_and_its_place(api: httpx.AsyncClient) -> None:
    answer = await api.put("/v1/users/ab%07c", json={})
    [error] = answer.json()["errors"]
    assert error["message"] == "an id may hold no control characters, got U+0007 at place 3"
    assert error["type"] == "id.control"


@pytest.mark.parametrize("id", ["Ann Lee", "Zoë", "安", "a\u00a0b", "a\u200db", "x" * 256, "🙂"])
async def test_unusual_ids_are_taken(api: httpx.AsyncClient, id: str) -> None:
    answer = await api.put(f"/v1/users/{quote(id, safe='')}", json={})
    assert answer.status_code == 200
    assert answer.json()["id"] == id


def replaced(value: Any, by: str) -> Any:
    if isinstance(value, dict):
        return {key: replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, by) for item in value]
    return by if value == "?" else value
