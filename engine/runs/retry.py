"""Try parked work again, because a person asked for it (R-29)."""

from __future__ import annotations

from datetime import datetime

from engine.runs.timeline import entry
from storage.parked import forgive_expansions, unpark_runs
from storage.tx import Tx


def retry_run(tx: Tx, environment: str, run_id: str, now: datetime, *, by: str) -> bool:
    """Let a parked run go on where it stopped; False when it is not parked any more."""
    return bool(_retry(tx, environment, run_id, now, by, 1))


def retry_all(tx: Tx, environment: str, now: datetime, *, by: str, limit: int = 500) -> int:
    """Let up to `limit` parked runs and all resting expansions go on; return how many."""
    forgiven = forgive_expansions(tx, environment)
    return forgiven + _retry(tx, environment, None, now, by, limit)


def _retry(tx: Tx, environment: str, run_id: str | None, now: datetime, by: str, limit: int) -> int:
    ids = unpark_runs(tx, environment, run_id, now, limit)
    if ids:
        why = entry("run_retried", now, data={"by": by})
        tx.log_timeline([(environment, id_, [why]) for id_ in ids], now)
    return len(ids)
