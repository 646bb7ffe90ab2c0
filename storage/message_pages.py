"""Page through messages for people: what the catch-all inbox holds, and everything sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, Final

from storage.dashboard import SCAN, Cursor, Page, chunks, recipient_names
from storage.messages import COLUMNS, message_from_row
from storage.records import Instant, JsonObject, Message, RecipientRef
from storage.sql import Sql, from_micros, loads, maybe_instant

CHANNEL_TYPES: Final = ("email", "in_app_feed", "sms", "push", "chat", "http")
# Word for word the condition of the partial index `messages_caught`.
_CAUGHT: Final = "provider IN ('catch_all', 'in_app_feed')"
_CHUNK: Final = 40  # rows carry their whole content
_COLUMNS: Final = (
    "id, channel_type, collection, recipient, workflow, status, address, content, inserted_at,"
    " read_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages to list; `is_caught` leaves out what went to a real provider."""

    is_caught: bool = True
    channel_type: str | None = None
    status: str | None = None
    search: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message as lists show it."""

    id: str
    channel_type: str
    recipient: RecipientRef
    recipient_name: str | None
    workflow: str
    status: str
    address: str
    title: str
    preview: str
    inserted_at: Instant
    read_at: Instant | None


def latest_messages(
    sql: Sql, environment: str, wanted: MessageFilter, after: Cursor | None = None, limit: int = 30
) -> Page[MessageRow]:
    """Return a page of messages, newest first; a search looks at `SCAN` of them at most."""
    found: list[tuple[Any, ...]] = []
    last: Cursor | None = None
    looked_at = 0
    needle = wanted.search.casefold().strip()
    for row in _newest(sql, environment, wanted, after):
        if len(found) == limit or looked_at >= SCAN:
            return Page(rows=_rows(sql, environment, found), next=last, looked_at=looked_at)
        looked_at, last = looked_at + 1, (row[0],)
        if _matches(row, wanted, needle):
            found.append(row)
    return Page(rows=_rows(sql, environment, found), looked_at=looked_at)


def _newest(
    sql: Sql, environment: str, wanted: MessageFilter, after: Cursor | None
) -> Iterator[tuple[Any, ...]]:
    """Merge what the index keeps per channel type into one stream, newest first."""
    if not wanted.is_caught:
        statement = f"SELECT {_COLUMNS} FROM messages INDEXED BY messages_list"
        statement += " WHERE environment = ?{after}"
        for chunk in chunks(sql, statement, [environment], "id", after, slice(0, 1), _CHUNK):
            yield from chunk
        return
    types = (wanted.channel_type,) if wanted.channel_type else CHANNEL_TYPES
    statement = f"SELECT {_COLUMNS} FROM messages INDEXED BY messages_caught WHERE {_CAUGHT}"
    statement += " AND environment = ? AND channel_type = ?{after}"
    streams = [
        (
            row
            for chunk in chunks(
                sql, statement, [environment, type_], "id", after, slice(0, 1), _CHUNK
            )
            for row in chunk
        )
        for type_ in types
    ]
    yield from islice(merge(*streams, key=lambda row: str(row[0]), reverse=True), SCAN + 1)


def _matches(row: tuple[Any, ...], wanted: MessageFilter, needle: str) -> bool:
    if wanted.channel_type is not None and row[1] != wanted.channel_type:
        return False
    if wanted.status is not None and row[5] != wanted.status:
        return False
    return not needle or needle in f"{row[3]}\n{row[4]}\n{row[6]}\n{row[7]}".casefold()


def _rows(sql: Sql, environment: str, rows: list[tuple[Any, ...]]) -> tuple[MessageRow, ...]:
    names = recipient_names(sql, environment, [RecipientRef(row[2], row[3]) for row in rows])
    return tuple(_row(row, names) for row in rows)


def _row(row: tuple[Any, ...], names: dict[RecipientRef, str]) -> MessageRow:
    ref = RecipientRef(row[2], row[3])
    title, preview = headline(row[1], loads(row[7]))
    return MessageRow(
        id=row[0],
        channel_type=row[1],
        recipient=ref,
        recipient_name=names.get(ref),
        workflow=row[4],
        status=row[5],
        address=row[6],
        title=title,
        preview=preview,
        inserted_at=from_micros(row[8]),
        read_at=maybe_instant(row[9]),
    )


def headline(channel_type: str, content: JsonObject) -> tuple[str, str]:
    """Give the line a message is known by, and the start of what it says."""
    match channel_type:
        case "email":
            return _text(content.get("subject")), _text(content.get("text_body"))[:200]
        case "push":
            title = _text(content.get("title"))
            return title or "Silent push", _text(content.get("body"))[:200]
        case "in_app_feed":
            return _block(content.get("blocks")), ""
        case "chat":
            template = content.get("template") or {}
            return _text(template.get("summary")) or _block(template.get("blocks")), ""
        case "http":
            return f"{_text(content.get('method')).upper()} {_text(content.get('url'))}", ""
        case _:
            return _text(content.get("body"))[:200], ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _block(blocks: Any) -> str:
    if isinstance(blocks, list):
        for block in blocks:
            if isinstance(block, dict) and block.get("name") == "body":
                return _text(block.get("rendered")) or _text(block.get("content"))
    return ""


def message_with_content(
    sql: Sql, environment: str, message_id: str
) -> tuple[Message, JsonObject] | None:
    """Return one message with what was rendered for it."""
    row = sql.row(
        f"SELECT {COLUMNS}, content FROM messages WHERE id = ? AND environment = ?",
        (message_id, environment),
    )
    return None if row is None else (message_from_row(row), dict(loads(row[-1])))
