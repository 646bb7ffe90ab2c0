"""Read recipient runs as the API lists them, with what their trigger says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from storage.ids import ordered_ksuid
from storage.keyset import Key, Keyset, Slice, fetch_slice
from storage.logs import days_of
from storage.records import Instant, JsonObject, RecipientRef
from storage.sql import Sql, from_micros, loads, marks, to_micros

_SELECT: Final = (
    "SELECT r.id, r.trigger_id, r.workflow, r.status, r.collection, r.recipient, r.tenant,"
    " r.error_count, r.inserted_at, r.updated_at, t.source_type, t.cancellation_key,"
    " t.actor_collection, t.actor_id, t.inserted_at"
)
_JOIN: Final = " LEFT JOIN triggers t ON t.id = r.trigger_id"
_BY_RUN: Final = ("r.inserted_at", "r.id")
_BY_TRIGGER: Final = ("t.inserted_at", "t.id", "r.id")
# A trigger is expanded page by page; the last of its runs may be this much younger.
_EXPANDED_WITHIN: Final = timedelta(days=1) // timedelta(microseconds=1)
# Literal conditions, word for word those of the partial indexes.
_RARE: Final = {
    "paused": ("runs_paused", "r.status = 'paused'"),
    "cancelled": ("runs_cancelled", "r.status = 'cancelled'"),
}
# One entry of a pass after the other under one row of the log.
_ENTRIES: Final = 2**16
Terms = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs are meant; what is None or empty restricts nothing."""

    workflow: str | None = None
    statuses: tuple[str, ...] = ()
    tenant: str | None = None
    has_errors: bool | None = None
    recipient: RecipientRef | None = None
    starting_at: datetime | None = None
    ending_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as the API shows it; `key` is its place in the list it was read from."""

    id: str
    trigger_id: str
    workflow: str
    status: str
    recipient: RecipientRef
    tenant: str | None
    error_count: int
    inserted_at: Instant
    updated_at: Instant
    source_type: str
    cancellation_key: str | None
    actor: RecipientRef | None
    key: Key


def run_page(sql: Sql, environment: str, wanted: RunQuery, keyset: Keyset) -> Slice[RunView]:
    """Page through runs, newest first."""
    if _is_led_by_workflow(wanted):
        return _page_of_workflow(sql, environment, wanted, keyset)
    index, where, params = _lead(environment, wanted)
    for text, values in _terms(wanted):
        where += f" AND {text}"
        params += values
    statement = f"{_SELECT} FROM runs r INDEXED BY {index}{_JOIN} WHERE {where}"
    found = fetch_slice(sql, statement, params, keyset, columns=_BY_RUN, descending=True)
    return found.map(lambda row: _view(row, (row[8], row[0])))


def _is_led_by_workflow(wanted: RunQuery) -> bool:
    is_rare = wanted.has_errors or (len(wanted.statuses) == 1 and wanted.statuses[0] in _RARE)
    return wanted.workflow is not None and wanted.recipient is None and not is_rare


def _lead(environment: str, wanted: RunQuery) -> tuple[str, str, list[Any]]:
    """Choose the index; SQLite has no statistics here and would guess."""
    if wanted.recipient is not None:
        where = "r.environment = ? AND r.collection = ? AND r.recipient = ?"
        return "runs_recipient", where, [environment, *wanted.recipient]
    if wanted.has_errors:
        return "runs_failed", "r.environment = ? AND r.error_count > 0", [environment]
    if len(wanted.statuses) == 1 and wanted.statuses[0] in _RARE:
        index, condition = _RARE[wanted.statuses[0]]
        return index, f"r.environment = ? AND {condition}", [environment]
    return "runs_recent", "r.environment = ?", [environment]


def _page_of_workflow(
    sql: Sql, environment: str, wanted: RunQuery, keyset: Keyset
) -> Slice[RunView]:
    """Walk a workflow's triggers and from each to its runs: that index is there already."""
    statement = (
        f"{_SELECT} FROM triggers t INDEXED BY triggers_workflow"
        " CROSS JOIN runs r INDEXED BY runs_trigger ON r.trigger_id = t.id"
        " WHERE t.environment = ? AND t.workflow = ? AND r.environment = ?"
    )
    params: list[Any] = [environment, wanted.workflow, environment]
    for text, values in (*_terms(wanted), *_trigger_bounds(wanted, keyset)):
        statement += f" AND {text}"
        params += values
    found = fetch_slice(sql, statement, params, keyset, columns=_BY_TRIGGER, descending=True)
    return found.map(lambda row: _view(row, (row[14], row[1], row[0])))


def _trigger_bounds(wanted: RunQuery, keyset: Keyset) -> Iterable[Terms]:
    """Bound the triggers too: a row comparison across two tables leads no index."""
    for sign, key in (("<=", keyset.after), (">=", None if keyset.after else keyset.before)):
        if key is not None and len(key) == len(_BY_TRIGGER):
            yield f"t.inserted_at {sign} ?", [key[0]]
    if wanted.starting_at is not None:
        yield "t.inserted_at >= ?", [to_micros(wanted.starting_at) - _EXPANDED_WITHIN]
    if wanted.ending_at is not None:
        yield "t.inserted_at <= ?", [to_micros(wanted.ending_at)]


def _terms(wanted: RunQuery) -> Iterable[Terms]:
    if wanted.workflow is not None:
        yield "r.workflow = ?", [wanted.workflow]
    if wanted.statuses:
        yield f"r.status IN ({marks(len(wanted.statuses))})", [*wanted.statuses]
    if wanted.tenant is not None:
        yield "r.tenant = ?", [wanted.tenant]
    if wanted.has_errors is not None:
        yield ("r.error_count > 0" if wanted.has_errors else "r.error_count = 0"), []
    if wanted.starting_at is not None:
        yield "r.inserted_at >= ?", [to_micros(wanted.starting_at)]
    if wanted.ending_at is not None:
        yield "r.inserted_at <= ?", [to_micros(wanted.ending_at)]


def run_view(sql: Sql, environment: str, run_id: str) -> RunView | None:
    """Return one run; None if this environment has none of that id."""
    row = sql.row(
        f"{_SELECT} FROM runs r{_JOIN} WHERE r.id = ? AND r.environment = ?", (run_id, environment)
    )
    return None if row is None else _view(row, (row[8], row[0]))


def run_events(sql: Sql, environment: str, run_id: str) -> list[tuple[str, JsonObject]]:
    """Return (id, entry) of a run's timeline, in the order it happened.

    The ids are derived from the rows and sort like the entries of one instant.
    """
    found: list[tuple[str, JsonObject]] = []
    for day in days_of(sql, "run_events"):
        at = datetime.strptime(f"{day}+0000", "%Y%m%d%z")
        for number, text in sql.rows(
            f"SELECT id, entries FROM run_events_{day}"
            " WHERE run_id = ? AND environment = ? ORDER BY id",
            (run_id, environment),
        ):
            for position, entry in enumerate(loads(text)):
                sequence = number * _ENTRIES + min(position, _ENTRIES - 1)
                instant = _instant_of(entry, at)
                found.append((ordered_ksuid(instant, sequence, run_id), entry))
    return found


def _instant_of(entry: JsonObject, default: datetime) -> datetime:
    written = entry.get("inserted_at")
    return datetime.fromisoformat(written) if isinstance(written, str) else default


def _view(row: Sequence[Any], key: Key) -> RunView:
    return RunView(
        id=row[0],
        trigger_id=row[1],
        workflow=row[2],
        status=row[3],
        recipient=RecipientRef(row[4], row[5]),
        tenant=row[6],
        error_count=row[7],
        inserted_at=from_micros(row[8]),
        updated_at=from_micros(row[9]),
        source_type=row[10] or "api",
        cancellation_key=row[11],
        actor=None if row[13] is None else RecipientRef(row[12], row[13]),
        key=key,
    )
