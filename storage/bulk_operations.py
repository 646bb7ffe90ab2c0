"""Keep how far an operation on many rows has come, for whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from storage.records import Instant, JsonObject
from storage.sql import Sql, dumps, from_micros, loads, maybe_instant, to_micros
from storage.tx import Tx

_COLUMNS: Final = (
    "id, environment, name, status, estimated_total_rows, processed_rows, success_count,"
    " error_count, error_items, inserted_at, updated_at, started_at, completed_at, failed_at"
)


class BulkStatus(StrEnum):
    """How far an operation is."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOperation:
    """One operation on many rows; `error_items` name rows that were refused."""

    id: str
    environment: str
    name: str
    status: BulkStatus
    estimated_total_rows: int
    processed_rows: int
    success_count: int
    error_count: int
    error_items: tuple[JsonObject, ...]
    inserted_at: Instant
    updated_at: Instant
    started_at: Instant | None
    completed_at: Instant | None
    failed_at: Instant | None


def start(tx: Tx, environment: str, id: str, name: str, rows: int, now: datetime) -> None:
    """Note that an operation on an estimated number of rows begins."""
    at = to_micros(now)
    tx.run(
        f"INSERT INTO bulk_operations ({_COLUMNS}) VALUES (?,?,?,?,?,0,0,0,'[]',?,?,?,NULL,NULL)",
        (id, environment, name, BulkStatus.PROCESSING.value, rows, at, at, at),
    )


def advance(tx: Tx, id: str, succeeded: int, errors: Sequence[JsonObject], now: datetime) -> None:
    """Count a slice that is done; `errors` name the rows of it that were refused."""
    items = loads(tx.value("SELECT error_items FROM bulk_operations WHERE id = ?", (id,)) or "[]")
    tx.run(
        "UPDATE bulk_operations SET processed_rows = processed_rows + ?,"
        " success_count = success_count + ?, error_count = error_count + ?, error_items = ?,"
        " updated_at = ? WHERE id = ?",
        (
            succeeded + len(errors),
            succeeded,
            len(errors),
            dumps([*items, *errors]),
            to_micros(now),
            id,
        ),
    )


def finish(tx: Tx, id: str, status: BulkStatus, now: datetime) -> None:
    """Note that nothing more comes."""
    at = to_micros(now)
    completed = at if status is BulkStatus.COMPLETED else None
    failed = at if status is BulkStatus.FAILED else None
    tx.run(
        "UPDATE bulk_operations SET status = ?, updated_at = ?, completed_at = ?, failed_at = ?"
        " WHERE id = ?",
        (status.value, at, completed, failed, id),
    )


def get(sql: Sql, environment: str, id: str) -> BulkOperation | None:
    """Return one operation; None if this environment has none of that id."""
    row = sql.row(
        f"SELECT {_COLUMNS} FROM bulk_operations WHERE id = ? AND environment = ?",
        (id, environment),
    )
    if row is None:
        return None
    return BulkOperation(
        id=row[0],
        environment=row[1],
        name=row[2],
        status=BulkStatus(row[3]),
        estimated_total_rows=row[4],
        processed_rows=row[5],
        success_count=row[6],
        error_count=row[7],
        error_items=tuple(loads(row[8])),
        inserted_at=from_micros(row[9]),
        updated_at=from_micros(row[10]),
        started_at=maybe_instant(row[11]),
        completed_at=maybe_instant(row[12]),
        failed_at=maybe_instant(row[13]),
    )
