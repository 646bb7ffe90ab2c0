"""What a handler gets: the services, the caller, and the request, already checked."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any

from app.auth.callers import Caller
from app.http import limits
from app.http.query import Query, parse_query
from app.http.routing import Route
from app.services import Services
from engine.errors import InvalidInput, Problem
from storage.records import JsonObject
from storage.sql import Sql

Scope = MutableMapping[str, Any]


class ApiRequest:
    """One request on its way through a handler."""

    __slots__ = ("_length", "_query", "_receive", "_scope", "caller", "params", "request_id",
                 "route", "services")  # fmt: skip

    def __init__(
        self,
        services: Services,
        route: Route,
        params: dict[str, str],
        caller: Caller,
        request_id: str,
        scope: Scope,
        receive: limits.Receive,
    ) -> None:
        """Hold what the dispatcher found out."""
        self.services = services
        self.route = route
        self.params = params
        self.caller = caller
        self.request_id = request_id
        self._scope = scope
        self._receive = receive
        self._query: Query | None = None
        self._length: float | None = None

    @property
    def environment(self) -> str:
        """Name the environment that the caller's key selects."""
        return self.caller.environment

    @property
    def query(self) -> Query:
        """Give the query string, parsed once."""
        if self._query is None:
            self._query = parse_query(self._scope.get("query_string", b""))
        return self._query

    @property
    def sql(self) -> Sql:
        """Give this thread's read-only connection, for short point reads."""
        return self.services.database.read()

    def now(self) -> datetime:
        """Give the current instant."""
        return self.services.clock.now()

    def header(self, name: str) -> str | None:
        """Give a header's value; `name` is lower case."""
        return header(self._scope["headers"], name.encode())

    @property
    def length(self) -> float:
        """Give the announced length of the body in bytes, infinite where none is."""
        if self._length is None:
            text = self.header("content-length") or ""
            self._length = int(text) if text.isdecimal() else math.inf
        return self._length

    async def body(self) -> bytes:
        """Read the body, up to the limit of the route; once."""
        return await limits.read_body(self._receive, self._scope["headers"], self.route.body_limit)

    async def json(self) -> Any:
        """Read the body as JSON; an empty one counts as `{}`."""
        body = await self.body()
        return limits.parse_json(body) if body.strip() else {}

    async def object(self) -> JsonObject:
        """Read the body as a JSON object.

        Raises:
            InvalidInput: it is JSON, but of another type.
        """
        value = await self.json()
        if not isinstance(value, dict):
            message = f"expected a JSON object, got {type_name(value)}"
            raise InvalidInput(problems=[Problem(message=message, rule="type")])
        return value


def header(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Find a header in ASGI's list; names there are lower case."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


def type_name(value: Any) -> str:
    """Name a JSON value's type in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"
