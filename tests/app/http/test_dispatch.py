"""The rules of every answer: errors, headers, limits, methods, browsers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from app.http.dispatch import Dispatcher
from app.http.limits import BODY_LARGE, discard_body
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, Router, route, split_path
from app.services import Services
from engine.errors import Conflict, DefinitionError, Problem, RateLimited
from storage.errors import DiskFull, StorageError

ERRORS: dict[str, Exception] = {
    "plain": ValueError("secret of the inside"),
    "sql": StorageError("The database refused: no such table: inside"),
    "disk": DiskFull("The disk is full: free some space, work resumes by itself."),
    "later": RateLimited("Too many", retry_after=1.2),
    "conflict": Conflict("Again, please"),
    "definition": DefinitionError("Wrong", [Problem(path="steps[0]", message="no ref")]),
}


@route("POST", "/v1/raise/{name}", callers=SECRET, tier=3)
async def fail(request: ApiRequest) -> Response:
    raise ERRORS[request.params["name"]]


@route("POST", "/v1/echo", callers=SECRET | PUBLIC, tier=3)
async def echo(request: ApiRequest) -> Response:
    return json_response({"body": await request.json()})


@route("POST", "/v1/large", callers=SECRET, tier=3, body_limit=BODY_LARGE)
async def large(request: ApiRequest) -> Response:
    return json_response({"size": len(await request.body())})


@pytest.fixture
async def door(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Dispatcher(services, [fail, echo, large]))
    headers = {"authorization": "Bearer sk_development"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://tocsin.test", headers=headers
    ) as client:
        yield client


async def test_an_unexpected_error_shows_nothing_and_is_logged_by_request_id(
    door: httpx.AsyncClient,
) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await door.post("/v1/raise/plain")
    id = answer.headers["x-request-id"]
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert id in answer.json()["message"]
    assert [line["request_id"] for line in lines if line["event"] == "request.failed"] == [id]


async def test_a_storage_error_tells_its_reason_but_no_sql(door: httpx.AsyncClient) -> None:
    refused = (await door.post("/v1/raise/sql")).json()
    assert (refused["status"], refused["code"]) == (503, "storage_error")
    assert "inside" not in refused["message"]
    full = (await door.post("/v1/raise/disk")).json()
    assert (full["code"], full["message"][:16]) == ("disk_full", "The disk is full")


async def test_errors_have_the_documented_keys(door: httpx.AsyncClient) -> None:
    answer = await door.post("/v1/raise/definition")
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "definition_invalid",
        "message": "Wrong",
        "status": 422,
        "type": "invalid_request_error",
        "errors": [{"field": "steps[0]", "message": "no ref", "type": "invalid"}],
    }
    assert (await door.post("/v1/raise/conflict")).json() == {
        "code": "conflict",
        "message": "Again, please",
        "status": 409,
        "type": "api_error",
    }


async def test_too_many_requests_say_when_to_come_back(door: httpx.AsyncClient) -> None:
    answer = await door.post("/v1/raise/later")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")


async def test_request_ids_are_20_characters_and_never_the_same(
    door: httpx.AsyncClient,
) -> None:
    answers = [await door.get("/nowhere") for _ in range(20)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", id) for id in ids)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/v1/%ff", "/v1/echo/more", "/v2/echo"]
)
async def test_an_unknown_path_is_404_in_json(door: httpx.AsyncClient, path: str) -> None:
    answer = await door.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "resource_missing"
    assert answer.headers["content-type"] == "application/json"


async def test_a_wrong_method_names_the_right_ones(door: httpx.AsyncClient) -> None:
    answer = await door.get("/v1/echo")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["code"] == "method_not_allowed"


@pytest.mark.req("R-49")
async def test_browsers_may_read_only_what_takes_a_public_key(door: httpx.AsyncClient) -> None:
    preflight = await door.options("/v1/echo", headers={"authorization": ""})
    assert preflight.status_code == 204
    assert preflight.headers.get_list("access-control-allow-origin") == ["*"]
    assert preflight.headers["access-control-allow-methods"] == "GET, PUT, POST, DELETE"
    allowed = preflight.headers["access-control-allow-headers"]
    assert {"authorization", "x-knock-user-token", "x-knock-branch"} <= set(allowed.split(", "))
    refused = await door.post("/v1/echo", headers={"authorization": ""})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "retry-after" in refused.headers["access-control-expose-headers"]
    for answer in (await door.options("/v1/large"), await door.post("/v1/large")):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.req("R-49")
async def test_every_answer_carries_the_security_headers(door: httpx.AsyncClient) -> None:
    for answer in (await door.get("/nowhere"), await door.post("/v1/echo", json={})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers
    secure = await door.get("https://tocsin.test/nowhere")
    assert secure.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "body", [b"{", b"nonsense", b"\xff\xfe", b'{"a":NaN}', b'"\\ud800"', b'{"a":1}}', b"\x00"]
)
async def test_malformed_json_is_400(door: httpx.AsyncClient, body: bytes) -> None:
    answer = await door.post("/v1/echo", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_params")


async def test_an_empty_body_counts_as_an_empty_object(door: httpx.AsyncClient) -> None:
    for body in (b"", b" \n"):
        assert (await door.post("/v1/echo", content=body)).json() == {"body": {}}


@pytest.mark.req("R-34")
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
async def test_json_may_nest_64_levels_and_no_more(
    door: httpx.AsyncClient, opening: bytes, closing: bytes
) -> None:
    for depth, status in ((64, 200), (65, 422), (3000, 422)):
        body = opening * depth + b"1" + closing * depth
        assert (await door.post("/v1/echo", content=body)).status_code == status, depth


async def test_many_brackets_side_by_side_are_not_deep(door: httpx.AsyncClient) -> None:
    assert (await door.post("/v1/echo", json=[[]] * 500)).status_code == 200


@pytest.mark.req("R-34")
@pytest.mark.parametrize(("path", "limit"), [("/v1/echo", 2**20), ("/v1/large", 2**24)])
async def test_bodies_have_a_limit_said_or_not(
    door: httpx.AsyncClient, path: str, limit: int
) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 2**16):
            yield b" " * 2**16
        yield b" " * (size % 2**16)

    assert (await door.post(path, content=b" " * limit)).status_code == 200
    said = await door.post(path, content=b" " * (limit + 1))
    unsaid = await door.post(path, content=pieces(limit + 1))
    for answer in (said, unsaid):
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_refused_sender_is_read_out_but_not_for_ever() -> None:
    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 100
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    taken = 0
    await discard_body(receive, most=1000)
    assert taken == 1000


async def test_a_client_that_leaves_midway_is_not_answered(services: Services) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer sk_development")]
    scope = {"type": "http", "method": "POST", "path": "/v1/echo", "headers": headers}
    await Dispatcher(services, [echo])(scope, receive, send)
    assert sent == []


def test_a_literal_segment_wins_and_a_dead_end_is_left_again() -> None:
    @route("GET", "/v1/messages/{id}/{what}", callers=SECRET, tier=4)
    async def one(request: ApiRequest) -> Response:
        return json_response("one")

    @route("GET", "/v1/messages/batch/content", callers=SECRET, tier=4)
    async def batch(request: ApiRequest) -> Response:
        return json_response("batch")

    router = Router([one, batch])
    found = router.find("GET", b"/v1/messages/batch/content").bound
    assert found is not None
    assert found.handler is batch.handler
    match = router.find("GET", b"/v1/messages/batch/events")
    assert match.bound is not None
    assert match.bound.handler is one.handler
    assert match.values == ("batch", "events")


def test_two_handlers_for_one_path_are_refused() -> None:
    with pytest.raises(ValueError, match="two handlers claim POST /v1/echo"):
        Router([echo, echo])


def test_paths_are_split_before_they_are_decoded() -> None:
    assert split_path(b"//v1//u%2F1/a%20b/%C3%A9/") == ["v1", "u/1", "a b", "é"]
    assert split_path(b"/%ff") is None
