"""Store users, objects and tenants; erase a user with all that is about them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from storage.keyset import Keyset, Slice, fetch_slice
from storage.logs import days_of
from storage.records import USERS, Recipient, RecipientRef
from storage.sql import Sql, dumps, from_micros, loads, marks, to_micros
from storage.tx import Tx

_COLUMNS: Final = "collection, id, properties, inserted_at, updated_at"
_AT_ONCE: Final = 512


def get(sql: Sql, environment: str, ref: RecipientRef) -> Recipient | None:
    """Return one recipient; None if it was never stored."""
    row = sql.row(
        f"SELECT {_COLUMNS} FROM recipients WHERE environment = ? AND collection = ? AND id = ?",
        (environment, ref.collection, ref.id),
    )
    return None if row is None else _recipient(environment, row)


def get_many(
    sql: Sql, environment: str, refs: Collection[RecipientRef]
) -> dict[RecipientRef, Recipient]:
    """Return the recipients that are stored; the others are absent from the answer."""
    found: dict[RecipientRef, Recipient] = {}
    for collection, ids in by_collection(refs):
        rows = sql.rows(
            f"SELECT {_COLUMNS} FROM recipients"
            f" WHERE environment = ? AND collection = ? AND id IN ({marks(len(ids))})",
            (environment, collection, *ids),
        )
        for row in rows:
            found[RecipientRef(row[0], row[1])] = _recipient(environment, row)
    return found


def by_collection(refs: Iterable[RecipientRef]) -> Iterator[tuple[str, list[str]]]:
    """Group ids by collection in parts that fit one statement.

    Parts are filled up to a power of two by repeating an id, so that few
    distinct statements occur and the statement cache holds them all.
    """
    groups: dict[str, list[str]] = {}
    for ref in dict.fromkeys(refs):
        groups.setdefault(ref.collection, []).append(ref.id)
    for collection, ids in groups.items():
        for start in range(0, len(ids), _AT_ONCE):
            part = ids[start : start + _AT_ONCE]
            filled = 1 << (len(part) - 1).bit_length()
            yield collection, part + part[-1:] * (filled - len(part))


def upsert_many(tx: Tx, recipients: Iterable[Recipient]) -> None:
    """Store recipients whole; one that exists keeps the instant of its insertion."""
    tx.many(
        "INSERT INTO recipients (environment, collection, id, properties, inserted_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (environment, collection, id)"
        " DO UPDATE SET properties = excluded.properties, updated_at = excluded.updated_at",
        [
            (
                r.environment,
                r.ref.collection,
                r.ref.id,
                dumps(r.properties),
                to_micros(r.inserted_at),
                to_micros(r.updated_at),
            )
            for r in recipients
        ],
    )


def ensure(tx: Tx, environment: str, ref: RecipientRef, now: datetime) -> None:
    """Create a recipient without properties unless there is one."""
    at = to_micros(now)
    tx.run(
        "INSERT INTO recipients (environment, collection, id, properties, inserted_at, updated_at)"
        " VALUES (?, ?, ?, '{}', ?, ?) ON CONFLICT DO NOTHING",
        (environment, ref.collection, ref.id, at, at),
    )


def list_page(
    sql: Sql,
    environment: str,
    collection: str,
    keyset: Keyset,
    *,
    id: str | None = None,
    name: str | None = None,
) -> Slice[Recipient]:
    """Page through a collection by id; `id` and `name` narrow it to equals."""
    statement = f"SELECT {_COLUMNS} FROM recipients WHERE environment = ? AND collection = ?"
    params: list[Any] = [environment, collection]
    if id is not None:
        statement += " AND id = ?"
        params.append(id)
    if name is not None:
        statement += " AND json_extract(properties, '$.name') = ?"
        params.append(name)
    found = fetch_slice(sql, statement, params, keyset, columns=("id",))
    return found.map(lambda row: _recipient(environment, row))


def delete(tx: Tx, environment: str, ref: RecipientRef) -> bool:
    """Delete a recipient with preferences, channel data and subscriptions, both ways."""
    key = (environment, ref.collection, ref.id)
    tx.run(
        "DELETE FROM subscriptions WHERE environment = ? AND object_collection = ?"
        " AND object_id = ?",
        key,
    )
    tx.run(
        "DELETE FROM subscriptions WHERE environment = ? AND recipient_collection = ?"
        " AND recipient_id = ?",
        key,
    )
    for table in ("preference_sets", "channel_data"):
        tx.run(
            f"DELETE FROM {table} WHERE environment = ? AND collection = ? AND recipient = ?", key
        )
    changed = tx.run(
        "DELETE FROM recipients WHERE environment = ? AND collection = ? AND id = ?", key
    )
    return changed == 1


def delete_user(tx: Tx, environment: str, id: str, now: datetime) -> None:
    """Erase a user: what is stored of them, their runs and their messages (E-158).

    A run in flight ends as cancelled first: its row version moves on, so that
    a pass that is under way elsewhere can no longer be written back.
    """
    key = (environment, USERS, id)
    where = "environment = ? AND collection = ? AND recipient = ?"
    tx.run(
        "UPDATE runs SET status = 'cancelled', phase = 'done', row_version = row_version + 1,"
        f" updated_at = ? WHERE {where} AND phase <> 'done'",
        (to_micros(now), *key),
    )
    runs = _ids(tx, f"SELECT id FROM runs WHERE {where}", key)
    windows = _ids(tx, f"SELECT id FROM windows WHERE {where}", key)
    messages = _ids(tx, f"SELECT id FROM messages WHERE {where}", key)
    _delete_by(tx, "timers", "subject", [*runs, *windows])
    _delete_by(tx, "calls", "run_id", runs)
    _delete_by(tx, "window_items", "window_id", windows)
    _delete_by(tx, "outbox", "message_id", messages)
    for name, column, ids in (
        ("run_events", "run_id", runs),
        ("message_events", "message_id", messages),
        ("delivery_logs", "message_id", messages),
    ):
        for day in days_of(tx, name):
            _delete_by(tx, f"{name}_{day}", column, ids)
    for table in ("windows", "throttles", "frequency_slots", "messages", "runs"):
        tx.run(f"DELETE FROM {table} WHERE {where}", key)
    delete(tx, environment, RecipientRef(USERS, id))


def _ids(tx: Tx, statement: str, params: Sequence[Any]) -> list[str]:
    return [row[0] for row in tx.rows(statement, params)]


def _delete_by(tx: Tx, table: str, column: str, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        tx.run(f"DELETE FROM {table} WHERE {column} IN ({marks(len(part))})", part)


def _recipient(environment: str, row: Sequence[Any]) -> Recipient:
    return Recipient(
        environment=environment,
        ref=RecipientRef(row[0], row[1]),
        properties=loads(row[2]),
        inserted_at=from_micros(row[3]),
        updated_at=from_micros(row[4]),
    )
