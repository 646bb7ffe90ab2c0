"""End runs that cannot be executed, with the evidence in their timeline (R-29)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.runs.timeline import entry
from storage.parked import mark_parked
from storage.records import Run, RunPhase, RunStatus
from storage.runs import RunChange
from storage.tx import Tx


def park(tx: Tx, runs: Sequence[tuple[Run, str]], now: datetime) -> int:
    """End these runs as failed, until somebody retries them; each has a reason for people."""
    kept = tx.fenced([run for run, _ in runs])
    parked = [(run, why) for run, why in runs if run.id in kept]
    tx.update_runs([_failed(run) for run, _ in parked], now)
    mark_parked(tx, [run.id for run, _ in parked])
    logged = [
        (run.environment, run.id, [entry("run_failed", now, data={"message": why}, status="error")])
        for run, why in parked
    ]
    if logged:
        tx.log_timeline(logged, now)
    return len(parked)


def _failed(run: Run) -> RunChange:
    return RunChange(
        run=run,
        status=RunStatus.COMPLETED,
        phase=RunPhase.DONE,
        cursor=run.cursor,
        resume=run.resume,  # a retry goes on from where it was woken, not from the wait
        state=run.state,
        attempt=run.attempt,
        error_count=run.error_count + 1,
    )
