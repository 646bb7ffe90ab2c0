from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from app.late import LateApp, LateTransport
from engine.net.exchange import HttpAnswer, HttpRequest


class Page:
    """An app that notes its life and answers everything."""

    def __init__(self) -> None:
        self.life: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                self.life.append(kind)
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"page"})


async def fetched(app: Any) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "path": "/"}, None, send)
    return int(sent[0]["status"])


class Life:
    """The server's side of a lifespan."""

    def __init__(self, app: Any) -> None:
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.task = asyncio.create_task(
            app({"type": "lifespan"}, self.events.get, self.answers.put)
        )

    async def pass_on(self, kind: str) -> str:
        await self.events.put({"type": f"lifespan.{kind}"})
        return str((await self.answers.get())["type"])


async def test_the_server_starts_before_the_pages_and_a_request_waits_for_them() -> None:
    may_load, page = threading.Event(), Page()
    app = LateApp(may_load.wait, lambda: page, after=60.0)
    life = Life(app)
    assert await life.pass_on("startup") == "lifespan.startup.complete"
    assert page.life == []
    asking = asyncio.create_task(fetched(app))
    await asyncio.sleep(0)
    assert not asking.done()
    may_load.set()
    assert await asking == 200
    assert page.life == ["lifespan.startup"]
    assert await life.pass_on("shutdown") == "lifespan.shutdown.complete"
    await life.task
    assert page.life == ["lifespan.startup", "lifespan.shutdown"]


async def test_pages_that_nobody_asks_for_come_up_by_themselves() -> None:
    built = asyncio.Event()
    app = LateApp(lambda: None, Page, on_built=built.set, after=0.0)
    life = Life(app)
    await life.pass_on("startup")
    await asyncio.wait_for(built.wait(), 10)
    await life.pass_on("shutdown")
    await life.task


async def test_pages_that_cannot_be_built_are_a_clear_answer_and_the_server_goes_on() -> None:
    def broken() -> Any:
        raise ValueError("no such module")

    app = LateApp(lambda: None, broken, after=0.0)
    life = Life(app)
    assert await life.pass_on("startup") == "lifespan.startup.complete"
    assert await fetched(app) == 503
    assert await life.pass_on("shutdown") == "lifespan.shutdown.complete"
    await life.task


async def test_a_call_waits_for_the_transport_and_closing_closes_it() -> None:
    may_make = threading.Event()

    class Made:
        is_closed = False

        async def send(self, request: HttpRequest, **_: Any) -> HttpAnswer:
            return HttpAnswer(status=204)

        async def aclose(self) -> None:
            self.is_closed = True

    made = Made()

    def make() -> Any:
        assert may_make.wait(10)
        return made

    late = LateTransport(make)
    call = asyncio.create_task(late.send(HttpRequest(method="GET", url="http://x")))
    await asyncio.sleep(0)
    assert not call.done()
    may_make.set()
    assert (await call).status == 204
    await late.aclose()
    assert made.is_closed


@pytest.mark.parametrize("is_made", [True, False])
async def test_closing_a_transport_that_could_not_be_made_is_quiet(is_made: bool) -> None:
    def fail() -> Any:
        raise OSError("no certificates")

    late = LateTransport(fail)
    if is_made:
        await asyncio.sleep(0.01)
    await late.aclose()
