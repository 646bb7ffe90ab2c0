"""Objects and tenants, through the public door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.timing.clock import ManualClock
from storage import preferences
from storage.db import Database

Check = Callable[[str, Any], None]


async def test_an_object_keeps_custom_data_under_properties(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    answer = await api.put("/v1/objects/docs/1", json={"name": "Plan", "size": {"w": 1}})
    assert answer.json() == {
        "__typename": "Object",
        "id": "1",
        "collection": "docs",
        "properties": {"name": "Plan", "size": {"w": 1}},
        "created_at": None,
        "updated_at": "2026-05-04T10:00:00Z",
    }
    conforms("Object", answer.json())
    merged = await api.put("/v1/objects/docs/1", json={"size": {"h": 2}, "collection": "x"})
    assert merged.json()["properties"] == {"name": "Plan", "size": {"w": 1, "h": 2}}
    assert (await api.get("/v1/objects/docs/1")).json() == merged.json()


async def test_objects_of_one_collection_are_listed(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    for path in ("docs/2", "docs/1", "other/3"):
        await api.put(f"/v1/objects/{path}", json={})
    body = (await api.get("/v1/objects/docs?include[]=preferences")).json()
    assert [o["id"] for o in body["entries"]] == ["1", "2"]
    assert [o["preferences"] for o in body["entries"]] == [{}, {}]
    conforms("ListObjectsResponse", body)


async def test_a_deleted_object_takes_what_hangs_on_it_along(api: httpx.AsyncClient) -> None:
    await api.put("/v1/objects/docs/1", json={"preferences": {"default": {"workflows": {}}}})
    await api.post("/v1/objects/docs/1/subscriptions", json={"recipients": ["ann"]})
    assert (await api.delete("/v1/objects/docs/1")).status_code == 204
    assert (await api.get("/v1/objects/docs/1")).status_code == 404
    assert (await api.get("/v1/users/ann/subscriptions")).json()["entries"] == []
    assert (await api.get("/v1/objects/docs/1/preferences")).json() == []


async def test_users_are_no_collection_of_objects(api: httpx.AsyncClient) -> None:
    await api.put("/v1/users/ann", json={})
    for method, path in (("GET", "/$users/ann"), ("PUT", "/$users/ann"), ("GET", "/$users")):
        assert (await api.request(method, f"/v1/objects{path}", json={})).status_code == 404
    answer = await api.put("/v1/objects/$mine/1", json={})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["type"] == "collection.reserved"


# ------------------------------------------------------------------ tenants


async def test_a_tenant_shows_all_of_its_settings(api: httpx.AsyncClient, conforms: Check) -> None:
    sent = {
        "name": "Acme",
        "plan": "pro",
        "settings": {
            "branding": {"primary_color": "#ff0000"},
            "preference_set": {"channel_types": {"email": False}},
        },
    }
    body = (await api.put("/v1/tenants/acme", json=sent)).json()
    conforms("Tenant", body)
    assert (body["__typename"], body["id"], body["name"], body["plan"]) == (
        "Tenant", "acme", "Acme", "pro",
    )  # fmt: skip
    branding = dict(body["settings"]["branding"])
    assert branding.pop("primary_color") == "#ff0000"
    assert set(branding) == {
        "primary_color_contrast", "logo_url", "icon_url", "dark_primary_color",
        "dark_primary_color_contrast", "dark_logo_url", "dark_icon_url",
    }  # fmt: skip
    assert set(branding.values()) == {None}
    assert body["settings"]["preference_set"] == {
        "id": "default",
        "workflows": None,
        "categories": None,
        "channel_types": {"email": False},
        "channels": None,
        "commercial_subscribed": None,
    }
    assert (await api.get("/v1/tenants/acme")).json() == body


@pytest.mark.req("E-148")
async def test_a_tenants_set_merges_unless_it_asks_to_be_replaced_or_cleared(
    api: httpx.AsyncClient,
) -> None:
    async def put(preference_set: Any) -> Any:
        sent = {"settings": {"preference_set": preference_set}}
        body = (await api.put("/v1/tenants/acme", json=sent)).json()
        return body["settings"]["preference_set"]

    await put({"workflows": {"a": False}})
    assert (await put({"workflows": {"b": True}}))["workflows"] == {"a": False, "b": True}
    kept = (await api.put("/v1/tenants/acme", json={"settings": {"branding": {}}})).json()
    assert kept["settings"]["preference_set"]["workflows"] == {"a": False, "b": True}
    replaced = await put({"workflows": {"c": True}, "__persistence_strategy__": "replace"})
    assert replaced["workflows"] == {"c": True}
    assert await put(None) is None


async def test_a_tenants_set_can_be_resolved_over_the_environments(
    api: httpx.AsyncClient, database: Database
) -> None:
    database.write(
        lambda tx: preferences.set_environment_defaults(
            tx, "development", {"channel_types": {"email": True, "sms": False}}
        )
    )
    sent = {"settings": {"preference_set": {"channel_types": {"email": False}}}}
    resolve = "?resolve_full_preference_settings=true"
    for answer in (
        await api.put(f"/v1/tenants/acme{resolve}", json=sent),
        await api.get(f"/v1/tenants/acme{resolve}"),
    ):
        found = answer.json()["settings"]["preference_set"]
        assert found["channel_types"] == {"email": False, "sms": False}
    plain = (await api.get("/v1/tenants/acme")).json()["settings"]["preference_set"]
    assert plain["channel_types"] == {"email": False}


async def test_tenants_are_listed_and_narrowed(api: httpx.AsyncClient, conforms: Check) -> None:
    for id, name in (("b", "Beta"), ("a", "Alpha"), ("c", "Alpha")):
        await api.put(f"/v1/tenants/{id}", json={"name": name})

    async def ids(query: str) -> list[str]:
        body = (await api.get(f"/v1/tenants{query}")).json()
        conforms("ListTenantsResponse", body)
        return [t["id"] for t in body["entries"]]

    assert await ids("") == ["a", "b", "c"]
    assert await ids("?name=Alpha") == ["a", "c"]
    assert await ids("?tenant_id=b") == ["b"]
    assert await ids("?name=Alpha&tenant_id=b") == []


async def test_a_tenant_is_an_object_too(api: httpx.AsyncClient, clock: ManualClock) -> None:
    await api.put("/v1/tenants/acme", json={"name": "Acme"})
    clock.advance(timedelta(seconds=1))
    body = (await api.put("/v1/objects/$tenants/acme", json={"plan": "pro"})).json()
    assert (body["__typename"], body["properties"]) == ("Object", {"name": "Acme", "plan": "pro"})
    assert (await api.get("/v1/tenants/acme")).json()["plan"] == "pro"
    assert (await api.delete("/v1/tenants/acme")).status_code == 204
    assert (await api.get("/v1/objects/$tenants/acme")).status_code == 404
