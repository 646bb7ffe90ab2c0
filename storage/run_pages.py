"""Page through runs for people: newest first, filtered, with what a row shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from storage.dashboard import Cursor, Page, chunks, recipient_names, walk
from storage.parked import is_parked
from storage.records import Instant, JsonObject, RecipientRef, Run, Trigger
from storage.runs import get_run
from storage.sql import Sql, from_micros, loads, maybe_instant
from storage.triggers import get_triggers

# What a list can be narrowed to; `active` joins queued and processing, `failed` any with errors.
STATES: Final = ("active", "paused", "completed", "cancelled", "failed", "parked")
_COLUMNS: Final = (
    "r.id, r.workflow, r.collection, r.recipient, r.tenant, r.status, r.error_count, r.wake_at,"
    " r.inserted_at, r.updated_at, r.phase, r.strikes < 0"
)
_STATUS: Final = 5
_RECENT: Final = "r.inserted_at, r.id"
_FEW_ACTIVE: Final = 2_000
_PARTIAL: Final = {
    "paused": ("runs_paused", "r.status = 'paused'"),
    "cancelled": ("runs_cancelled", "r.status = 'cancelled'"),
    "failed": ("runs_failed", "r.error_count > 0"),
    "parked": ("runs_parked", "r.strikes < 0"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs to list; None means any."""

    state: str | None = None
    workflow: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as lists show it."""

    id: str
    workflow: str
    recipient: RecipientRef
    recipient_name: str | None
    tenant: str | None
    status: str
    phase: str
    errors: int
    wake_at: Instant | None
    inserted_at: Instant
    updated_at: Instant
    is_parked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """A run with its trigger, what is stored about its recipient, and its messages."""

    run: Run
    trigger: Trigger | None
    properties: JsonObject | None
    messages: tuple[tuple[str, str, str, str, str], ...]
    """(id, step ref, channel type, status, address)"""
    is_parked: bool = False


def latest_runs(
    sql: Sql, environment: str, wanted: RunFilter, after: Cursor | None = None, limit: int = 30
) -> Page[RunRow]:
    """Return a page of runs, newest first."""
    fetch, key = _fetch(sql, environment, wanted, after)
    rows, following, looked_at = walk(fetch, _is_wanted(wanted), key, limit)
    refs = [RecipientRef(row[2], row[3]) for row in rows]
    names = recipient_names(sql, environment, refs)
    found = tuple(_row(row, names.get(ref)) for row, ref in zip(rows, refs, strict=True))
    return Page(rows=found, next=following, looked_at=looked_at)


def _is_wanted(wanted: RunFilter) -> dict[int, str]:
    keep: dict[int, str] = {}
    if wanted.workflow is not None:
        keep[1] = wanted.workflow
    if wanted.recipient is not None:
        keep[3] = wanted.recipient
    if wanted.state in ("paused", "completed", "cancelled"):
        keep[_STATUS] = wanted.state
    return keep


def _fetch(
    sql: Sql, environment: str, wanted: RunFilter, after: Cursor | None
) -> tuple[Iterator[list[tuple[Any, ...]]], slice]:
    """Choose the index that leads to the wanted runs fastest, and the key it sorts by."""
    at, params = f"SELECT {_COLUMNS}, {_RECENT} FROM runs r", [environment]
    if wanted.state == "active":
        return _active(sql, environment, wanted, after), slice(12, 14)
    if wanted.recipient is not None:
        at += " INDEXED BY runs_recipient WHERE r.environment = ? AND r.collection = '$users'"
        at += " AND r.recipient = ?{after}"
        if wanted.state in ("failed", "parked"):
            at = at.replace("{after}", f" AND {_PARTIAL[wanted.state][1]}{{after}}")
        return chunks(
            sql, at, [environment, wanted.recipient], _RECENT, after, slice(12, 14)
        ), slice(12, 14)
    if wanted.state in _PARTIAL:
        index, condition = _PARTIAL[wanted.state]
        at += f" INDEXED BY {index} WHERE {condition} AND r.environment = ?{{after}}"
    elif wanted.workflow is not None:
        return _of_workflow(sql, environment, wanted.workflow, after), slice(12, 15)
    else:
        at += " INDEXED BY runs_recent WHERE r.environment = ?{after}"
    return chunks(sql, at, list(params), _RECENT, after, slice(12, 14)), slice(12, 14)


def _of_workflow(
    sql: Sql, environment: str, workflow: str, after: Cursor | None
) -> Iterator[list[tuple[Any, ...]]]:
    columns = "t.inserted_at, t.id, r.id"
    statement = (
        f"SELECT {_COLUMNS}, {columns} FROM triggers t INDEXED BY triggers_workflow"
        " CROSS JOIN runs r ON r.trigger_id = t.id"
        " WHERE t.environment = ? AND t.workflow = ?{after}"
    )
    return chunks(sql, statement, [environment, workflow], columns, after, slice(12, 15))


def _active(
    sql: Sql, environment: str, wanted: RunFilter, after: Cursor | None
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield what is ready or leased; those few have small indexes of their own.

    A long backlog is dense among the newest runs, so that walking them finds it.
    """
    ids = [
        row[0]
        for row in sql.rows(
            "SELECT * FROM (SELECT id FROM runs INDEXED BY runs_ready"
            " WHERE phase = 'ready' AND environment = ?1 LIMIT ?2) UNION ALL"
            " SELECT * FROM (SELECT id FROM runs INDEXED BY runs_leased"
            " WHERE phase = 'leased' AND environment = ?1 LIMIT ?2)",
            (environment, _FEW_ACTIVE),
        )
    ]
    statement = f"SELECT {_COLUMNS}, {_RECENT} FROM runs r"
    if len(ids) >= _FEW_ACTIVE:
        statement += " INDEXED BY runs_recent WHERE r.environment = ?"
        statement += " AND r.phase IN ('ready', 'leased'){after}"
        yield from chunks(sql, statement, [environment], _RECENT, after, slice(12, 14))
        return
    marks = ",".join("?" * len(ids))
    rows = sql.rows(f"{statement} WHERE r.id IN ({marks})", ids)
    rows.sort(key=lambda row: (row[12], row[13]), reverse=True)
    yield [row for row in rows if after is None or (row[12], row[13]) < tuple(after)]


def _row(row: tuple[Any, ...], name: str | None) -> RunRow:
    return RunRow(
        id=row[0],
        workflow=row[1],
        recipient=RecipientRef(row[2], row[3]),
        recipient_name=name,
        tenant=row[4],
        status=row[5],
        errors=row[6],
        wake_at=maybe_instant(row[7]),
        inserted_at=from_micros(row[8]),
        updated_at=from_micros(row[9]),
        phase=row[10],
        is_parked=bool(row[11]),
    )


def run_detail(sql: Sql, environment: str, run_id: str) -> RunDetail | None:
    """Return one run with everything its page shows, except the timeline."""
    run = get_run(sql, environment, run_id)
    if run is None:
        return None
    trigger = get_triggers(sql, [run.trigger_id]).get(run.trigger_id)
    text = sql.value(
        "SELECT properties FROM recipients WHERE environment = ? AND collection = ? AND id = ?",
        (environment, *run.recipient),
    )
    messages = sql.rows(
        "SELECT id, step_ref, channel_type, status, address FROM messages"
        " WHERE run_id = ? AND environment = ? ORDER BY id LIMIT 500",
        (run.id, environment),
    )
    return RunDetail(
        run=run,
        trigger=trigger,
        properties=None if text is None else dict(loads(text)),
        messages=tuple((m[0], m[1], m[2], m[3], m[4]) for m in messages),
        is_parked=is_parked(sql, environment, run_id),
    )
