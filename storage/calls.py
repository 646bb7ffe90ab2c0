"""Store the HTTP requests that steps asked for, until their answers are recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from storage.records import JsonObject
from storage.sql import Sql, dumps, loads, to_micros

Seal = Callable[[Any, str], bytes]
Unseal = Callable[[bytes, str], Any]


class PendingCall(NamedTuple):
    """A request to make on behalf of a run; `row_version` fences the answer.

    `request` is sealed: rendered, it holds keys and authorisations (R-33).
    """

    run_id: str
    environment: str
    step_ref: str
    attempt: int
    request: JsonObject
    timeout: float
    row_version: int
    lease_epoch: int


def call_row(run_id: str) -> str:
    """Name the row to which a request is sealed."""
    return f"calls/{run_id}"


def seal_request(request: JsonObject, run_id: str, seal: Seal) -> JsonObject:
    """Give a request in the form in which it may be stored."""
    return {"sealed": seal(request, call_row(run_id)).hex()}


def open_request(call: PendingCall, unseal: Unseal) -> JsonObject:
    """Give the request of a stored call as it was asked for.

    Raises:
        SealBroken: the master key is not the one that sealed it.
    """
    request: JsonObject = unseal(bytes.fromhex(call.request["sealed"]), call_row(call.run_id))
    return request


class CallVerbs(Sql):
    """Record, claim and finish calls."""

    def insert_calls(self, calls: Sequence[PendingCall], now: datetime) -> None:
        """Store requests that a worker may pick up."""
        self.many(
            "INSERT OR REPLACE INTO calls (run_id, environment, step_ref, attempt, request,"
            " timeout,"
            " row_version, lease_epoch, lease_until, inserted_at) VALUES (?,?,?,?,?,?,?,0,NULL,?)",
            [
                (c.run_id, c.environment, c.step_ref, c.attempt, dumps(c.request), c.timeout,
                 c.row_version, to_micros(now))
                for c in calls
            ],
        )  # fmt: skip

    def claim_calls(
        self, now: datetime, limit: int, lease: timedelta, epoch: int
    ) -> list[PendingCall]:
        """Lease calls that nobody makes; a dead worker's are made again."""
        rows = self.rows(
            "SELECT run_id, environment, step_ref, attempt, request, timeout, row_version FROM"
            " calls"
            " WHERE lease_until IS NULL OR lease_epoch < ? ORDER BY inserted_at LIMIT ?",
            (epoch, limit),
        )
        self.many(
            "UPDATE calls SET lease_epoch = ?, lease_until = ? WHERE run_id = ?",
            [(epoch, to_micros(now + lease), row[0]) for row in rows],
        )
        return [PendingCall(r[0], r[1], r[2], r[3], loads(r[4]), r[5], r[6], epoch) for r in rows]

    def drop_calls(self, run_ids: Sequence[str]) -> None:
        """Forget calls whose answer is recorded or whose run has ended."""
        self.many("DELETE FROM calls WHERE run_id = ?", [(r,) for r in run_ids])
