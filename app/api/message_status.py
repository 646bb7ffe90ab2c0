"""Engagement with one message: seen, read, archived, interacted, and back again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.api import message_shapes
from app.api.message_filters import admission
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import NotFound
from engine.messages.engage import Action, Engaging, check_metadata, engage
from storage.message_queries import MessageView, message_views
from storage.records import JsonObject
from storage.tx import Tx

WRITE: Final = "user/feed_write"
_PATH: Final = "/v1/messages/{message_id}"
# Both spellings of taking a status back are in use.
_TAKEN_BACK: Final[Mapping[str, Action]] = {
    "seen": Action.UNSEEN,
    "unseen": Action.UNSEEN,
    "read": Action.UNREAD,
    "unread": Action.UNREAD,
    "archived": Action.UNARCHIVED,
    "unarchived": Action.UNARCHIVED,
}


@route("PUT", f"{_PATH}/seen", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("PUT", f"{_PATH}/read", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("PUT", f"{_PATH}/archived", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
async def set_message_status(request: ApiRequest) -> Response:
    """Set a status; setting it again dates it anew."""
    return await _engage(request, Action(_last_segment(request)), {})


@route("PUT", f"{_PATH}/interacted", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
async def mark_message_interacted(request: ApiRequest) -> Response:
    """Note that the reader used the message, with what the caller says about it."""
    metadata = check_metadata((await request.object()).get("metadata"))
    return await _engage(request, Action.INTERACTED, metadata)


@route("DELETE", f"{_PATH}/seen", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("DELETE", f"{_PATH}/unseen", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("DELETE", f"{_PATH}/read", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("DELETE", f"{_PATH}/unread", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("DELETE", f"{_PATH}/archived", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
@route("DELETE", f"{_PATH}/unarchived", callers=SECRET | PUBLIC, grant=WRITE, tier=2)
async def take_message_status_back(request: ApiRequest) -> Response:
    """Take a status back; one that is not there stays away."""
    return await _engage(request, _TAKEN_BACK[_last_segment(request)], {})


def _last_segment(request: ApiRequest) -> str:
    return request.route.path.rpartition("/")[2]


async def _engage(request: ApiRequest, action: Action, metadata: JsonObject) -> Response:
    environment, id, now = request.environment, request.params["message_id"], request.now()
    engaging = Engaging(
        environment=environment,
        action=action,
        metadata=metadata,
        admits=admission(request.caller, WRITE),
    )

    def work(tx: Tx) -> list[MessageView]:
        return message_views(tx, environment, engage(tx, [id], engaging, now))

    views = await request.services.writer.run(work)
    if not views:
        raise NotFound
    channels = message_shapes.channels_by_id(request.sql, environment)
    return json_response(message_shapes.message(views[0], channels))
