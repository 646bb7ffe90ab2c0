"""Channel data of users and objects: get, set, unset."""

from __future__ import annotations

from typing import Final

from app.api import shapes
from app.api.paths import recipient_ref, writable
from app.http.request import ApiRequest
from app.http.responses import Response, json_response, no_content
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import InvalidInput, NotFound, Problem
from engine.recipients.identify import put_channel_data, unknown_channel
from storage import channel_data, recipients
from storage.channel_data import ChannelKind
from storage.records import JsonObject
from storage.tx import Tx

_USER: Final = "/v1/users/{user_id}/channel_data/{channel_id}"
_OBJECT: Final = "/v1/objects/{collection}/{id}/channel_data/{channel_id}"
_READ: Final = "channel_data/read"
_WRITE: Final = "channel_data/write"


@route("GET", _USER, callers=SECRET | PUBLIC, grant=_READ, tier=4)
@route("GET", _OBJECT, callers=SECRET | PUBLIC, grant=_READ, tier=4)
async def get_channel_data(request: ApiRequest) -> Response:
    """Return what is set for one channel."""
    ref, channel = recipient_ref(request), _channel(request)
    data = channel_data.get(request.sql, request.environment, ref, channel.id)
    if data is None:
        raise NotFound("The recipient has no data for this channel")
    return json_response(_shape(channel, data))


@route("PUT", _USER, callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT, callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
async def set_channel_data(request: ApiRequest) -> Response:
    """Replace the data for one channel; creates the recipient."""
    ref, channel = writable(recipient_ref(request)), _channel(request)
    data = (await request.object()).get("data")
    if not isinstance(data, dict):
        problem = Problem(path="data", message="expected an object", rule="type")
        raise InvalidInput(problems=[problem])
    environment, now = request.environment, request.now()

    def work(tx: Tx) -> JsonObject | None:
        recipients.ensure(tx, environment, ref, now)
        put_channel_data(tx, environment, [(ref, channel.id, data)], now)
        return channel_data.get(tx, environment, ref, channel.id)

    stored = await request.services.writer.run(work)
    return json_response(_shape(channel, stored or {}))


@route("DELETE", _USER, callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("DELETE", _OBJECT, callers=SECRET, tier=3)
async def unset_channel_data(request: ApiRequest) -> Response:
    """Delete the data for one channel."""
    environment, ref, channel = request.environment, recipient_ref(request), _channel(request)
    was_set = await request.services.writer.run(
        lambda tx: channel_data.delete(tx, environment, ref, channel.id)
    )
    if not was_set:
        raise NotFound("The recipient has no data for this channel")
    return no_content()


def _channel(request: ApiRequest) -> ChannelKind:
    name = request.params["channel_id"]
    found = channel_data.find_channels(request.sql, request.environment, [name])
    if name not in found:
        raise unknown_channel(name)
    return found[name]


def _shape(channel: ChannelKind, data: JsonObject) -> JsonObject:
    return shapes.channel_data(channel.id, channel.type, channel.provider, data)
