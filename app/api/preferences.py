"""Preference sets of users and objects; answers are merged with the defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.api import shapes
from app.api.paths import recipient_ref, writable
from app.http.request import ApiRequest
from app.http.responses import Response, json_response, no_content
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import InvalidInput, Problem
from engine.recipients.ids import check_id
from engine.recipients.preference_sets import read_set
from engine.recipients.preferences import (
    DEFAULT,
    edit_preferences,
    effective_set,
    effective_sets,
    set_preferences,
)
from storage import preferences
from storage.records import JsonObject
from storage.sql import Sql
from storage.tx import Tx

_USER: Final = "/v1/users/{user_id}/preferences"
_OBJECT: Final = "/v1/objects/{collection}/{id}/preferences"
_READ: Final = "preferences/read"
_WRITE: Final = "preferences/write"


@route("GET", _USER, callers=SECRET | PUBLIC, grant=_READ, tier=4)
@route("GET", _OBJECT, callers=SECRET, tier=4)
async def list_preference_sets(request: ApiRequest) -> Response:
    """List the stored sets that the caller may see."""
    ref = recipient_ref(request)
    sets = effective_sets(request.sql, request.environment, [ref]).get(ref, {})
    scope = request.caller.tenant_scope(_READ)
    return json_response(
        [
            shapes.preference_set(set_id, content)
            for set_id, content in sets.items()
            if scope is None or scope.admits(_tenant_of(set_id))
        ]
    )


@route("GET", _USER + "/{set_id}", callers=SECRET | PUBLIC, grant=_READ, tier=4)
@route("GET", _OBJECT + "/{set_id}", callers=SECRET, tier=4)
async def get_preference_set(request: ApiRequest) -> Response:
    """Return one set over the defaults; one that was never set is the defaults."""
    _require(request, _READ)
    tenant = request.query.text("tenant") or None
    if tenant is not None:
        request.caller.require_tenant(tenant, _READ)
    return json_response(_shape(request, request.sql, tenant))


@route("PUT", _USER + "/{set_id}", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}", callers=SECRET, tier=3)
async def put_preference_set(request: ApiRequest) -> Response:
    """Replace the set, or merge into it if the body says so; creates the recipient."""
    _require(request, _WRITE)
    ref, set_id = writable(recipient_ref(request)), _writable_set(request)
    problems: list[Problem] = []
    change = read_set(await request.object(), "", problems)
    if problems:
        raise InvalidInput(problems=problems)
    environment, now = request.environment, request.now()

    def work(tx: Tx) -> JsonObject:
        set_preferences(tx, environment, ref, set_id, change, now)
        return _shape(request, tx)

    return json_response(await request.services.writer.run(work))


@route("DELETE", _USER + "/{set_id}", callers=SECRET, tier=3)
@route("DELETE", _OBJECT + "/{set_id}", callers=SECRET, tier=3)
async def delete_preference_set(request: ApiRequest) -> Response:
    """Delete the set, so that the defaults apply again."""
    environment, ref = request.environment, recipient_ref(request)
    set_id = request.params["set_id"]
    await request.services.writer.run(lambda tx: preferences.delete(tx, environment, ref, set_id))
    return no_content()


# ------------------------------------------- older routes, still used by browsers


@route("PUT", _USER + "/{set_id}/channel_types", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}/channel_types", callers=SECRET, tier=3)
async def put_channel_types(request: ApiRequest) -> Response:
    """Replace the channel types of a set, and nothing else of it."""
    return await _put_part(request, "channel_types")


@route("PUT", _USER + "/{set_id}/workflows", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}/workflows", callers=SECRET, tier=3)
async def put_workflows(request: ApiRequest) -> Response:
    """Replace the workflows of a set, and nothing else of it."""
    return await _put_part(request, "workflows")


@route("PUT", _USER + "/{set_id}/categories", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}/categories", callers=SECRET, tier=3)
async def put_categories(request: ApiRequest) -> Response:
    """Replace the categories of a set, and nothing else of it."""
    return await _put_part(request, "categories")


@route(
    "PUT", _USER + "/{set_id}/channel_types/{type}", callers=SECRET | PUBLIC, grant=_WRITE, tier=3
)
@route("PUT", _OBJECT + "/{set_id}/channel_types/{type}", callers=SECRET, tier=3)
async def put_channel_type(request: ApiRequest) -> Response:
    """Set one channel type of a set."""
    return await _put_entry(request, "channel_types", request.params["type"])


@route("PUT", _USER + "/{set_id}/workflows/{key}", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}/workflows/{key}", callers=SECRET, tier=3)
async def put_workflow(request: ApiRequest) -> Response:
    """Set one workflow of a set."""
    return await _put_entry(request, "workflows", request.params["key"])


@route("PUT", _USER + "/{set_id}/categories/{key}", callers=SECRET | PUBLIC, grant=_WRITE, tier=3)
@route("PUT", _OBJECT + "/{set_id}/categories/{key}", callers=SECRET, tier=3)
async def put_category(request: ApiRequest) -> Response:
    """Set one category of a set."""
    return await _put_entry(request, "categories", request.params["key"])


async def _put_part(request: ApiRequest, part: str) -> Response:
    value = _read_part(part, await request.object())
    return await _edit(request, lambda held: {**held, part: value})


async def _put_entry(request: ApiRequest, part: str, key: str) -> Response:
    body = await request.json()
    # `{"subscribed": true}` is the old spelling of a bare boolean.
    value = body["subscribed"] if isinstance(body, dict) and "subscribed" in body else body
    entry = _read_part(part, {key: value})
    return await _edit(request, lambda held: {**held, part: {**(held.get(part) or {}), **entry}})


def _read_part(part: str, value: Any) -> JsonObject:
    problems: list[Problem] = []
    content = read_set({part: value}, "", problems).content
    if problems:
        raise InvalidInput(problems=problems)
    read: JsonObject = content[part] or {}
    return read


async def _edit(request: ApiRequest, edit: Callable[[JsonObject], JsonObject]) -> Response:
    _require(request, _WRITE)
    ref, set_id = writable(recipient_ref(request)), _writable_set(request)
    environment, now = request.environment, request.now()

    def work(tx: Tx) -> JsonObject:
        edit_preferences(tx, environment, ref, set_id, edit, now)
        return _shape(request, tx)

    return json_response(await request.services.writer.run(work))


def _shape(request: ApiRequest, sql: Sql, tenant: str | None = None) -> JsonObject:
    set_id, ref = request.params["set_id"], recipient_ref(request)
    content = effective_set(sql, request.environment, ref, set_id, tenant)
    return shapes.preference_set(set_id, content)


def _require(request: ApiRequest, grant: str) -> None:
    request.caller.require_tenant(_tenant_of(request.params["set_id"]), grant)


def _tenant_of(set_id: str) -> str | None:
    return None if set_id == DEFAULT else set_id


def _writable_set(request: ApiRequest) -> str:
    fault = check_id(request.params["set_id"], "id")
    if fault is not None:
        raise InvalidInput(problems=[fault])
    return request.params["set_id"]
