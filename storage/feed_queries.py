"""Read a user's in-app feed: items with their blocks, and the counts of its badge."""

from __future__ import annotations

from dataclasses import dataclass

from storage.keyset import Keyset, Slice, fetch_slice
from storage.message_filter import MessageFilter
from storage.messages import COLUMNS, message_from_row
from storage.records import JsonObject, Message
from storage.sql import Sql, loads


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A message in a feed, with its rendered content."""

    message: Message
    content: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCounts:
    """How many items a feed has, and how many of them are new to the reader."""

    total: int = 0
    unread: int = 0
    unseen: int = 0


def feed_page(sql: Sql, environment: str, wanted: MessageFilter, keyset: Keyset) -> Slice[FeedRow]:
    """Page through a feed, newest first."""
    source, params = wanted.source(environment)
    found = fetch_slice(
        sql,
        f"SELECT {COLUMNS}, content FROM {source}",
        params,
        keyset,
        columns=("id",),
        descending=True,
    )
    return found.map(lambda row: FeedRow(message=message_from_row(row), content=loads(row[-1])))


def feed_counts(sql: Sql, environment: str, wanted: MessageFilter) -> FeedCounts:
    """Count what a feed holds, whatever page of it is shown."""
    source, params = wanted.source(environment)
    row = sql.row(
        "SELECT count(*), count(*) FILTER (WHERE read_at IS NULL),"
        f" count(*) FILTER (WHERE seen_at IS NULL) FROM {source}",
        params,
    )
    return FeedCounts() if row is None else FeedCounts(total=row[0], unread=row[1], unseen=row[2])
