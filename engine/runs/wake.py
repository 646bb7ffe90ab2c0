"""Wake what is due: sleeping runs and batches whose window has ended."""

from __future__ import annotations

from datetime import datetime

from engine.runs.timeline import entry
from engine.runs.windows import Logged, NewestVersion, close_window
from storage.faults import crash_point
from storage.records import Run, RunPhase, RunStatus
from storage.runs import RunChange
from storage.tx import Tx


def wake_due(tx: Tx, now: datetime, newest: NewestVersion, limit: int = 500) -> int:
    """Take due timers, oldest first, and make their runs ready; return how many.

    A timer whose run or window has moved on meanwhile (another generation)
    is dropped without effect.
    """
    due = tx.take_due(now, limit)
    if not due:
        return 0
    crash_point("timer_fired")
    runs = tx.runs_by_id([t.subject for t in due if t.kind == "run"])
    changes: list[RunChange] = []
    logged: Logged = []
    for timer in due:
        if timer.kind == "run":
            run = runs.get(timer.subject)
            if (
                run is None
                or run.phase is not RunPhase.TIMER
                or run.row_version != timer.generation
            ):
                continue
            changes.append(_woken(run))
            logged.append(
                (run.environment, run.id, [entry("run_resumed", now, step_ref=run.cursor)])
            )
        elif timer.kind == "window":
            window = tx.get_window(timer.subject)
            if window is not None and window.generation == timer.generation:
                closed, resumed = close_window(tx, window, now, newest)
                logged += closed
                changes += resumed
    tx.update_runs(changes, now)
    if logged:
        tx.log_timeline(logged, now)
    return len(due)


def end_due(tx: Tx, now: datetime, why: str) -> None:
    """Take the timer that is due first and end its run, with the evidence; a batch's holder."""
    for timer in tx.take_due(now, 1):
        ids = [timer.subject] if timer.kind == "run" else tx.abandon_window(timer.subject, now)
        ended = tx.end_runs(ids, now)
        failed = entry("run_failed", now, data={"message": why}, status="error")
        tx.log_timeline([(environment, id_, [failed]) for environment, id_ in ended], now)


def _woken(run: Run) -> RunChange:
    return RunChange(
        run=run,
        status=RunStatus.PROCESSING,
        phase=RunPhase.READY,
        cursor=run.cursor,
        resume={"kind": "timer"},
        state=run.state,
        attempt=run.attempt,
        error_count=run.error_count,
    )
