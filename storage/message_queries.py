"""Read messages as the API lists them, and what it shows of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from storage.keyset import Keyset, Slice, fetch_slice
from storage.logs import days_of
from storage.message_filter import MessageFilter
from storage.messages import COLUMNS, message_from_row
from storage.records import Instant, JsonObject, Message
from storage.sql import Sql, from_micros, loads, marks
from storage.tx import Tx

_AT_ONCE: Final = 500
_BY_ID: Final = ("id",)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """A message with what its recipient was known by when it was made."""

    message: Message
    snapshot: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageText:
    """What was rendered for a message, and for which kind of channel."""

    message_id: str
    channel_type: str
    content: JsonObject
    inserted_at: Instant


def message_page(
    sql: Sql, environment: str, wanted: MessageFilter, keyset: Keyset
) -> Slice[MessageView]:
    """Page through messages, newest first."""
    source, params = wanted.source(environment)
    found = fetch_slice(
        sql,
        f"SELECT {COLUMNS}, snapshot FROM {source}",
        params,
        keyset,
        columns=_BY_ID,
        descending=True,
    )
    return found.map(_view)


def message_views(sql: Sql, environment: str, ids: Sequence[str]) -> list[MessageView]:
    """Return the messages that exist, in the order asked for, each once."""
    found: dict[str, MessageView] = {}
    for part in _parts(ids):
        for row in sql.rows(
            f"SELECT {COLUMNS}, snapshot FROM messages"
            f" WHERE id IN ({marks(len(part))}) AND environment = ?",
            [*part, environment],
        ):
            found[row[0]] = _view(row)
    return [found[id] for id in dict.fromkeys(ids) if id in found]


def message_texts(sql: Sql, environment: str, ids: Sequence[str]) -> list[MessageText]:
    """Return what was rendered for these messages, in the order asked for, each once."""
    found: dict[str, MessageText] = {}
    for part in _parts(ids):
        for row in sql.rows(
            "SELECT id, channel_type, content, inserted_at FROM messages"
            f" WHERE id IN ({marks(len(part))}) AND environment = ?",
            [*part, environment],
        ):
            found[row[0]] = MessageText(
                message_id=row[0],
                channel_type=row[1],
                content=loads(row[2]),
                inserted_at=from_micros(row[3]),
            )
    return [found[id] for id in dict.fromkeys(ids) if id in found]


def count_messages(sql: Sql, environment: str, wanted: MessageFilter) -> int:
    """Count the messages that are meant."""
    source, params = wanted.source(environment)
    return int(sql.value(f"SELECT count(*) FROM {source}", params))


def matching_ids(
    sql: Sql, environment: str, wanted: MessageFilter, after: str, limit: int
) -> list[str]:
    """Return the next ids that are meant, oldest first, beyond the id `after`."""
    source, params = wanted.source(environment)
    statement = f"SELECT id FROM {source} AND id > ? ORDER BY id LIMIT ?"
    return [row[0] for row in sql.rows(statement, [*params, after, limit])]


def delete_messages(tx: Tx, environment: str, ids: Sequence[str]) -> int:
    """Erase messages with their logs; what is on its way out is not sent any more."""
    gone = 0
    for part in _parts(ids):
        own = [
            row[0]
            for row in tx.rows(
                f"SELECT id FROM messages WHERE id IN ({marks(len(part))}) AND environment = ?",
                [*part, environment],
            )
        ]
        among = f"IN ({marks(len(own))})"
        tx.run(f"DELETE FROM outbox WHERE message_id {among}", own)
        for name in ("message_events", "delivery_logs"):
            for day in days_of(tx, name):
                tx.run(f"DELETE FROM {name}_{day} WHERE message_id {among}", own)
        gone += tx.run(f"DELETE FROM messages WHERE id {among}", own)
    return gone


def _parts(ids: Sequence[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + _AT_ONCE] for start in range(0, len(unique), _AT_ONCE)]


def _view(row: Sequence[Any]) -> MessageView:
    return MessageView(message=message_from_row(row), snapshot=loads(row[-1]))
