"""Many messages in one call: engagement, and contents."""

from __future__ import annotations

from typing import Any, Final

from app.api import message_shapes
from app.api.message_filters import MOST_IDS, admission, too_many
from app.api.message_status import WRITE
from app.http.request import ApiRequest, type_name
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import InvalidInput, Problem
from engine.messages.engage import Action, Engaging, check_metadata, engage
from storage.message_queries import MessageView, message_texts, message_views
from storage.tx import Tx

MOST: Final = 1000
_PATH: Final = "/v1/messages/batch"


@route("POST", f"{_PATH}/seen", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/unseen", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/read", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/unread", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/archived", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/unarchived", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
@route("POST", f"{_PATH}/interacted", callers=SECRET | PUBLIC, grant=WRITE, tier=3)
async def update_messages(request: ApiRequest) -> Response:
    """Engage with messages, all in one transaction; ids of none are left out."""
    body = await request.object()
    ids = _ids(body.get("message_ids"))
    action = Action(request.route.path.rpartition("/")[2])
    environment, now = request.environment, request.now()
    engaging = Engaging(
        environment=environment,
        action=action,
        metadata=check_metadata(body.get("metadata")) if action is Action.INTERACTED else {},
        admits=admission(request.caller, WRITE),
    )

    def work(tx: Tx) -> list[MessageView]:
        return message_views(tx, environment, engage(tx, ids, engaging, now))

    views = await request.services.writer.run(work)
    channels = message_shapes.channels_by_id(request.sql, environment)
    return json_response([message_shapes.message(view, channels) for view in views])


@route("GET", f"{_PATH}/content", callers=SECRET, tier=4)
async def list_message_contents(request: ApiRequest) -> Response:
    """Return what was rendered for up to 50 messages; ids of none are left out."""
    ids = request.query.texts("message_ids")
    if not ids:
        raise _refused("expected the ids of messages", "required")
    if len(ids) > MOST_IDS:
        raise too_many("message_ids", MOST_IDS, len(ids))
    found = message_texts(request.sql, request.environment, ids)
    return json_response([message_shapes.content(text) for text in found])


def _ids(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(id, str) for id in value):
        got = type_name(value) if not isinstance(value, list) else "one with other things in it"
        raise _refused(f"expected an array of ids, got {got}", "type")
    if len(value) > MOST:
        raise too_many("message_ids", MOST, len(value))
    return value


def _refused(message: str, rule: str) -> InvalidInput:
    return InvalidInput(problems=[Problem(path="message_ids", message=message, rule=rule)])
