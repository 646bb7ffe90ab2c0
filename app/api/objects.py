"""Objects: list a collection, get, set, delete; tenants are objects of `$tenants`."""

from __future__ import annotations

from app.api import shapes
from app.api.includes import entries_of, sets_of
from app.api.paths import object_ref, writable
from app.http.pages import Entry, paged
from app.http.request import ApiRequest
from app.http.responses import Response, json_response, no_content
from app.http.routing import SECRET, route
from engine.errors import NotFound
from engine.recipients.identify import identify
from engine.recipients.references import parse_identity
from storage import recipients
from storage.keyset import Keyset, Slice
from storage.records import USERS
from storage.sql import Sql

_PATH = "/v1/objects/{collection}/{id}"


@route("GET", "/v1/objects/{collection}", callers=SECRET, tier=4)
async def list_objects(request: ApiRequest) -> Response:
    """List a collection by id."""
    collection = request.params["collection"]
    if collection == USERS:
        raise NotFound("Users are listed under /v1/users")

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        found = recipients.list_page(sql, request.environment, collection, keyset)
        return entries_of(request, sql, found, shapes.object_)

    return await paged(request, read)


@route("GET", _PATH, callers=SECRET, tier=4)
async def get_object(request: ApiRequest) -> Response:
    """Return one object."""
    ref = object_ref(request)
    found = recipients.get(request.sql, request.environment, ref)
    if found is None:
        raise NotFound
    sets = sets_of(request, request.sql, [ref])
    return json_response(shapes.object_(found, None if sets is None else sets.get(ref, {})))


@route("PUT", _PATH, callers=SECRET, tier=3)
async def set_object(request: ApiRequest) -> Response:
    """Create the object or deep-merge into it."""
    ref = writable(object_ref(request))
    body = await request.object()
    body.pop("collection", None)  # the path says it
    identity = parse_identity(ref, body)
    environment, now = request.environment, request.now()
    found = await request.services.writer.run(
        lambda tx: identify(tx, environment, [identity], now)[ref]
    )
    return json_response(shapes.object_(found))


@route("DELETE", _PATH, callers=SECRET, tier=3)
async def delete_object(request: ApiRequest) -> Response:
    """Delete the object with its subscriptions, preferences and channel data."""
    environment, ref = request.environment, object_ref(request)
    await request.services.writer.run(lambda tx: recipients.delete(tx, environment, ref))
    return no_content()
