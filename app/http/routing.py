"""Declare routes beside their handlers, and find one by the raw path.

A resource module holds handlers and nothing that registers them:

    from app.http.request import ApiRequest
    from app.http.responses import Response, json_response
    from app.http.routing import PUBLIC, SECRET, route

    @route("PUT", "/v1/users/{user_id}", callers=SECRET | PUBLIC, grant="user/write", tier=3)
    async def identify_user(request: ApiRequest) -> Response:
        \"\"\"Create the user or deep-merge into it.\"\"\"
        body = await request.object()             # 400, 413 or 422 by itself
        tenant = request.query.text("tenant")     # every dialect of the query string
        user_id = request.params["user_id"]       # decoded after splitting on "/"
        environment = request.caller.environment
        def work(tx: Tx) -> Recipient: ...
        return json_response(await request.services.writer.run(work))

`app.api.routes` walks the package and collects every `Endpoint`. Stack the
decorator to give a handler several paths. A parameter named `user_id` is the
acting user: a user token must have it as its `sub`. A literal segment wins over
a parameter, whatever the order of declaration.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Flag, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from app.http import limits
from app.http.responses import Response

if TYPE_CHECKING:
    from app.http.request import ApiRequest

    Handler = Callable[[ApiRequest], Awaitable[Response]]


class Callers(Flag):
    """Who may call a route; a route that names nobody does not exist."""

    SECRET = auto()
    PUBLIC = auto()
    ANYONE = auto()


_KEPT_PATHS: Final = 2048
SECRET: Final = Callers.SECRET
PUBLIC: Final = Callers.PUBLIC
ANYONE: Final = Callers.ANYONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path, and who may call it."""

    method: str
    path: str
    callers: Callers
    tier: int
    grant: str | None
    body_limit: int

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the path's parameters, in order."""
        return tuple(s[1:-1] for s in self.path.split("/") if s.startswith("{"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler and the routes that lead to it; callable like the handler."""

    handler: Handler
    routes: tuple[Route, ...]

    async def __call__(self, request: ApiRequest) -> Response:
        """Call the handler."""
        return await self.handler(request)


def route(
    method: str,
    path: str,
    *,
    callers: Callers,
    tier: int,
    grant: str | None = None,
    body_limit: int = limits.BODY,
) -> Callable[[Handler | Endpoint], Endpoint]:
    """Declare a route; `callers` has no default, so none is open by oversight.

    `grant` is what a user token with explicit grants must hold, such as
    `preferences/read`. `tier` is the rate tier, 1 to 5.
    """
    declared = Route(
        method=method, path=path, callers=callers, tier=tier, grant=grant, body_limit=body_limit
    )

    def wrap(handler: Handler | Endpoint) -> Endpoint:
        if isinstance(handler, Endpoint):
            return Endpoint(handler.handler, (declared, *handler.routes))
        return Endpoint(handler, (declared,))

    return wrap


@dataclass(frozen=True, slots=True)
class Bound:
    """A route with its handler and the names of its parameters, ready to call."""

    route: Route
    handler: Handler
    names: tuple[str, ...]
    is_public: bool


@dataclass(frozen=True, slots=True)
class Match:
    """What a path leads to: a bound route, or only the methods that it has."""

    bound: Bound | None
    values: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    is_public: bool = False


class _Node:
    __slots__ = ("literal", "methods", "parameter")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.methods: dict[str, Bound] = {}


class Router:
    """Find the route of a method and a raw path by walking its segments."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        """Build the tree.

        Raises:
            ValueError: two handlers claim one method and path.
        """
        self._root = _Node()
        # A match never changes, and the same few paths take most of the load.
        self._found = lru_cache(maxsize=_KEPT_PATHS)(self._find)
        self.routes: list[Route] = []
        for endpoint in endpoints:
            for declared in endpoint.routes:
                self._add(declared, endpoint.handler)

    def _add(self, declared: Route, handler: Handler) -> None:
        node = self._root
        for segment in declared.path.split("/")[1:]:
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        if declared.method in node.methods:
            raise ValueError(f"two handlers claim {declared.method} {declared.path}")
        is_public = Callers.PUBLIC in declared.callers
        node.methods[declared.method] = Bound(declared, handler, declared.parameters, is_public)
        self.routes.append(declared)

    def find(self, method: str, raw_path: bytes) -> Match:
        """Follow the path; a wrong method still tells which ones there are."""
        return self._found(method, raw_path)

    def _find(self, method: str, raw_path: bytes) -> Match:
        segments = split_path(raw_path)
        if segments is None:
            return Match(None)
        seen: dict[str, Bound] = {}
        found = _walk(self._root, segments, 0, (), method, seen)
        if found is not None:
            return found
        return Match(None, (), tuple(sorted(seen)), any(b.is_public for b in seen.values()))


def split_path(raw_path: bytes) -> list[str] | None:
    """Split on `/`, then decode each segment; empty segments count for nothing.

    Decoding afterwards keeps `u%2F1` one segment. None: not UTF-8.
    """
    try:
        return [
            (unquote_to_bytes(part) if b"%" in part else part).decode()
            for part in raw_path.split(b"/")
            if part
        ]
    except UnicodeDecodeError:
        return None


def _walk(
    node: _Node,
    segments: list[str],
    at: int,
    values: tuple[str, ...],
    method: str,
    seen: dict[str, Bound],
) -> Match | None:
    if at == len(segments):
        bound = node.methods.get(method)
        if bound is None:
            seen.update(node.methods)
            return None
        return Match(bound, values)
    literal = node.literal.get(segments[at])
    if literal is not None:
        found = _walk(literal, segments, at + 1, values, method, seen)
        if found is not None:
            return found
    if node.parameter is None:
        return None
    return _walk(node.parameter, segments, at + 1, (*values, segments[at]), method, seen)
