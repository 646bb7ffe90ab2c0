"""Read from queries and bodies which messages a call means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.auth.callers import Caller
from app.http.query import Query, UnusableFilter
from app.http.request import ApiRequest
from engine.errors import InvalidInput, Problem
from storage.channels import get_channel
from storage.message_filter import DataEquals, MessageFilter, Span, TenantRule
from storage.records import USERS, JsonObject, Message, RecipientRef
from storage.sql import Sql

MOST_IDS: Final = 50
MOST_KEYS: Final = 50
_LARGEST: Final = 2**63


def message_filter(
    sql: Sql, request: ApiRequest, recipient: RecipientRef | None = None
) -> MessageFilter:
    """Read the filters that every list of messages takes.

    Raises:
        UnusableFilter: one of them can match nothing.
        InvalidInput: it names too many ids, or a value of the data that is not flat.
    """
    query = request.query
    tenant = query.text("tenant")
    return MessageFilter(
        recipient=recipient,
        channel_id=_channel(sql, request),
        ids=_ids(query),
        run_id=query.text("workflow_recipient_run_id"),
        trigger_id=query.text("workflow_run_id"),
        workflows=_one(query.text("source")),
        categories=_many(query, "workflow_categories"),
        statuses=_many(query, "status"),
        engagement=_many(query, "engagement_status"),
        tenants=() if tenant is None else (TenantRule(tenants=(tenant,)),),
        data=data_filter(query),
        inserted=inserted(query),
    )


def _channel(sql: Sql, request: ApiRequest) -> str | None:
    named = request.query.text("channel_id")
    if named is None:
        return None
    channel = get_channel(sql, request.environment, named)
    if channel is None:
        raise UnusableFilter("channel_id", "the id or the key of a channel")
    return channel.id


def _ids(query: Query) -> tuple[str, ...] | None:
    if "message_ids" not in query:
        return None
    ids = _many(query, "message_ids")
    if len(ids) > MOST_IDS:
        raise too_many("message_ids", MOST_IDS, len(ids))
    return ids


def _one(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _many(query: Query, name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(query.texts(name)))


def categories(query: Query) -> tuple[str, ...]:
    """Read `workflow_categories`, any of which may match."""
    return _many(query, "workflow_categories")


def inserted(query: Query) -> Span:
    """Read the range of `inserted_at`.

    Raises:
        UnusableFilter: a bound is no instant.
    """
    found = query.range("inserted_at")
    if found is None:
        return Span()
    return Span(gt=found.gt, gte=found.gte, lt=found.lt, lte=found.lte)


def data_filter(query: Query) -> tuple[DataEquals, ...]:
    """Read `trigger_data` of a query.

    Raises:
        UnusableFilter: it is text, but not of a JSON object.
        InvalidInput: one of its values is not flat.
    """
    return data_terms(query.object("trigger_data") or {})


def data_terms(data: JsonObject) -> tuple[DataEquals, ...]:
    """Turn flat data into the terms that all have to match.

    Raises:
        InvalidInput: a value nests, or there are more than 50.
    """
    if len(data) > MOST_KEYS:
        raise too_many("trigger_data", MOST_KEYS, len(data))
    return tuple(_term(key, value) for key, value in data.items())


def _term(key: str, value: Any) -> DataEquals:
    if value is None:
        return DataEquals(key=key, kinds=("null",), value=None)
    if isinstance(value, bool):
        return DataEquals(key=key, kinds=("true" if value else "false",), value=int(value))
    if isinstance(value, str):
        return DataEquals(key=key, kinds=("text",), value=value)
    if isinstance(value, (int, float)):
        # SQLite reads longer integers of JSON as floating point, and so must we.
        is_long = isinstance(value, int) and not -_LARGEST <= value < _LARGEST
        number = float(value) if is_long else value
        return DataEquals(key=key, kinds=("integer", "real"), value=number)
    message = "expected a string, a number, a boolean or null: data is filtered by flat values"
    problem = Problem(path=f"trigger_data.{key}", message=message, rule="type")
    raise InvalidInput(problems=[problem])


def too_many(path: str, most: int, count: int) -> InvalidInput:
    """Make the error that names a limit which a list passes."""
    message = f"expected at most {most}, got {count}"
    return InvalidInput(problems=[Problem(path=path, message=message, rule="length")])


def tenant_rule(tenant: str | None, has_tenant: bool | None) -> tuple[TenantRule, ...]:
    """Read a feed's tenant: alone it admits what belongs to no tenant, too."""
    if has_tenant is False:
        return (TenantRule(tenants=(), admits_none=True),)
    if tenant is not None:
        return (TenantRule(tenants=(tenant,), admits_none=has_tenant is None),)
    return (TenantRule(),) if has_tenant else ()


def token_rule(caller: Caller, grant: str) -> tuple[TenantRule, ...]:
    """Confine a filter to the tenants that the caller's token names."""
    scope = caller.tenant_scope(grant)
    if scope is None:
        return ()
    return (TenantRule(tenants=tuple(sorted(scope.tenants)), admits_none=scope.has_none),)


def admission(caller: Caller, grant: str) -> Callable[[Message], bool]:
    """Tell which messages a caller may touch: with a user token, only that user's."""
    user, scope = caller.user, caller.tenant_scope(grant)
    own = None if user is None else RecipientRef(USERS, user)

    def admits(message: Message) -> bool:
        if own is not None and message.recipient != own:
            return False
        return scope is None or scope.admits(message.tenant)

    return admits
