"""Commit arrivals at batches and close them (engine E-57 … E-68)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from engine.runs.effects import Effects
from engine.runs.timeline import entry
from engine.steps.batch import Arrival, decide
from engine.timing.instants import format_instant
from engine.workflow.kinds import Enter
from storage.faults import crash_point
from storage.ids import derived_ksuid
from storage.records import JsonObject, RecipientRef, Run, RunPhase, RunStatus, Window
from storage.runs import RunChange
from storage.timers import Timer
from storage.tx import Tx
from storage.windows import Activity

# Finds the newest version that still has the batch step in mode `latest` (E-58).
NewestVersion = Callable[[str, str, str], int | None]
Logged = list[tuple[str, str, list[JsonObject]]]


def enter_window(
    tx: Tx, effects: Effects, entry_: Enter, now: datetime, newest: NewestVersion
) -> Logged:
    """Open or join the batch of a run that has arrived at a batch step."""
    run, step_ref = effects.bundle.run, effects.change.cursor or ""
    step_key = f"version:{run.version}" if entry_.pinned else f"step:{step_ref}"
    identity = (run.environment, run.workflow, step_key, run.recipient, entry_.key)
    stored = tx.open_window(*identity)
    arrival = decide(stored, entry_, _fresh(effects, entry_, step_key, now), now, run.id)
    if stored is None and arrival.window is not None:
        tx.insert_window(arrival.window)
        timer = Timer(arrival.window.closes_at, "window", arrival.window.id, 0, run.environment)
        tx.set_timers([timer])
    elif stored is not None and arrival.window is not None:
        tx.save_window(arrival.window)
        if arrival.window.closes_at != stored.closes_at:
            w = arrival.window
            tx.move_timer(w.id, w.closes_at, w.generation)
    if arrival.adds_activity and arrival.window is not None:
        tx.append_activity(arrival.window.id, arrival.window.total, _activity(effects, now))
    logged = _pause(tx, effects, arrival, now, entry_)
    if arrival.closes_now and arrival.window is not None:
        closed, changes = close_window(tx, arrival.window, now, newest)
        tx.update_runs(changes, now)
        logged += closed
    return logged


def _fresh(effects: Effects, entry_: Enter, step_key: str, now: datetime) -> Window:
    run = effects.bundle.run
    return Window(
        id=derived_ksuid(now, run.id, effects.change.cursor or "", "window"),
        environment=run.environment,
        workflow=run.workflow,
        step_key=step_key,
        step_ref=effects.change.cursor or "",
        recipient=run.recipient,
        batch_key=entry_.key,
        holder_run_id=None,
        opened_at=now,
        closes_at=entry_.closes_at or now,
        limit_at=entry_.limit_at,
        generation=0,
        count=0,
        total=0,
        settings={
            "order": entry_.order,
            "render_limit": entry_.render_limit,
            "pinned": entry_.pinned,
        },
    )


def _activity(effects: Effects, now: datetime) -> Activity:
    run, trigger = effects.bundle.run, effects.bundle.trigger
    own = effects.change.state.get("data")
    before: JsonObject | None = effects.change.state.get("batch")
    actor = trigger.actor
    if before is not None:
        actor = RecipientRef(*before["actor"]) if before["actor"] else None
    return Activity(
        id=derived_ksuid(now, run.id, effects.change.cursor or "", "activity"),
        run_id=run.id,
        cancellation_key=trigger.cancellation_key,
        actor=actor,
        data=trigger.data if own is None else own,
        inserted_at=now,
    )


def _pause(tx: Tx, effects: Effects, arrival: Arrival, now: datetime, entry_: Enter) -> Logged:
    """Write what the arrival does to its own run."""
    change, run = effects.change, effects.bundle.run
    ref = change.cursor
    closes = format_instant(arrival.window.closes_at) if arrival.window else None
    entries: list[JsonObject] = []

    def note(event: str, data: JsonObject, status: str = "ok") -> None:
        entries.append(entry(event, now, step_ref=ref, step_type="batch", data=data, status=status))

    if entry_.error:
        note("batch_warning", {"message": entry_.error}, "error")
    match arrival.role:
        case "opens" | "holds":
            event = "batch_opened" if arrival.role == "opens" else "batch_held"
            note(event, {"closes": closes, "key": entry_.key})
            change = change._replace(status=RunStatus.PAUSED, phase=RunPhase.WINDOW, resume=None)
        case "absorbed":
            holder = arrival.window.holder_run_id if arrival.window else None
            note("activity_batched", {"batch_run": holder, "closes": closes, "key": entry_.key})
            entries.append(entry("run_completed", now, data={"reason": "activity_batched"}))
            change = change._replace(status=RunStatus.COMPLETED, phase=RunPhase.DONE, resume=None)
        case "leads":
            note("batch_flushed_leading", {"closes": closes, "key": entry_.key})
            change = change._replace(phase=RunPhase.READY, resume={"kind": "window"})
        case "unbatched":
            note("step_skipped", {"reason": "invalid_window", "message": entry_.error}, "error")
            change = change._replace(
                phase=RunPhase.READY,
                resume={"kind": "window"},
                error_count=change.error_count + 1,
            )
    tx.update_runs([change], now)
    return [(run.environment, run.id, entries)]


def close_window(
    tx: Tx, window: Window, now: datetime, newest: NewestVersion
) -> tuple[Logged, list[RunChange]]:
    """Freeze a batch; return what makes its holder go on with everything it collected."""
    crash_point("window_closing")
    tx.freeze_window(window.id, now)
    tx.drop_timers([window.id])
    if window.holder_run_id is None:
        return [], []
    holder = tx.runs_by_id([window.holder_run_id]).get(window.holder_run_id)
    if holder is None or holder.phase is not RunPhase.WINDOW:
        return [], []
    items = tx.live_activities(window.id)
    if not items:
        entries = [entry("run_cancelled", now, data={"reason": "batch_empty"})]
        return [(holder.environment, holder.id, entries)], [_ended(holder)]
    state = {**holder.state, **_collected(window, items)}
    if "batch" not in holder.state and "data" in holder.state:
        # What the opener brought itself: its attachments are not in the merged data (E-112).
        state["opener"] = holder.state["data"]
    version = None
    if not window.settings.get("pinned"):
        version = newest(window.environment, window.workflow, window.step_ref)
    change = RunChange(
        run=holder,
        status=RunStatus.PROCESSING,
        phase=RunPhase.READY,
        cursor=window.step_ref,
        resume={"kind": "window"},
        state=state,
        attempt=0,
        error_count=holder.error_count,
        version=version,
    )
    closed = entry(
        "batch_closed",
        now,
        step_ref=window.step_ref,
        step_type="batch",
        data={"total_activities": len(items), "version": version or holder.version},
    )
    return [(holder.environment, holder.id, [closed])], [change]


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


def _collected(window: Window, items: Sequence[Activity]) -> JsonObject:
    """Work out the batch variables and the merged data (E-63 … E-65)."""
    limit = int(window.settings.get("render_limit", 10))
    last = window.settings.get("order") == "desc"
    shown = items[-limit:] if last else items[:limit]
    actors: list[RecipientRef] = []
    for item in items:
        if item.actor is not None and item.actor not in actors:
            actors.append(item.actor)
    merged: JsonObject = {}
    for item in shown:
        merged.update(item.data)
    return {
        "data": merged,
        "batch": {
            "window_id": window.id,
            "order": window.settings.get("order", "asc"),
            "limit": limit,
            "total_activities": len(items),
            "total_actors": len(actors),
            "actor": list(items[0].actor) if items[0].actor else None,
            "actors": [list(a) for a in (actors[-limit:] if last else actors[:limit])],
        },
    }
