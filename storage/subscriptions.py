"""Store who follows which object, and page through it in either direction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from storage.keyset import Keyset, Slice, fetch_slice
from storage.recipients import by_collection
from storage.records import JsonObject, RecipientRef, Subscription
from storage.sql import Sql, dumps, from_micros, loads, marks, to_micros
from storage.tx import Tx

_COLUMNS: Final = (
    "seq, object_collection, object_id, recipient_collection, recipient_id, properties,"
    " inserted_at, updated_at"
)
_SEQ: Final = ("seq",)


class Numbered(NamedTuple):
    """A subscription with the number that orders lists of them."""

    seq: int
    subscription: Subscription


def upsert_many(
    tx: Tx,
    environment: str,
    object: RecipientRef,
    recipients: Collection[RecipientRef],
    properties: JsonObject,
    now: datetime,
) -> list[Subscription]:
    """Subscribe recipients to an object; who follows it already gets the new properties."""
    at = to_micros(now)
    text = dumps(properties)
    unique = list(dict.fromkeys(recipients))
    tx.many(
        "INSERT INTO subscriptions (environment, object_collection, object_id,"
        " recipient_collection, recipient_id, properties, inserted_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, object_collection, object_id, recipient_collection,"
        " recipient_id) DO UPDATE SET properties = excluded.properties,"
        " updated_at = excluded.updated_at",
        [(environment, *object, *ref, text, at, at) for ref in unique],
    )
    return get_many(tx, environment, object, unique)


def get_many(
    sql: Sql, environment: str, object: RecipientRef, recipients: Sequence[RecipientRef]
) -> list[Subscription]:
    """Return the subscriptions that exist, in the order asked for."""
    found: dict[RecipientRef, Subscription] = {}
    for collection, ids in by_collection(recipients):
        rows = sql.rows(
            f"SELECT {_COLUMNS} FROM subscriptions WHERE environment = ?"
            " AND object_collection = ? AND object_id = ? AND recipient_collection = ?"
            f" AND recipient_id IN ({marks(len(ids))})",
            (environment, *object, collection, *ids),
        )
        for row in rows:
            subscription = _numbered(environment, row).subscription
            found[subscription.recipient] = subscription
    return [found[ref] for ref in dict.fromkeys(recipients) if ref in found]


def delete_many(
    tx: Tx, environment: str, object: RecipientRef, recipients: Sequence[RecipientRef]
) -> list[Subscription]:
    """Delete subscriptions and return those that there were."""
    found = get_many(tx, environment, object, recipients)
    tx.many(
        "DELETE FROM subscriptions WHERE environment = ? AND object_collection = ?"
        " AND object_id = ? AND recipient_collection = ? AND recipient_id = ?",
        [(environment, *object, *s.recipient) for s in found],
    )
    return found


def subscribers_of(
    sql: Sql,
    environment: str,
    object: RecipientRef,
    keyset: Keyset,
    only: Sequence[RecipientRef] = (),
) -> Slice[Numbered]:
    """Page through who follows an object, oldest first; `only` narrows it to these."""
    statement = (
        f"SELECT {_COLUMNS} FROM subscriptions WHERE environment = ?"
        " AND object_collection = ? AND object_id = ?"
    )
    more, params = _among("recipient_collection", "recipient_id", only)
    found = fetch_slice(
        sql, statement + more, (environment, *object, *params), keyset, columns=_SEQ
    )
    return found.map(lambda row: _numbered(environment, row))


def subscriptions_of(
    sql: Sql,
    environment: str,
    recipient: RecipientRef,
    keyset: Keyset,
    only: Sequence[RecipientRef] = (),
) -> Slice[Numbered]:
    """Page through what a recipient follows, newest first; `only` narrows it to these."""
    statement = (
        f"SELECT {_COLUMNS} FROM subscriptions WHERE environment = ?"
        " AND recipient_collection = ? AND recipient_id = ?"
    )
    more, params = _among("object_collection", "object_id", only)
    found = fetch_slice(
        sql,
        statement + more,
        (environment, *recipient, *params),
        keyset,
        columns=_SEQ,
        descending=True,
    )
    return found.map(lambda row: _numbered(environment, row))


def _among(collection: str, id: str, only: Sequence[RecipientRef]) -> tuple[str, list[str]]:
    if not only:
        return "", []
    pairs = ",".join("(?,?)" for _ in only)
    return f" AND ({collection}, {id}) IN (VALUES {pairs})", [part for ref in only for part in ref]


def _numbered(environment: str, row: Sequence[Any]) -> Numbered:
    return Numbered(
        row[0],
        Subscription(
            environment=environment,
            object=RecipientRef(row[1], row[2]),
            recipient=RecipientRef(row[3], row[4]),
            properties=loads(row[5]),
            inserted_at=from_micros(row[6]),
            updated_at=from_micros(row[7]),
        ),
    )
