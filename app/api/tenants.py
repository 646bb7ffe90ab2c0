"""Tenants: list, get, set, delete."""

from __future__ import annotations

from app.api import shapes
from app.api.paths import tenant_ref, writable
from app.http.pages import Entry, paged
from app.http.request import ApiRequest
from app.http.responses import Response, json_response, no_content
from app.http.routing import SECRET, route
from engine.errors import NotFound
from engine.preferences.merge import layered
from engine.recipients.identify import identify
from engine.recipients.preferences import tenant_set
from engine.recipients.references import parse_identity
from storage import preferences, recipients
from storage.keyset import Keyset, Slice
from storage.records import TENANTS, JsonObject, Recipient
from storage.sql import Sql

_PATH = "/v1/tenants/{id}"


@route("GET", "/v1/tenants", callers=SECRET, tier=4)
async def list_tenants(request: ApiRequest) -> Response:
    """List tenants by id; `tenant_id` and `name` narrow it to equals."""

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        found = recipients.list_page(
            sql,
            request.environment,
            TENANTS,
            keyset,
            id=request.query.text("tenant_id"),
            name=request.query.text("name"),
        )
        return found.map(lambda record: ((record.ref.id,), shapes.tenant(record)))

    return await paged(request, read)


@route("GET", _PATH, callers=SECRET, tier=4)
async def get_tenant(request: ApiRequest) -> Response:
    """Return one tenant."""
    found = recipients.get(request.sql, request.environment, tenant_ref(request))
    if found is None:
        raise NotFound
    return json_response(_shape(request, found))


@route("PUT", _PATH, callers=SECRET, tier=3)
async def set_tenant(request: ApiRequest) -> Response:
    """Create the tenant or deep-merge into it."""
    ref = writable(tenant_ref(request))
    identity = parse_identity(ref, await request.object())
    environment, now = request.environment, request.now()
    found = await request.services.writer.run(
        lambda tx: identify(tx, environment, [identity], now)[ref]
    )
    return json_response(_shape(request, found))


@route("DELETE", _PATH, callers=SECRET, tier=2)
async def delete_tenant(request: ApiRequest) -> Response:
    """Delete the tenant; what was sent in its name stays."""
    environment, ref = request.environment, tenant_ref(request)
    await request.services.writer.run(lambda tx: recipients.delete(tx, environment, ref))
    return no_content()


def _shape(request: ApiRequest, record: Recipient) -> JsonObject:
    if not request.query.flag("resolve_full_preference_settings"):
        return shapes.tenant(record)
    defaults = preferences.environment_defaults(request.sql, request.environment)
    return shapes.tenant(record, layered(tenant_set(record), defaults))
