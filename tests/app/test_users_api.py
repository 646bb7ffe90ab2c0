"""Users and their preferences in answers, through the public door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from engine.timing.clock import ManualClock

Check = Callable[[str, Any], None]


async def test_identify_creates_a_user_and_answers_it_whole(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    answer = await api.put("/v1/users/ann", json={"name": "Ann", "plan": {"tier": "pro"}})
    assert answer.status_code == 200
    assert answer.json() == {
        "__typename": "User",
        "id": "ann",
        "name": "Ann",
        "email": None,
        "phone_number": None,
        "avatar": None,
        "timezone": None,
        "created_at": None,
        "updated_at": "2026-05-04T10:00:00Z",
        "plan": {"tier": "pro"},
    }
    conforms("User", answer.json())
    assert (await api.get("/v1/users/ann")).json() == answer.json()


@pytest.mark.req("E-4")
async def test_identify_merges_deeply_and_removes_nothing(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    await api.put("/v1/users/ann", json={"a": {"x": 1, "y": 2}, "tags": [1, 2], "name": "Ann"})
    clock.advance(timedelta(seconds=1))
    body = (await api.put("/v1/users/ann", json={"a": {"y": None}, "tags": [3]})).json()
    assert body["a"] == {"x": 1, "y": None}
    assert body["tags"] == [3]
    assert body["name"] == "Ann"
    assert body["updated_at"] == "2026-05-04T10:00:01Z"


async def test_created_at_is_the_callers_date_in_utc(api: httpx.AsyncClient) -> None:
    sent = {"created_at": "2019-12-27T19:11:19.117000+01:00"}
    body = (await api.put("/v1/users/ann", json=sent)).json()
    assert body["created_at"] == "2019-12-27T18:11:19.117000Z"


async def test_an_answer_may_be_sent_back_without_being_stored_into_itself(
    api: httpx.AsyncClient,
) -> None:
    first = (await api.put("/v1/users/ann", json={"name": "Ann"})).json()
    again = (await api.put("/v1/users/ann", json={**first, "__cursor": "x"})).json()
    assert again == first


async def test_an_unknown_user_is_missing(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/users/nobody")
    assert answer.status_code == 404
    assert answer.json() == {
        "code": "resource_missing",
        "message": "The resource you requested does not exist",
        "status": 404,
        "type": "api_error",
    }


@pytest.mark.parametrize(
    ("path", "id"),
    [("/v1/users/a%20b", "a b"), ("//v1//users/%C3%A9t%C3%A9/", "été"), ("/v1/users/a:b", "a:b")],
)
async def test_ids_are_decoded_after_the_path_is_split(
    api: httpx.AsyncClient, path: str, id: str
) -> None:
    assert (await api.put(f"http://tocsin.test{path}", json={})).json()["id"] == id


async def test_an_encoded_slash_stays_inside_its_segment(api: httpx.AsyncClient) -> None:
    answer = await api.put("/v1/users/u%2F1", json={})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "id", "message": "an id may hold neither `/` nor `#`", "type": "id.form"}
    ]
    assert (await api.get("/v1/users/u%2F1")).json()["code"] == "resource_missing"


@pytest.mark.req("R-34")
async def test_an_id_may_have_256_characters_and_no_more(api: httpx.AsyncClient) -> None:
    assert (await api.put("/v1/users/" + "é" * 256, json={})).status_code == 200
    assert (await api.put("/v1/users/" + "é" * 257, json={})).status_code == 422


async def test_users_are_listed_by_id_in_pages_both_ways(
    api: httpx.AsyncClient, conforms: Check
) -> None:
    for id in "ecadb":
        await api.put(f"/v1/users/{id}", json={})
    first = (await api.get("/v1/users?page_size=2")).json()
    assert [u["id"] for u in first["entries"]] == ["a", "b"]
    assert first["page_info"]["before"] is None
    second = (
        await api.get("/v1/users", params={"page_size": 2, "after": first["page_info"]["after"]})
    ).json()
    assert [u["id"] for u in second["entries"]] == ["c", "d"]
    third = (
        await api.get("/v1/users", params={"page_size": 2, "after": second["page_info"]["after"]})
    ).json()
    assert [u["id"] for u in third["entries"]] == ["e"]
    assert third["page_info"]["after"] is None
    back = (
        await api.get("/v1/users", params={"page_size": 2, "before": third["page_info"]["before"]})
    ).json()
    assert back["entries"] == second["entries"]
    assert back["page_info"] == second["page_info"]
    conforms("ListUsersResponse", second)


async def test_page_sizes_are_clamped_and_foreign_cursors_ignored(
    api: httpx.AsyncClient,
) -> None:
    await api.put("/v1/users/ann", json={})
    body = (await api.get("/v1/users?page_size=0&after=after&before=before")).json()
    assert [u["id"] for u in body["entries"]] == ["ann"]
    assert body["page_info"] == {
        "__typename": "PageInfo",
        "after": None,
        "before": None,
        "page_size": 1,
    }
    assert (await api.get("/v1/users?page_size=51")).json()["page_info"]["page_size"] == 50


async def test_lists_add_preferences_only_when_asked(api: httpx.AsyncClient) -> None:
    await api.put("/v1/users/ann", json={"preferences": {"default": {"workflows": {"w": False}}}})
    plain = (await api.get("/v1/users")).json()["entries"][0]
    assert "preferences" not in plain
    for query in ("include[]=preferences", "include=preferences"):
        entry = (await api.get(f"/v1/users?{query}")).json()["entries"][0]
        assert entry["preferences"]["default"]["workflows"] == {"w": False}


@pytest.mark.req("E-4", "E-148")
async def test_inline_channel_data_replaces_and_inline_preferences_merge(
    api: httpx.AsyncClient,
) -> None:
    for tokens, workflows in ((["t1", "t2"], {"a": False}), (["t3"], {"b": False})):
        answer = await api.put(
            "/v1/users/ann",
            json={
                "channel_data": {"apns": {"tokens": tokens}},
                "preferences": {
                    "default": {"workflows": workflows, "__persistence_strategy__": "replace"}
                },
            },
        )
        assert answer.status_code == 200
        assert not {"channel_data", "preferences"} & set(answer.json())
    data = (await api.get("/v1/users/ann/channel_data/apns")).json()["data"]
    assert data["tokens"] == ["t3"]
    found = (await api.get("/v1/users/ann/preferences/default")).json()
    assert found["workflows"] == {"a": False, "b": False}


@pytest.mark.req("R-34")
async def test_properties_may_take_256_kilobytes_and_no_more(api: httpx.AsyncClient) -> None:
    room = 256 * 1024 - len('{"big":""}')
    assert (await api.put("/v1/users/ann", json={"big": "x" * room})).status_code == 200
    answer = await api.put("/v1/users/ann", json={"big": "x" * (room + 1)})
    assert answer.status_code == 422
    assert "262144" in answer.json()["errors"][0]["message"]
    assert len((await api.get("/v1/users/ann")).json()["big"]) == room


async def test_nothing_is_stored_of_a_request_that_is_refused(api: httpx.AsyncClient) -> None:
    body = {"name": "Ann", "channel_data": {"nowhere": {"tokens": ["t"]}}}
    answer = await api.put("/v1/users/ann", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "channel_invalid")
    assert (await api.get("/v1/users/ann")).status_code == 404


@pytest.mark.req("E-158")
async def test_a_deleted_user_is_gone_and_the_id_inherits_nothing(
    api: httpx.AsyncClient,
) -> None:
    await api.put(
        "/v1/users/ann",
        json={
            "name": "Ann",
            "channel_data": {"apns": {"tokens": ["t"]}},
            "preferences": {"default": {"workflows": {"w": False}}},
        },
    )
    await api.post("/v1/objects/docs/1/subscriptions", json={"recipients": ["ann"]})
    answer = await api.delete("/v1/users/ann")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await api.get("/v1/users/ann")).status_code == 404
    assert (await api.get("/v1/users/ann/channel_data/apns")).status_code == 404
    assert (await api.get("/v1/users/ann/preferences")).json() == []
    assert (await api.get("/v1/objects/docs/1/subscriptions")).json()["entries"] == []
    assert (await api.delete("/v1/users/ann")).status_code == 204
    assert (await api.put("/v1/users/ann", json={})).json()["name"] is None


@pytest.mark.req("R-40")
async def test_environments_do_not_see_each_others_users(api: httpx.AsyncClient) -> None:
    await api.put("/v1/users/ann", json={})
    production = {"authorization": "Bearer sk_production"}
    assert (await api.get("/v1/users/ann", headers=production)).status_code == 404
    assert (await api.get("/v1/users", headers=production)).json()["entries"] == []
    assert (await api.delete("/v1/users/ann", headers=production)).status_code == 204
    assert (await api.get("/v1/users/ann")).status_code == 200
