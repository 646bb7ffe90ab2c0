"""Messages: list them, and look at one with its content, events, activities and attempts."""

from __future__ import annotations

from typing import Final

from app.api import message_shapes
from app.api.message_filters import admission, data_filter, message_filter
from app.api.paths import recipient_ref
from app.api.short_lists import short_page
from app.http.pages import Entry, paged
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import NotFound
from engine.messages.activities import activity_page
from storage import recipients
from storage.keyset import Keyset, Slice
from storage.logs import delivery_logs, message_events
from storage.message_queries import MessageView, message_page, message_texts, message_views
from storage.records import Message
from storage.sql import Sql

READ: Final = "user/feed_read"


@route("GET", "/v1/messages", callers=SECRET, tier=4)
async def list_messages(request: ApiRequest) -> Response:
    """List messages, newest first."""
    return await paged(request, lambda sql, keyset: _page(request, sql, keyset), "items")


@route("GET", "/v1/users/{user_id}/messages", callers=SECRET, tier=4)
@route("GET", "/v1/objects/{collection}/{id}/messages", callers=SECRET, tier=4)
async def list_recipient_messages(request: ApiRequest) -> Response:
    """List what was made for one recipient, newest first."""
    recipient_ref(request)  # refuses users as a collection, whatever the filters
    return await paged(request, lambda sql, keyset: _page(request, sql, keyset), "items")


def _page(request: ApiRequest, sql: Sql, keyset: Keyset) -> Slice[Entry]:
    ref = recipient_ref(request) if request.params else None
    wanted = message_filter(sql, request, ref)
    found = message_page(sql, request.environment, wanted, keyset)
    channels = message_shapes.channels_by_id(sql, request.environment)
    return found.map(
        lambda view: ((view.message.id,), message_shapes.message(view, channels)),
    )


@route("GET", "/v1/messages/{message_id}", callers=SECRET | PUBLIC, grant=READ, tier=4)
async def get_message(request: ApiRequest) -> Response:
    """Return one message; a user token opens only that user's."""
    view = _view(request, request.sql)
    if not admission(request.caller, READ)(view.message):
        raise NotFound
    channels = message_shapes.channels_by_id(request.sql, request.environment)
    return json_response(message_shapes.message(view, channels))


@route("GET", "/v1/messages/{message_id}/content", callers=SECRET, tier=4)
async def get_message_content(request: ApiRequest) -> Response:
    """Return what was rendered for a message."""
    found = message_texts(request.sql, request.environment, [request.params["message_id"]])
    if not found:
        raise NotFound
    return json_response(message_shapes.content(found[0]))


@route("GET", "/v1/messages/{message_id}/events", callers=SECRET, tier=3)
async def list_message_events(request: ApiRequest) -> Response:
    """List what happened to a message, in the order it happened."""
    message = _message(request)

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        entries: list[Entry] = [
            ((found.id,), message_shapes.event(found, message.recipient))
            for found in message_events(sql, request.environment, message.id)
        ]
        return short_page(entries, keyset)

    return await paged(request, read, "items")


@route("GET", "/v1/messages/{message_id}/activities", callers=SECRET, tier=4)
async def list_message_activities(request: ApiRequest) -> Response:
    """List the triggers that a message is about, oldest first."""
    message = _message(request)

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        found = activity_page(sql, message, data_filter(request.query), keyset)
        people = {message.recipient, *(a.actor for _, a in found.rows if a.actor is not None)}
        records = recipients.get_many(sql, request.environment, people)
        return found.map(
            lambda row: ((row[0],), message_shapes.activity(row[1], message.recipient, records))
        )

    return await paged(request, read, "items")


@route("GET", "/v1/messages/{message_id}/delivery_logs", callers=SECRET, tier=3)
async def list_message_delivery_logs(request: ApiRequest) -> Response:
    """List the attempts to deliver a message, oldest first."""
    message = _message(request)

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        entries: list[Entry] = [
            ((id,), message_shapes.delivery_log(request.environment, id, entry, at))
            for id, entry, at in delivery_logs(sql, request.environment, message.id)
        ]
        return short_page(entries, keyset)

    return await paged(request, read, "items")


def _message(request: ApiRequest) -> Message:
    return _view(request, request.sql).message


def _view(request: ApiRequest, sql: Sql) -> MessageView:
    found = message_views(sql, request.environment, [request.params["message_id"]])
    if not found:
        raise NotFound
    return found[0]
