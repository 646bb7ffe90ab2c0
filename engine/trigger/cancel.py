"""Cancel runs by key, atomically with step commits (engine E-177, E-178, E-67)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from engine.timing.instants import format_instant
from storage.parked import cancel_parked
from storage.records import JsonObject, RecipientRef, Run, RunPhase, RunStatus
from storage.runs import RunChange
from storage.tx import Tx


def cancel(
    tx: Tx,
    environment: str,
    workflow: str,
    key: str,
    recipients: Sequence[RecipientRef] | None,
    now: datetime,
) -> int:
    """End every run of the key that has not ended; return how many were touched.

    A run that holds an open batch loses only its own activity; one that was
    absorbed into a batch takes its activity out of it. Messages already
    produced stay.
    """
    runs = tx.cancellable_runs(environment, workflow, key, recipients)
    ended = [r for r in runs if r.phase not in (RunPhase.DONE, RunPhase.WINDOW)]
    tx.update_runs([_ended(run) for run in ended], now)
    ids = [run.id for run in ended]
    tx.drop_timers(ids)
    tx.drop_calls(ids)
    # A parked run has ended, but a person could still ask for it to go on.
    parked = cancel_parked(tx, environment, workflow, key, recipients, now)
    stopped = [*ids, *parked]
    logged = [(environment, id_, [by_key("run_cancelled", key, now)]) for id_ in stopped]
    in_batches = [r.id for r in runs if r.phase in (RunPhase.DONE, RunPhase.WINDOW)]
    removed = tx.cancel_activities(in_batches, now)
    logged += [(environment, run, [by_key("activity_cancelled", key, now)]) for run, _ in removed]
    if logged:
        tx.log_timeline(logged, now)
    expanding = tx.pending_of_key(environment, workflow, key)
    for trigger_id, pending in expanding:
        tx.save_pending(trigger_id, _without(pending, recipients))
    return len(stopped) + len(removed) + len(expanding)


def _without(pending: JsonObject, recipients: Sequence[RecipientRef] | None) -> JsonObject:
    """Note whose runs must be born cancelled when the expansion reaches them."""
    known = pending.get("cancelled")
    if recipients is None or known == "all":
        return {**pending, "cancelled": "all"}
    return {**pending, "cancelled": [*(known or []), *[list(r) for r in recipients]]}


def _ended(run: Run) -> RunChange:
    return RunChange(
        run=run,
        status=RunStatus.CANCELLED,
        phase=RunPhase.DONE,
        cursor=run.cursor,
        resume=None,
        state=run.state,
        attempt=run.attempt,
        error_count=run.error_count,
    )


def by_key(event: str, key: str | None, now: datetime) -> JsonObject:
    """Write the timeline entry of what a cancellation key did to a run."""
    return {
        "event": event,
        "status": "ok",
        "step_ref": None,
        "step_type": None,
        "attempt": 1,
        "data": {"reason": "cancellation_key", "cancellation_key": key},
        "inserted_at": format_instant(now),
    }
