"""Lead each request to its handler and each answer back out, in raw ASGI.

Starlette decodes `%2F` before it routes and costs more than the rest of a hot
request; this needs a router, a caller check and one `send`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from app.auth.callers import NOBODY, Caller, identify_caller
from app.http import cors, limits
from app.http.errors import MethodNotAllowed, answer
from app.http.rate_limits import RateLimits
from app.http.request import ApiRequest
from app.http.request_id import new_request_id
from app.http.responses import Headers, Response
from app.http.routing import Bound, Callers, Endpoint, Match, Router
from app.services import Services
from engine.errors import InvalidInput, NotFound
from engine.recipients.ids import check_text

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SECURITY: Final[Headers] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000")


class Dispatcher:
    """The API as an ASGI application."""

    def __init__(self, services: Services, endpoints: Iterable[Endpoint]) -> None:
        """Build the router."""
        self.services = services
        self.router = Router(endpoints)
        is_limited = getattr(services.settings, "rate_limits", False)
        self.rates = RateLimits() if is_limited else None

    async def __call__(self, scope: Scope, receive: limits.Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: limits.Receive, send: Send) -> None:
        request_id = new_request_id()
        raw_path = scope.get("raw_path") or scope["path"].encode()
        match = self.router.find(scope["method"], raw_path)
        try:
            response = await answer(self._handle(match, scope, receive, request_id), request_id)
        except limits.ClientGone:
            return
        is_public = match.bound.is_public if match.bound else match.is_public
        extra: Headers = ((b"x-request-id", request_id.encode()),)
        if is_public:
            extra += cors.ALLOW
        if scope.get("scheme") == "https":
            extra += (_HSTS,)
        await _send(response, extra, receive, send)

    async def _handle(
        self, match: Match, scope: Scope, receive: limits.Receive, request_id: str
    ) -> Response:
        bound = match.bound
        if bound is None:
            return _without_route(match, scope["method"])
        params = dict(zip(bound.names, match.values, strict=True))
        caller = self._caller(bound, scope, params)
        if self.rates is not None:
            self.rates.check(bound.route, caller, params)
        _check_params(params)
        request = ApiRequest(self.services, bound.route, params, caller, request_id, scope, receive)
        return await bound.handler(request)

    def _caller(self, bound: Bound, scope: Scope, params: dict[str, str]) -> Caller:
        if Callers.ANYONE in bound.route.callers:
            return NOBODY
        return identify_caller(
            self.services.database.read(),
            scope["headers"],
            params,
            allows_public=bound.is_public,
            grant=bound.route.grant,
        )


def _check_params(params: dict[str, str]) -> None:
    """Refuse what names nothing, before a handler looks for it or stores it."""
    problems = [p for name, value in params.items() if (p := check_text(value, name)) is not None]
    if problems:
        raise InvalidInput(problems=problems)


def _without_route(match: Match, method: str) -> Response:
    if not match.methods:
        raise NotFound("There is no such path here; docs/reference/api.md lists those there are")
    if method == "OPTIONS":
        return cors.preflight(match.methods, is_public=match.is_public)
    raise MethodNotAllowed(method, match.methods)


async def _send(response: Response, extra: Headers, receive: limits.Receive, send: Send) -> None:
    headers = [*response.headers, *extra, *SECURITY]
    if response.status != 204:
        headers.append((b"content-type", response.content_type))
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.status == 413:
        # Left unfinished until the client is through, so that it reads the refusal.
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        await limits.discard_body(receive)
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.body", "body": response.body})


async def _live(receive: limits.Receive, send: Send) -> None:
    while True:
        message = await receive()
        kind = message["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{kind}.complete"})
        if kind == "shutdown":
            return
