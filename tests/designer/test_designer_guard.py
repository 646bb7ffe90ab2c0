"""Nobody passes the guard without signing in, or from another site (R-44, R-49)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from designer.guard import POLICY, Guard, login_address
from designer.services import DesignerServices
from engine.timing.clock import ManualClock
from tests.designer.seeded_world import NOW

pytestmark = pytest.mark.req("R-44")


class Member:
    """Stands for whoever is signed in."""


class Recorder:
    """An app that says it was reached."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})


@pytest.fixture
def app() -> Recorder:
    return Recorder()


@pytest.fixture
async def client(app: Recorder, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    def session_of(scope: Any) -> Any:
        return Member() if (b"cookie", b"signed=in") in scope["headers"] else None

    services = DesignerServices(
        database=None,  # type: ignore[arg-type]  # the guard reads nothing
        writer=None,  # type: ignore[arg-type]
        clock=ManualClock(NOW),
        session_of=session_of,
        csrf_token=lambda _: "",
        folder=tmp_path,
        origins=("https://tocsin.example",),
    )
    transport = httpx.ASGITransport(Guard(app, services))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://here.test") as client:
        yield client


SIGNED_IN = {"cookie": "signed=in"}
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"


async def test_a_page_without_a_session_leads_to_the_sign_in_and_back(
    client: httpx.AsyncClient, app: Recorder
) -> None:
    answer = await client.get("/production/runs?state=paused&workflow=a b")

    assert answer.status_code == 303
    wanted = "/production/runs%3Fstate%3Dpaused%26workflow%3Da%2520b"
    assert answer.headers["location"] == f"/login?next={wanted}"
    assert answer.headers["cache-control"] == "no-store"
    assert app.reached == []


@pytest.mark.parametrize("path", ["/", "/development/overview", "/_nicegui_ws/x", "/_nicegui"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_nothing_behind_the_guard_is_reached_without_a_session(
    client: httpx.AsyncClient, app: Recorder, path: str, method: str
) -> None:
    assert (await client.request(method, path)).status_code in (303, 401)
    assert app.reached == []


async def test_a_signed_in_browser_passes(client: httpx.AsyncClient, app: Recorder) -> None:
    assert (await client.get("/development/overview", headers=SIGNED_IN)).text == "page"
    assert (await client.get(SOCKET, headers=SIGNED_IN)).status_code == 200
    assert len(app.reached) == 2


async def test_the_files_that_are_the_same_for_everyone_need_no_session(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/_nicegui/3.18.0/static/nicegui.js", "/_tocsin/designer.css", "/favicon.ico"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://here.test", 200), ("https://tocsin.example", 200), ("https://evil.test", 403),
        ("http://here.test.evil.test", 403), ("null", 403), ("http://here.test:8001", 403),
    ],
)  # fmt: skip
async def test_the_socket_opens_only_from_our_own_pages(
    client: httpx.AsyncClient, origin: str, status: int
) -> None:
    answer = await client.get(SOCKET, headers={**SIGNED_IN, "origin": origin})

    assert answer.status_code == status


async def test_a_websocket_without_a_session_is_closed(client: httpx.AsyncClient) -> None:
    guard = client._transport.app  # type: ignore[attr-defined]
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "headers": []}
    await guard(scope, None, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.req("R-49")
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for headers in ({}, SIGNED_IN):
        answer = await client.get("/development/overview", headers=headers)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "strict-transport-security" not in answer.headers
    secure = await client.get("https://here.test/development/overview", headers=SIGNED_IN)
    assert "max-age" in secure.headers["strict-transport-security"]
    assert "frame-ancestors 'none'" in POLICY
    assert "object-src 'none'" in POLICY


def test_the_start_page_needs_no_way_back() -> None:
    assert login_address({"path": "/", "query_string": b""}) == "/login"
