"""Split one origin: machine paths, sign-in pages, health, and the designer.

The API is not mounted inside the designer's app, which would make it five
times slower and answer unknown paths with HTML.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

# The first part of a path says who answers; what is not named here is a page.
API_PARTS: Final = frozenset({"v1", "ws", "providers", "integrations", "p", "t"})
LOGIN_PARTS: Final = frozenset({"login", "logout", "setup"})
HEALTH_PARTS: Final = frozenset({"health", "metrics"})


class Outer:
    """Hand each connection to the half of the server that it belongs to."""

    def __init__(
        self, *, api: AsgiApp, login: AsgiApp, health: AsgiApp, designer: AsgiApp | None
    ) -> None:
        """Without a designer, its paths answer 404."""
        self._designer = designer or _no_pages
        self._parts: dict[str, AsgiApp] = dict.fromkeys(API_PARTS, api)
        self._parts |= dict.fromkeys(LOGIN_PARTS, login) | dict.fromkeys(HEALTH_PARTS, health)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; the lifespan is the designer's, which needs it."""
        if scope["type"] == "lifespan":
            await self._designer(scope, receive, send)
            return
        first = scope["path"][1:].partition("/")[0]
        await self._parts.get(first, self._designer)(scope, receive, send)


async def _no_pages(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "http":
        await answer_json(send, 404, {"message": "This server was started without its pages"})
    else:
        await send({"type": "websocket.close", "code": 1008})


async def live(receive: Receive, send: Send) -> None:
    """Answer the lifespan of an app that has nothing to start."""
    while True:
        kind = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return


async def answer_json(send: Send, status: int, body: Any) -> None:
    """Answer with JSON that nobody caches or embeds."""
    await answer_bytes(send, status, orjson.dumps(body), b"application/json")


async def answer_bytes(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    """Answer with a whole body that nobody caches or embeds."""
    headers = [
        (b"content-type", content_type),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
