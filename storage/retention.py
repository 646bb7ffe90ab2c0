"""Find what is past its time, delete it in slices, and give the space back (R-23).

Rows are inserted in the order of time, so a walk from the oldest needs no index
of its own. Finding reads only; each deletion looks again at what it was told.
Not deleted: items of feeds (engine E-158) and the slots of workflows that run
once per recipient (E-22), since both hold for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from storage.sql import Sql, marks, to_micros
from storage.tx import Tx

Key = tuple[Any, ...]
_INCREMENTAL: Final = 2
# What is left free is used by the next hour; moving it out and in again helps nobody.
_SPARE: Final = 10

_OPEN_ACTIVITY: Final = (
    "SELECT 1 FROM window_items i JOIN windows w ON w.id = i.window_id"
    " WHERE i.run_id = runs.id AND w.closed_at IS NULL"
)
_KEPT_WINDOW: Final = (
    "SELECT 1 FROM windows w WHERE w.id = window_items.window_id AND (w.closed_at IS NULL OR"
    " w.closed_at >= ?1 OR EXISTS (SELECT 1 FROM runs r WHERE r.id = w.holder_run_id))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One table's rows that end: their key, and when they are over (`?1` is the limit).

    `inserted` names the instant that grows with the key, where one does: the
    walk ends at the first row that is too young. `stays` tells rows that are
    never over, so that no later walk looks at them again. `grace` is how long
    a row outlives its end, in place of the days of retention.
    """

    table: str
    key: tuple[str, ...] = ("rowid",)
    inserted: str | None = None
    over: str
    stays: str = "0"
    grace: timedelta | None = None


# In this order: a run keeps its trigger and its batch, a batch its activities.
KINDS: Final = (
    Kind(
        table="messages",
        inserted="inserted_at",
        over="channel_type <> 'in_app_feed' AND inserted_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.message_id = messages.id)"
        # Without its message, a later condition of the run would take the step for skipped.
        " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = messages.run_id AND r.phase <> 'done')",
        stays="channel_type = 'in_app_feed'",
    ),
    Kind(
        table="runs",
        inserted="inserted_at",
        # A run that a batch absorbed has ended, its activity has not (E-67).
        over=f"phase = 'done' AND updated_at < ?1 AND NOT EXISTS ({_OPEN_ACTIVITY})",
    ),
    Kind(
        table="window_items",
        inserted="inserted_at",
        over=f"inserted_at < ?1 AND NOT EXISTS ({_KEPT_WINDOW})",
    ),
    Kind(
        table="windows",
        inserted="opened_at",
        over="closed_at < ?1 AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = holder_run_id)"
        " AND NOT EXISTS (SELECT 1 FROM window_items i WHERE i.window_id = windows.id)",
    ),
    Kind(
        table="triggers",
        inserted="inserted_at",
        over="inserted_at < ?1 AND pending IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.trigger_id = triggers.id)",
    ),
    Kind(
        table="throttles",
        key=("environment", "workflow", "step_ref", "collection", "recipient", "throttle_key"),
        over="ends_at < ?1",
        grace=timedelta(days=1),  # the clock may be set back
    ),
    Kind(table="bulk_operations", key=("id",), over="updated_at < ?1"),
    Kind(table="sessions", key=("hash",), over="expires_at < ?1", grace=timedelta(days=1)),
)


class Page(NamedTuple):
    """A stretch of a walk: what is over, and where it ended (None: there is no more).

    `settled` is the last row that stays for ever with none before it, in this
    stretch, that is still to be decided; `is_settled` says that none was met.
    """

    over: list[Key]
    last: Key | None
    settled: Key | None
    is_settled: bool


def find_over(
    sql: Sql, kind: Kind, limit: datetime, after: Key | None, rows: int, *, now: datetime
) -> Page:
    """Look at the next `rows` rows of a walk; it ends at the first that is too young.

    One from the future ends nothing: a clock that was wrong for a moment has written it.
    """
    at, latest, width = to_micros(limit), to_micros(now), len(kind.key)
    keys = ", ".join(kind.key)
    places = ", ".join(f"?{n + 3}" for n in range(width))
    where = "" if after is None else f" WHERE ({keys}) > ({places})"
    found = sql.rows(
        f"SELECT {keys}, {kind.inserted or 0}, {kind.over}, {kind.stays} FROM {kind.table}"
        f"{where} ORDER BY {keys} LIMIT ?2",
        (at, rows, *(after or ())),
    )
    over: list[Key] = []
    settled: Key | None = None
    is_settled = True
    for row in found:
        key, (inserted, is_over, stays) = row[:width], row[width:]
        if kind.inserted is not None and at <= inserted <= latest:
            return Page(over, None, settled, is_settled)
        if is_over:
            over.append(key)
        elif stays and is_settled:
            settled = key
        else:
            is_settled = False
    last = found[-1][:width] if len(found) == rows else None
    return Page(over, last, settled, is_settled)


def has_row(sql: Sql, kind: Kind, key: Key) -> bool:
    """Tell whether a row is still there; the numbers of deleted rows may be given again."""
    where = f"({', '.join(kind.key)}) = ({marks(len(key))})"
    return sql.row(f"SELECT 1 FROM {kind.table} WHERE {where}", key) is not None


def delete_over(tx: Tx, kind: Kind, limit: datetime, keys: Sequence[Key]) -> int:
    """Delete those of `keys` that are still over; return how many."""
    at = to_micros(limit)
    places = ", ".join(f"?{n + 2}" for n in range(len(kind.key)))
    where = f"({', '.join(kind.key)}) = ({places}) AND {kind.over}"
    count = 0
    for key in keys:
        count += tx.run(f"DELETE FROM {kind.table} WHERE {where}", (at, *key))
    return count


def old_log_days(sql: Sql, limit: datetime) -> list[datetime]:
    """Name the whole days before `limit` that have log tables, oldest first."""
    rows = sql.rows(
        "SELECT DISTINCT day FROM log_days WHERE day < ? ORDER BY day", (limit.strftime("%Y%m%d"),)
    )
    return [datetime.strptime(row[0], "%Y%m%d").replace(tzinfo=limit.tzinfo) for row in rows]


def surplus_pages(sql: Sql) -> int:
    """Count the free pages of the file beyond a tenth of it, which is kept for what comes."""
    if sql.value("PRAGMA auto_vacuum") != _INCREMENTAL:
        return 0
    free, total = sql.value("PRAGMA freelist_count"), sql.value("PRAGMA page_count")
    return max(0, int(free) - int(total) // _SPARE)


def give_back(tx: Tx, pages: int) -> int:
    """Move pages from the end of the file into free ones; return how many pages it has left.

    The next checkpoint cuts the file.
    """
    # Each step of the pragma frees one page: it must be read to its end.
    tx.rows(f"PRAGMA incremental_vacuum({int(pages)})")
    return int(tx.value("PRAGMA page_count"))
