"""Subscriptions: who follows an object, and what a recipient follows."""

from __future__ import annotations

from typing import Final

from app.api import shapes
from app.api.includes import sets_of
from app.api.paths import object_ref, user_ref, writable
from app.http.pages import Entry, paged
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import SECRET, route
from engine.errors import InvalidInput, Problem
from engine.recipients.identify import identify
from engine.recipients.properties import check_size
from engine.recipients.references import Reference, parse_references
from storage import recipients, subscriptions
from storage.keyset import Keyset, Slice
from storage.records import JsonObject, Recipient, RecipientRef, Subscription
from storage.sql import Sql
from storage.subscriptions import Numbered
from storage.tx import Tx

MOST: Final = 100
_PATH: Final = "/v1/objects/{collection}/{id}/subscriptions"


@route("GET", "/v1/users/{user_id}/subscriptions", callers=SECRET, tier=4)
async def list_user_subscriptions(request: ApiRequest) -> Response:
    """List what a user follows, newest first."""
    ref = user_ref(request)

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        only = request.query.references("objects")
        found = subscriptions.subscriptions_of(sql, request.environment, ref, keyset, only)
        return _entries(request, sql, found)

    return await paged(request, read)


@route("GET", _PATH, callers=SECRET, tier=4)
async def list_object_subscriptions(request: ApiRequest) -> Response:
    """List who follows an object, or in mode `recipient` what it follows itself."""
    ref = object_ref(request)
    mode = request.query.text("mode") or "object"
    if mode not in ("object", "recipient"):
        message = f"expected `object` or `recipient`, got {mode[:40]!r}"
        raise InvalidInput(problems=[Problem(path="mode", message=message, rule="query.value")])

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        environment = request.environment
        if mode == "recipient":
            only = request.query.references("objects")
            found = subscriptions.subscriptions_of(sql, environment, ref, keyset, only)
        else:
            only = request.query.references("recipients")
            found = subscriptions.subscribers_of(sql, environment, ref, keyset, only)
        return _entries(request, sql, found)

    return await paged(request, read)


@route("POST", _PATH, callers=SECRET, tier=3)
async def add_subscriptions(request: ApiRequest) -> Response:
    """Subscribe up to 100 recipients; inline ones are identified first."""
    object_ = writable(object_ref(request))
    body = await request.object()
    references = parse_references(body.get("recipients"), "recipients", most=MOST)
    properties = _properties(body)
    _refuse_self(object_, references)
    environment, now = request.environment, request.now()

    def work(tx: Tx) -> list[JsonObject]:
        inline = [r.identity for r in references if r.identity is not None]
        identify(tx, environment, inline, now)
        refs = [r.ref for r in references]
        found = subscriptions.upsert_many(tx, environment, object_, refs, properties, now)
        records = _records(tx, environment, found)
        return [shapes.subscription(item, records) for item in found]

    return json_response(await request.services.writer.run(work))


@route("DELETE", _PATH, callers=SECRET, tier=3)
async def delete_subscriptions(request: ApiRequest) -> Response:
    """Unsubscribe up to 100 recipients; who does not follow is skipped."""
    object_ = object_ref(request)
    body = await request.object()
    references = parse_references(body.get("recipients"), "recipients", most=MOST)
    environment = request.environment

    def work(tx: Tx) -> list[JsonObject]:
        refs = [r.ref for r in references]
        found = subscriptions.delete_many(tx, environment, object_, refs)
        records = _records(tx, environment, found)
        return [shapes.subscription(item, records) for item in found]

    return json_response(await request.services.writer.run(work))


def _properties(body: JsonObject) -> JsonObject:
    properties = body.get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        problem = Problem(path="properties", message="expected an object or null", rule="type")
        raise InvalidInput(problems=[problem])
    check_size(properties, "the subscription")
    return properties


def _refuse_self(object_: RecipientRef, references: list[Reference]) -> None:
    problems = [
        Problem(
            path=f"recipients[{index}]",
            message="an object cannot subscribe to itself",
            rule="subscription.self",
        )
        for index, reference in enumerate(references)
        if reference.ref == object_
    ]
    if problems:
        raise InvalidInput(problems=problems)


def _entries(request: ApiRequest, sql: Sql, found: Slice[Numbered]) -> Slice[Entry]:
    listed = [item.subscription for item in found.rows]
    records = _records(sql, request.environment, listed)
    sets = sets_of(request, sql, _ends(listed))
    return found.map(
        lambda item: ((item.seq,), shapes.subscription(item.subscription, records, sets))
    )


def _ends(found: list[Subscription]) -> list[RecipientRef]:
    return [ref for item in found for ref in (item.object, item.recipient)]


def _records(
    sql: Sql, environment: str, found: list[Subscription]
) -> dict[RecipientRef, Recipient]:
    return recipients.get_many(sql, environment, _ends(found))
