"""Whatever is sent, the answer is well-formed and nothing is half-written."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.routes import endpoints
from storage.db import Database

ROUTES = [declared for endpoint in endpoints() for declared in endpoint.routes]
WRITING = [r for r in ROUTES if r.method in ("PUT", "POST", "DELETE")]
TABLES = ("recipients", "channel_data", "preference_sets", "subscriptions")
USER, OBJECT, TENANT = "/v1/users/ann", "/v1/objects/docs/1", "/v1/tenants/acme"
SETS, DATA = f"{USER}/preferences/default", f"{USER}/channel_data/apns"
FOLLOW = f"{OBJECT}/subscriptions"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)


def stored(database: Database) -> list[Any]:
    sql = database.read()
    return [sql.rows(f"SELECT * FROM {table}") for table in TABLES]


def is_well_formed(answer: httpx.Response) -> bool:
    if answer.status_code < 400:
        return True
    body = answer.json()
    return (
        answer.status_code < 500
        and body["status"] == answer.status_code
        and {"code", "message", "status", "type"} <= set(body)
        and len(answer.headers["x-request-id"]) == 20
    )


@pytest.mark.req("R-35")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", USER, [], 422),
        ("PUT", USER, "text", 422),
        ("PUT", USER, 7, 422),
        ("PUT", USER, None, 422),
        ("PUT", USER, {"email": 7}, 422),
        ("PUT", USER, {"name": {"first": "Ann"}}, 422),
        ("PUT", USER, {"created_at": "yesterday"}, 422),
        ("PUT", USER, {"created_at": 5}, 422),
        ("PUT", USER, {"channel_data": []}, 422),
        ("PUT", USER, {"channel_data": {"apns": []}}, 422),
        ("PUT", USER, {"channel_data": {"apns": {"tokens": 1}}}, 422),
        ("PUT", USER, {"channel_data": {"": {}}}, 422),
        ("PUT", USER, {"preferences": []}, 422),
        ("PUT", USER, {"preferences": {"default": True}}, 422),
        ("PUT", "/v1/users/" + "x" * 257, {}, 422),
        ("PUT", "/v1/users/a%23b", {}, 422),
        ("PUT", "/v1/users/%ff", {}, 404),
        ("PUT", OBJECT, [], 422),
        ("PUT", "/v1/objects/a%2Fb/1", {}, 422),
        ("PUT", OBJECT, {"timezone": 1}, 422),
        ("PUT", TENANT, {"settings": []}, 422),
        ("PUT", TENANT, {"settings": {"branding": 1}}, 422),
        ("PUT", TENANT, {"settings": {"preference_set": "all"}}, 422),
        ("PUT", SETS, [], 422),
        ("PUT", f"{USER}/preferences/" + "x" * 257, {}, 422),
        ("PUT", f"{SETS}/workflows/w", [], 422),
        ("PUT", f"{SETS}/workflows/w", {"subscribed": "no"}, 422),
        ("PUT", f"{SETS}/channel_types/pigeon", {"subscribed": True}, 422),
        ("PUT", f"{SETS}/channel_types", {"email": 1}, 422),
        ("PUT", DATA, {"data": "x"}, 422),
        ("POST", FOLLOW, {}, 422),
        ("POST", FOLLOW, {"recipients": "ann"}, 422),
        ("POST", FOLLOW, {"recipients": []}, 422),
        ("POST", FOLLOW, {"recipients": [[]]}, 422),
        ("POST", FOLLOW, {"recipients": [""]}, 422),
        ("POST", FOLLOW, {"recipients": [{"id": 1}]}, 422),
        ("POST", FOLLOW, {"recipients": [{"id": "a", "collection": "$x"}]}, 422),
        ("POST", FOLLOW, {"recipients": ["x" * 257]}, 422),
        ("POST", FOLLOW, {"recipients": [f"u{n}" for n in range(1001)]}, 422),
        ("POST", FOLLOW, {"recipients": ["ann"], "properties": []}, 422),
        ("POST", FOLLOW, {"recipients": ["ann"], "properties": {"x": "y" * 2**18}}, 422),
        ("POST", FOLLOW, {"recipients": [{"id": "a", "$trigger_data": 1}]}, 422),
        ("DELETE", FOLLOW, None, 422),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_wrong_input_has_its_status_and_writes_nothing(
    api: httpx.AsyncClient, database: Database, method: str, path: str, body: Any, status: int
) -> None:
    answer = await api.request(method, path, content=orjson.dumps(body))
    assert answer.status_code == status
    assert is_well_formed(answer)
    if status == 422:
        assert answer.json()["type"] == "invalid_request_error"
        assert answer.json()["errors"]
    assert stored(database) == [[], [], [], []]


@pytest.mark.req("R-34", "R-35")
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[" * 65 + b"]" * 65, 422), (b'{"a":"' + b"x" * 2**20 + b'"}', 413)],
    ids=["malformed", "deep", "large"],
)
@pytest.mark.parametrize(
    "declared", [r for r in WRITING if r.method != "DELETE"], ids=lambda r: f"{r.method} {r.path}"
)
async def test_every_writing_route_bounds_its_body(
    api: httpx.AsyncClient, declared: Any, body: bytes, status: int
) -> None:
    if declared.body_limit > 2**20 and status == 413:
        body *= 17
    path = re.sub(r"{channel_id}", "apns", declared.path)
    answer = await api.request(declared.method, re.sub(r"{\w+}", "email", path), content=body)
    assert is_well_formed(answer)
    if answer.status_code != 404:
        assert answer.status_code == status


@pytest.mark.req("R-35")
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    declared=st.sampled_from(ROUTES),
    segments=st.lists(st.text(min_size=1, max_size=8), min_size=4, max_size=4),
    query=st.text('ab[].&=%{}"$,include[]=preferences&after=W10', max_size=40),
    body=st.binary(max_size=40) | json_values.map(lambda v: orjson.dumps(clean(v))),
)
async def test_any_bytes_get_a_well_formed_answer(
    api: httpx.AsyncClient, declared: Any, segments: list[str], query: str, body: bytes
) -> None:
    names = iter(segments)
    path = re.sub(r"{\w+}", lambda _: percent(next(names)), declared.path)
    raw = f"{path}?{quote(query, safe='[]&=%.$,{}')}"
    url = httpx.URL("http://tocsin.test", raw_path=raw.encode())
    answer = await api.request(declared.method, url, content=body)
    assert is_well_formed(answer)


def percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace"))


def clean(value: Any) -> Any:
    """Bring numbers and texts into what JSON can say."""
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        return float(value)
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
