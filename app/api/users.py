"""Users: list, get, identify, delete."""

from __future__ import annotations

from app.api import shapes
from app.api.includes import entries_of, sets_of
from app.api.paths import user_ref, writable
from app.http.pages import Entry, paged
from app.http.request import ApiRequest
from app.http.responses import Response, json_response, no_content
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import NotFound
from engine.recipients.identify import identify
from engine.recipients.preferences import DEFAULT
from engine.recipients.references import parse_identity
from storage import recipients
from storage.keyset import Keyset, Slice
from storage.records import USERS
from storage.sql import Sql


@route("GET", "/v1/users", callers=SECRET, tier=4)
async def list_users(request: ApiRequest) -> Response:
    """List users by id."""

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        found = recipients.list_page(sql, request.environment, USERS, keyset)
        return entries_of(request, sql, found, shapes.user)

    return await paged(request, read)


@route("GET", "/v1/users/{user_id}", callers=SECRET | PUBLIC, grant="user/read", tier=4)
async def get_user(request: ApiRequest) -> Response:
    """Return one user."""
    ref = user_ref(request)
    found = recipients.get(request.sql, request.environment, ref)
    if found is None:
        raise NotFound
    sets = sets_of(request, request.sql, [ref])
    return json_response(shapes.user(found, None if sets is None else sets.get(ref, {})))


@route("PUT", "/v1/users/{user_id}", callers=SECRET | PUBLIC, grant="user/write", tier=3)
async def identify_user(request: ApiRequest) -> Response:
    """Create the user or deep-merge into them; channel data and preferences too."""
    ref = writable(user_ref(request))
    identity = parse_identity(ref, await request.object())
    if identity.channel_data:
        request.caller.require("channel_data/write")
    for set_id in identity.preferences:
        request.caller.require("preferences/write")
        tenant = None if set_id == DEFAULT else set_id
        request.caller.require_tenant(tenant, "preferences/write")
    environment, now = request.environment, request.now()
    found = await request.services.writer.run(
        lambda tx: identify(tx, environment, [identity], now)[ref]
    )
    return json_response(shapes.user(found))


@route("DELETE", "/v1/users/{user_id}", callers=SECRET, tier=2)
async def delete_user(request: ApiRequest) -> Response:
    """Erase the user with their messages and runs; one that never was is gone too."""
    environment, id, now = request.environment, request.params["user_id"], request.now()
    await request.services.writer.run(lambda tx: recipients.delete_user(tx, environment, id, now))
    return no_content()
