"""All messages of a channel at once: engage with them, or delete them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.api.bulk_operations import bulk_operation
from app.api.message_filters import data_terms, token_rule, too_many
from app.api.message_status import WRITE
from app.http.limits import parse_json
from app.http.request import ApiRequest, type_name
from app.http.responses import Response, json_response
from app.http.routing import PUBLIC, SECRET, route
from engine.errors import InvalidInput, MalformedBody, NotFound, Problem, StorageError
from engine.feed.items import ARCHIVED, Archived
from engine.messages.bulk import BulkUpdate
from engine.messages.engage import Action
from engine.recipients.references import parse_references
from engine.timing.instants import parse_instant
from storage import bulk_operations
from storage.channels import get_channel
from storage.message_filter import ENGAGED, MessageFilter, Span, TenantRule
from storage.records import USERS, DeliveryStatus, JsonObject, RecipientRef

MOST: Final = 1000
_LISTS: Final = ("workflows", "delivery_status", "engagement_status")
_ACTIONS: Final[Mapping[str, Action | None]] = {
    "seen": Action.SEEN,
    "unseen": Action.UNSEEN,
    "read": Action.READ,
    "unread": Action.UNREAD,
    "archived": Action.ARCHIVED,
    "archive": Action.ARCHIVED,
    "unarchived": Action.UNARCHIVED,
    "unarchive": Action.UNARCHIVED,
    "interacted": Action.INTERACTED,
    "delete": None,
}


@route(
    "POST",
    "/v1/channels/{channel_id}/messages/bulk/{action}",
    callers=SECRET | PUBLIC,
    grant=WRITE,
    tier=2,
)
async def update_channel_messages(request: ApiRequest) -> Response:
    """Update the messages that the body describes; done when answered."""
    name = request.params["action"]
    if name not in _ACTIONS:
        raise NotFound(f"There is no bulk action {name[:40]!r}: use one of {', '.join(_ACTIONS)}")
    services, environment = request.services, request.environment
    filters = read_filters(request, await request.object())
    update = BulkUpdate(
        id=services.ids.uuid(),
        environment=environment,
        action=_ACTIONS[name],
        filters=filters,
        name=f"messages.{name}",
    )
    await asyncio.to_thread(lambda: update.estimate(request.sql))
    try:
        while await services.writer.run(lambda tx: update.step(tx, request.now())):
            pass
    except StorageError:
        with contextlib.suppress(StorageError):
            await services.writer.run(lambda tx: update.fail(tx, request.now()))
        raise
    done = bulk_operations.get(request.sql, environment, update.id)
    if done is None:
        raise NotFound
    return json_response(bulk_operation(done))


def read_filters(request: ApiRequest, body: JsonObject) -> list[MessageFilter]:
    """Read which messages are meant: one filter per recipient, or one for all.

    Messages that come while the operation runs are not touched. With a user
    token only that user's are. An empty list means none, never all.

    Raises:
        InvalidInput: the channel is unknown, or a field of the body is malformed.
    """
    caller = request.caller
    refs = _recipients(body)
    if caller.user is not None:
        own = RecipientRef(USERS, caller.user)
        refs = [own] if refs is None or own in refs else []
    elif caller.is_public and refs is None:
        # The key is in every page's source: it must not reach a whole channel at once.
        raise _refused("recipient_ids", "with a public key, name the recipients", "required")
    wanted = MessageFilter(
        channel_id=_channel_id(request),
        workflows=_texts(body, "workflows"),
        statuses=_choices(body, "delivery_status", tuple(DeliveryStatus)),
        engagement=_choices(body, "engagement_status", tuple(ENGAGED)),
        archived=_archived(body),
        tenants=(*_tenants(body), *token_rule(caller, WRITE)),
        data=data_terms(_data(body)),
        inserted=Span(
            gt=_instant(body, "newer_than"), lt=_instant(body, "older_than"), lte=request.now()
        ),
    )
    if any(body.get(name) == [] for name in _LISTS):
        return []
    return [wanted] if refs is None else [replace(wanted, recipient=ref) for ref in refs]


def _channel_id(request: ApiRequest) -> str:
    name = request.params["channel_id"]
    channel = get_channel(request.sql, request.environment, name)
    if channel is None:
        message = f"There is no channel {name[:80]!r}: name one by its id or key"
        problem = Problem(path="channel_id", message=message, rule="channel_invalid")
        raise InvalidInput(message, [problem], code="channel_invalid")
    return channel.id


def _recipients(body: JsonObject) -> list[RecipientRef] | None:
    """Read whose messages; the browser's client calls the field by another name."""
    for name in ("recipient_ids", "user_ids"):
        if body.get(name) is not None:
            found = parse_references(body[name], name, most=MOST, least=0)
            return list(dict.fromkeys(reference.ref for reference in found))
    return None


def _tenants(body: JsonObject) -> tuple[TenantRule, ...]:
    rules: list[TenantRule] = []
    if body.get("tenants") is not None:
        rules.append(TenantRule(tenants=_texts(body, "tenants")))
    has_tenant = body.get("has_tenant")
    if has_tenant is not None:
        if not isinstance(has_tenant, bool):
            raise _expected("has_tenant", "true or false", has_tenant)
        rules.append(TenantRule() if has_tenant else TenantRule(tenants=(), admits_none=True))
    return tuple(rules)


def _texts(body: JsonObject, name: str) -> tuple[str, ...]:
    value = body.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _expected(name, "an array of strings", value)
    if len(value) > MOST:
        raise too_many(name, MOST, len(value))
    return tuple(dict.fromkeys(value))


def _choices(body: JsonObject, name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Read one value or several; a value nobody knows is refused, not ignored."""
    value = body.get(name)
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(item in known for item in values):
        raise _refused(name, f"expected one or more of {', '.join(known)}", "choice")
    return tuple(dict.fromkeys(str(item) for item in values))


def _archived(body: JsonObject) -> bool | None:
    value = body.get("archived")
    if value is None:
        return None
    if value not in tuple(Archived):
        raise _refused("archived", f"expected one of {', '.join(Archived)}", "choice")
    return ARCHIVED[Archived(value)]


def _data(body: JsonObject) -> JsonObject:
    value = body.get("trigger_data")
    if isinstance(value, str):
        try:
            value = parse_json(value.encode())
        except MalformedBody:
            raise _refused("trigger_data", "expected the JSON of an object", "json") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _expected("trigger_data", "the JSON of an object", value)
    return value


def _instant(body: JsonObject, name: str) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    found = parse_instant(value)
    if found is None:
        raise _expected(name, "an ISO 8601 instant", value)
    return found


def _expected(path: str, what: str, value: Any) -> InvalidInput:
    return _refused(path, f"expected {what}, got {type_name(value)}", "type")


def _refused(path: str, message: str, rule: str) -> InvalidInput:
    return InvalidInput(problems=[Problem(path=path, message=message, rule=rule)])
