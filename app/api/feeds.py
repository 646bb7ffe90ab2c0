"""The in-app feed of a user: its items, the counts of its badge, its settings."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Any, Final, TypeVar

from app.api import message_filters as filters
from app.api import message_shapes
from app.http.pages import Entry, page, read_page
from app.http.query import UnusableFilter
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import InvalidInput, Problem
from engine.feed.items import Archived, FeedOptions, FeedPage, FeedStatus, read_feed
from storage.channels import get_channel
from storage.feed_queries import FeedRow
from storage.keyset import Keyset, Slice
from storage.records import Channel, JsonObject
from storage.sql import Sql

READ: Final = "user/feed_read"
DEEPEST: Final = 3
_PATH: Final = "/v1/users/{user_id}/feeds/{channel_id}"
_IN_APP: Final = frozenset({"in_app", "in_app_feed"})
_ONLY_RICH: Final = ("activities", "total_activities")
E = TypeVar("E", bound=StrEnum)


@route("GET", _PATH, callers=SECRET | PUBLIC, grant=READ, tier=2)
async def get_feed(request: ApiRequest) -> Response:
    """Return a page of a user's feed, newest first; a user nobody knows has an empty one."""
    channel = feed_channel(request.sql, request)
    is_rich = request.query.text("mode") != "compact"
    keyset = read_page(request.query)
    try:
        options = feed_options(request, channel)
        found = await asyncio.to_thread(_read, request, options, keyset, is_rich)
    except UnusableFilter:
        found = FeedPage(rows=Slice(rows=[]))

    def entry(row: FeedRow) -> Entry:
        return (row.message.id,), _item(row, found, is_rich=is_rich)

    body = {
        **page(found.rows.map(entry), keyset.limit),
        "meta": {
            "__typename": "FeedMetadata",
            "total_count": found.counts.total,
            "unread_count": found.counts.unread,
            "unseen_count": found.counts.unseen,
        },
        "vars": {},
    }
    for path in (request.query.text("exclude") or "").split(","):
        drop_path(body, path.strip().split("."))
    return json_response(body)


def _read(request: ApiRequest, options: FeedOptions, keyset: Keyset, is_rich: bool) -> FeedPage:
    return read_feed(request.sql, request.environment, options, keyset, is_rich=is_rich)


@route("GET", f"{_PATH}/settings", callers=SECRET | PUBLIC, grant=READ, tier=4)
async def get_feed_settings(request: ApiRequest) -> Response:
    """Return what a feed component asks for before it draws itself."""
    feed_channel(request.sql, request)
    return json_response({"features": {"branding_required": False}})


def feed_channel(sql: Sql, request: ApiRequest) -> Channel:
    """Find the feed that a path names.

    Raises:
        InvalidInput: there is no such channel, or it is of another type.
    """
    name = request.params["channel_id"]
    channel = get_channel(sql, request.environment, name)
    if channel is None or channel.type not in _IN_APP:
        message = f"There is no in-app feed channel {name[:80]!r}: name one by its id or key"
        problem = Problem(path="channel_id", message=message, rule="channel_invalid")
        raise InvalidInput(message, [problem], code="channel_invalid")
    return channel


def feed_options(request: ApiRequest, channel: Channel) -> FeedOptions:
    """Read what a request wants to see of a feed, within what its token may see.

    Raises:
        UnusableFilter: a filter can match nothing.
        InvalidInput: a value of the data is not flat.
        Forbidden: the token is limited to other tenants than the one asked for.
    """
    query, tenant = request.query, request.query.text("tenant")
    if tenant is not None:
        request.caller.require_tenant(tenant, READ)
    rules = filters.tenant_rule(tenant, query.flag("has_tenant"))
    return FeedOptions(
        user=request.params["user_id"],
        channel_id=channel.id,
        status=_choice(request, "status", FeedStatus.ALL),
        archived=_choice(request, "archived", Archived.EXCLUDE),
        tenants=(*rules, *filters.token_rule(request.caller, READ)),
        source=query.text("source"),
        categories=filters.categories(query),
        data=filters.data_filter(query),
        inserted=filters.inserted(query),
    )


def _choice(request: ApiRequest, name: str, default: E) -> E:
    value = request.query.text(name)
    if value is None:
        return default
    choices = type(default)
    try:
        return choices(value)
    except ValueError:
        raise UnusableFilter(name, f"one of {', '.join(choices)}") from None


def _item(row: FeedRow, found: FeedPage, *, is_rich: bool) -> JsonObject:
    m = row.message
    shown = m.actors[: message_shapes.MOST_ACTORS if is_rich else 1]
    activities = found.activities.get(m.id, ())
    item = {
        "__typename": "FeedItem",
        "id": m.id,
        "activities": [message_shapes.activity(a, m.recipient, found.records) for a in activities],
        "actors": [message_shapes.person(a, found.records, m.inserted_at) for a in shown],
        "blocks": row.content.get("blocks") or [],
        "data": m.data if is_rich else {k: v for k, v in m.data.items() if _is_flat(v)},
        "source": message_shapes.source(m),
        "tenant": m.tenant,
        "total_activities": m.total_activities,
        "total_actors": m.total_actors,
        "inserted_at": message_shapes.instant(m.inserted_at),
        "updated_at": message_shapes.instant(m.updated_at),
        **message_shapes.engagement(m),
    }
    return item if is_rich else {k: v for k, v in item.items() if k not in _ONLY_RICH}


def _is_flat(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def drop_path(body: Any, path: list[str]) -> None:
    """Take a field out, in every item where a list is on the way; at most three levels down."""
    if len(path) > DEEPEST:
        return
    if isinstance(body, list):
        for item in body:
            drop_path(item, path)
    elif isinstance(body, dict):
        if len(path) == 1:
            body.pop(path[0], None)
        else:
            drop_path(body.get(path[0]), path[1:])
