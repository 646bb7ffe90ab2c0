"""Commit what passes decided: the only writer of run state, fenced by epoch and version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.messages.produce import assemble, created_events, first_status
from engine.runs.effects import Effects, Produced
from engine.runs.scope import flatten
from engine.runs.timeline import entry
from engine.runs.windows import Logged, NewestVersion, enter_window
from engine.runs.writes import write_beside
from engine.steps.throttle import decide_gate
from engine.trigger.frequency import slot_of
from storage.calls import PendingCall
from storage.faults import crash_point
from storage.records import (
    DeliveryStatus,
    Message,
    MessageEvent,
    NewMessage,
    Outbound,
    RunPhase,
    RunStatus,
)
from storage.runs import RunChange
from storage.timers import Timer
from storage.tx import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a committed batch leaves to do: messages to send, runs that go on at once."""

    outbound: tuple[Outbound, ...] = ()
    has_ready: bool = False
    has_calls: bool = False
    dropped: int = 0


@dataclass(slots=True)
class _Batch:
    changes: list[RunChange] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    events: list[MessageEvent] = field(default_factory=list)
    calls: list[PendingCall] = field(default_factory=list)
    writes: list[Effects] = field(default_factory=list)
    timeline: Logged = field(default_factory=list)


Contents = Mapping[tuple[str, str], Any]


def apply(
    tx: Tx,
    batch: Sequence[Effects],
    contents: Contents,
    now: datetime,
    *,
    newest: NewestVersion,
    lease: tuple[int, datetime] | None = None,
) -> Applied:
    """Write all effects of a batch of passes; a run that changed meanwhile is left alone.

    `contents` maps (run id, key) to what was rendered. `lease` (epoch, until)
    hands the new outbox rows to the caller, who sends them next.
    """
    kept = tx.fenced([e.change.run for e in batch])
    out = _Batch()
    for effects in batch:
        if effects.change.run.id in kept:
            _collect(tx, effects, contents, now, newest, out)
    if out.writes:
        out.changes += write_beside(tx, out.writes, now)
    tx.update_runs(out.changes, now)
    tx.set_timers(out.timers)
    tx.insert_messages(out.messages)
    to_send = [m for m in out.messages if m.send]
    tx.insert_outbox(to_send, lease)
    tx.insert_calls(out.calls, now)
    tx.log_timeline(out.timeline, now)
    crash_point("before_event_emit")
    tx.log_message_events(out.events, now)
    crash_point("after_event_emit")
    crash_point("before_apply_commit")
    epoch = lease[0] if lease else 0
    # One that is scheduled is not leased with the rest: it waits in the outbox.
    at_once = [m for m in to_send if m.message.scheduled_at is None]
    return Applied(
        outbound=tuple(_outbound(m, epoch) for m in at_once) if lease else (),
        has_ready=any(c.phase is RunPhase.READY for c in out.changes),
        has_calls=bool(out.calls),
        dropped=len(batch) - len(kept),
    )


def _collect(
    tx: Tx, effects: Effects, contents: Contents, now: datetime, newest: NewestVersion, out: _Batch
) -> None:
    change, run = effects.change, effects.change.run
    entries = list(effects.timeline)
    out.timeline.append((run.environment, run.id, entries))
    for produced in effects.produced:
        message = _message(effects, produced, contents, now)
        out.messages.append(message)
        out.events.extend(_events(message.message))
    if effects.enter is not None:
        out.timeline.extend(enter_window(tx, effects, effects.enter, now, newest))
        return
    if effects.write is not None:
        out.writes.append(effects)
        return
    if effects.gate is not None:
        change = _pass_gate(tx, effects, entries, now)
    elif effects.takes_slot:
        change = _take_slot(tx, effects, entries, now)
    elif effects.call is not None:
        call = effects.call
        out.calls.append(
            PendingCall(
                run.id, run.environment, change.cursor or "", change.attempt + 1, call.request,
                call.timeout.total_seconds(), run.row_version + 1, 0,
            )
        )  # fmt: skip
    if change.phase is RunPhase.TIMER and change.wake_at is not None:
        timer = Timer(change.wake_at, "run", run.id, run.row_version + 1, run.environment)
        out.timers.append(timer)
    out.changes.append(change)


def _pass_gate(tx: Tx, effects: Effects, entries: list[Any], now: datetime) -> RunChange:
    """Decide a throttle where its window is stored."""
    change, gate = effects.change, effects.gate
    assert gate is not None  # noqa: S101 - the caller has looked
    run, ref = change.run, change.cursor or ""
    identity = (run.environment, run.workflow, ref, *run.recipient, gate.key)
    verdict = decide_gate(tx.throttle(identity), gate, now)
    detail = {"limit": gate.limit, "used": verdict.used, "key": gate.key}
    if verdict.passes:
        tx.save_throttle(identity, verdict.ends_at, verdict.used)
        entries.append(
            entry("throttle_passed", now, step_ref=ref, step_type="throttle", data=detail)
        )
        return change._replace(phase=RunPhase.READY, resume={"kind": "gate"})
    entries.append(entry("throttle_reached", now, step_ref=ref, step_type="throttle", data=detail))
    entries.append(entry("run_completed", now, data={"reason": "throttled"}))
    return change._replace(status=RunStatus.COMPLETED, phase=RunPhase.DONE, resume=None)


def _take_slot(tx: Tx, effects: Effects, entries: list[Any], now: datetime) -> RunChange:
    """Take the recipient's only slot where the workflow runs once (E-22)."""
    change, run = effects.change, effects.change.run
    frequency = effects.plan.trigger_frequency
    slot = slot_of(frequency, run.tenant)
    if tx.take_frequency_slot(run.environment, run.workflow, run.recipient, slot, run.id):
        return change._replace(phase=RunPhase.READY)
    entries.append(entry("trigger_frequency_reached", now, data={"frequency": frequency}))
    entries.append(entry("run_completed", now, data={"reason": "trigger_frequency_reached"}))
    return change._replace(status=RunStatus.COMPLETED, phase=RunPhase.DONE)


def _message(effects: Effects, item: Produced, contents: Contents, now: datetime) -> NewMessage:
    run, draft = effects.bundle.run, item.draft
    status = DeliveryStatus(first_status(draft))
    rendered = contents.get((run.id, item.key))
    flat = flatten(item.data)
    message = Message(
        id=item.message_id,
        environment=run.environment,
        run_id=run.id,
        trigger_id=run.trigger_id,
        workflow=run.workflow,
        version_id=effects.plan.version_id,
        step_ref=item.step_ref,
        iteration=0,
        categories=effects.plan.categories,
        channel_id=draft.channel.id,
        channel_type=draft.channel.type,
        provider=draft.channel.provider or "",
        recipient=run.recipient,
        tenant=run.tenant,
        address=draft.address,
        actors=item.actors,
        status=status,
        data=flat if item.is_flattened else item.data,
        filter_data=flat,
        metadata={},
        total_activities=item.total_activities,
        total_actors=item.total_actors,
        scheduled_at=draft.scheduled_at,
        inserted_at=now,
        updated_at=now,
    )
    return NewMessage(
        message=message,
        content=assemble(draft.channel, draft.address, rendered, draft.overrides),
        overrides=draft.overrides,
        snapshot=draft.snapshot,
        send=status is DeliveryStatus.QUEUED,
    )


def _events(message: Message) -> list[MessageEvent]:
    return [
        MessageEvent(
            environment=message.environment,
            message_id=message.id,
            event=name,
            data={},
            inserted_at=message.inserted_at,
        )
        for name in created_events(message.status)
    ]


def _outbound(item: NewMessage, epoch: int) -> Outbound:
    m = item.message
    return Outbound(
        message_id=m.id,
        environment=m.environment,
        channel_id=m.channel_id,
        channel_type=m.channel_type,
        provider=m.provider,
        address=m.address,
        recipient=m.recipient,
        tenant=m.tenant,
        content=item.content,
        overrides=item.overrides,
        attempt=1,
        first_attempt_at=m.inserted_at,
        lease_epoch=epoch,
    )
