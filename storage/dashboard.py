"""Read what the pages show: counts of now, lists a page at a time; fast at a million rows.

Every query runs on an index. A filter that no index knows is applied while
walking an index newest first, at most `SCAN` rows per page; the page then
says how far it looked and offers to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from storage.ids import encode_ksuid
from storage.records import Instant, JsonObject, RecipientRef
from storage.sql import Sql, from_micros, loads, marks, maybe_instant, to_micros

T = TypeVar("T")
Cursor = tuple[str | int, ...]

SCAN: Final = 5_000
_CHUNK: Final = 250
_MOST: Final = 100_000
# Word for word the condition of the partial index, or SQLite does not use it.
_EXCEPTIONS: Final = "('delivery_attempted', 'undelivered', 'bounced', 'not_sent')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows, and the key to go on from; `looked_at` rows were walked to find them."""

    rows: tuple[T, ...]
    next: Cursor | None = None
    looked_at: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """How an environment is doing at this moment, and today so far.

    `messages` counts today's messages by state: `sent` holds those accepted or
    delivered, `queued` those waiting in the outbox (of any day).
    """

    triggers: int
    in_progress: int
    paused: int
    messages: Mapping[str, int]
    next_wake: Instant | None
    outbox: int
    oldest_due: Instant | None

    @property
    def total(self) -> int:
        """Count today's messages."""
        return sum(self.messages.values())

    @property
    def failing(self) -> int:
        """Count messages of today that are being tried again or were given up."""
        return sum(
            self.messages.get(s, 0) for s in ("delivery_attempted", "undelivered", "bounced")
        )


def first_id(instant: datetime) -> str:
    """Return the smallest message id of an instant."""
    return encode_ksuid(instant, bytes(13))


def count_messages(sql: Sql, environment: str, start: str, end: str | None = None) -> int:
    """Count messages from id `start` on, up to but without `end`."""
    bound, params = ("", [environment, start])
    if end is not None:
        bound, params = " AND id < ?", [environment, start, end]
    return int(
        sql.value(
            "SELECT count(*) FROM messages INDEXED BY messages_list"
            f" WHERE environment = ? AND id >= ?{bound}",
            params,
        )
    )


def count_triggers(sql: Sql, environment: str, since: datetime) -> int:
    """Count triggers accepted since an instant."""
    keys = [
        row[0]
        for row in sql.rows("SELECT key FROM workflows WHERE environment = ?", (environment,))
    ]
    return sum(
        int(
            sql.value(
                "SELECT count(*) FROM triggers INDEXED BY triggers_workflow"
                " WHERE environment = ? AND workflow = ? AND inserted_at >= ?",
                (environment, key, to_micros(since)),
            )
        )
        for key in keys
    )


def pulse(
    sql: Sql, environment: str, today: datetime, now: datetime, total: int | None = None
) -> Pulse:
    """Return the counts of now and of the day that began at `today`.

    `total` is today's number of messages, if the caller keeps it.
    """
    start = first_id(today)
    every = count_messages(sql, environment, start) if total is None else total
    exceptions = sql.rows(
        "SELECT status, count(*) FROM messages INDEXED BY messages_exceptions"
        f" WHERE environment = ? AND status IN {_EXCEPTIONS} AND id >= ? GROUP BY status",
        (environment, start),
    )
    by_status: dict[str, int] = {str(row[0]): int(row[1]) for row in exceptions}
    queued, oldest = _outbox(sql, environment)
    waiting = int(
        sql.value(
            "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE environment = ? AND message_id >= ?"
            " AND attempt = 1 LIMIT ?)",
            (environment, start, _MOST),
        )
    )
    by_status["queued"] = waiting
    by_status["sent"] = max(every - sum(by_status.values()), 0)
    return Pulse(
        triggers=count_triggers(sql, environment, today),
        in_progress=_active(sql, environment),
        paused=_paused(sql, environment),
        messages={status: number for status, number in by_status.items() if number},
        next_wake=_next_wake(sql, environment),
        outbox=queued,
        oldest_due=oldest if oldest is not None and oldest <= now else None,
    )


def _outbox(sql: Sql, environment: str) -> tuple[int, Instant | None]:
    row = sql.row(
        "SELECT count(*), min(due_at) FROM"
        " (SELECT due_at FROM outbox WHERE environment = ? LIMIT ?)",
        (environment, _MOST),
    )
    return (0, None) if row is None else (int(row[0]), maybe_instant(row[1]))


def _active(sql: Sql, environment: str) -> int:
    ready = sql.value(
        "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_ready"
        " WHERE phase = 'ready' AND environment = ? LIMIT ?)",
        (environment, _MOST),
    )
    leased = sql.value(
        "SELECT count(*) FROM runs INDEXED BY runs_leased"
        " WHERE phase = 'leased' AND environment = ?",
        (environment,),
    )
    return int(ready) + int(leased)


def _paused(sql: Sql, environment: str) -> int:
    return int(
        sql.value(
            "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_paused"
            " WHERE status = 'paused' AND environment = ? LIMIT ?)",
            (environment, _MOST),
        )
    )


def _next_wake(sql: Sql, environment: str) -> Instant | None:
    row = sql.row(
        "SELECT due_at FROM (SELECT due_at, environment FROM timers ORDER BY due_at LIMIT 500)"
        " WHERE environment = ? LIMIT 1",
        (environment,),
    )
    return None if row is None else from_micros(row[0])


# ------------------------------------------------------------------ walking


def walk(
    fetch: Iterator[list[tuple[Any, ...]]], keep: Mapping[int, str], key: slice, limit: int
) -> tuple[list[tuple[Any, ...]], Cursor | None, int]:
    """Collect rows whose columns equal `keep`, at most `SCAN` of them looked at.

    Returns the rows, the key to go on from (None at the end), and how many
    rows were looked at.
    """
    found: list[tuple[Any, ...]] = []
    last: Cursor | None = None
    looked_at = 0
    for chunk in fetch:
        for row in chunk:
            if len(found) == limit:
                return found, last, looked_at
            looked_at, last = looked_at + 1, tuple(row[key])
            if all(row[index] == value for index, value in keep.items()):
                found.append(row)
        if looked_at >= SCAN:
            return found, last, looked_at
    return found, None, looked_at


def chunks(
    sql: Sql,
    statement: str,
    params: list[Any],
    columns: str,
    after: Cursor | None,
    key: slice,
    size: int = _CHUNK,
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield an index newest first, chunk by chunk; `{after}` in the statement is the bound."""
    order = columns.replace(",", " DESC,") + " DESC"
    while True:
        bound = f" AND ({columns}) < ({marks(len(after))})" if after else ""
        rows = sql.rows(
            statement.replace("{after}", bound) + f" ORDER BY {order} LIMIT {size}",
            [*params, *(after or ())],
        )
        yield rows
        if len(rows) < size:
            return
        after = tuple(rows[-1][key])


# ------------------------------------------------------------------ names


def recipient_names(
    sql: Sql, environment: str, refs: Iterable[RecipientRef]
) -> dict[RecipientRef, str]:
    """Return the `name` property of those recipients that have one."""
    wanted = sorted(set(refs))
    names: dict[RecipientRef, str] = {}
    for start in range(0, len(wanted), 200):
        part = wanted[start : start + 200]
        rows = sql.rows(
            "SELECT collection, id, json_extract(properties, '$.name') FROM recipients"
            f" WHERE environment = ? AND (collection, id) IN (VALUES {_pairs(len(part))})",
            [environment, *(value for ref in part for value in ref)],
        )
        names |= {RecipientRef(row[0], row[1]): str(row[2]) for row in rows if row[2]}
    return names


def _pairs(count: int) -> str:
    return ",".join(["(?,?)"] * count)


def some_user(sql: Sql, environment: str) -> str | None:
    """Return the id of any user, to make an example that works."""
    found = sql.value(
        "SELECT id FROM recipients WHERE environment = ? AND collection = '$users' LIMIT 1",
        (environment,),
    )
    return None if found is None else str(found)


def recipient_properties(sql: Sql, environment: str, ref: RecipientRef) -> JsonObject | None:
    """Return what is stored about one recipient."""
    row = sql.row(
        "SELECT properties FROM recipients WHERE environment = ? AND collection = ? AND id = ?",
        (environment, *ref),
    )
    return None if row is None else dict(loads(row[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowHead:
    """A workflow without its definition; `content_hash` names what `definition_of` gives."""

    key: str
    status: str
    version: int | None
    has_changes: bool
    content_hash: str
    last_triggered: Instant | None


def workflow_heads(sql: Sql, environment: str) -> list[WorkflowHead]:
    """Return an environment's workflows that are not archived, the last used first."""
    rows = sql.rows(
        "SELECT w.key, w.status, w.version, w.draft_hash IS NOT NULL AND"
        " w.draft_hash IS NOT v.content_hash, coalesce(v.content_hash, w.draft_hash, ''),"
        " (SELECT max(t.inserted_at) FROM triggers t INDEXED BY triggers_workflow"
        "  WHERE t.environment = w.environment AND t.workflow = w.key)"
        " FROM workflows w LEFT JOIN workflow_versions v ON v.environment = w.environment"
        " AND v.key = w.key AND v.number = w.version"
        " WHERE w.environment = ? AND w.status <> 'archived' ORDER BY 6 DESC, w.key",
        (environment,),
    )
    return [
        WorkflowHead(
            key=r[0], status=r[1], version=r[2], has_changes=bool(r[3]), content_hash=r[4],
            last_triggered=maybe_instant(r[5]),
        )
        for r in rows
    ]  # fmt: skip


def definition_of(sql: Sql, environment: str, key: str) -> JsonObject:
    """Return a workflow's current version, or its draft before the first commit."""
    text = sql.value(
        "SELECT coalesce(v.definition, w.draft, '{}') FROM workflows w"
        " LEFT JOIN workflow_versions v"
        " ON v.environment = w.environment AND v.key = w.key AND v.number = w.version"
        " WHERE w.environment = ? AND w.key = ?",
        (environment, key),
    )
    return dict(loads(text)) if text else {}
