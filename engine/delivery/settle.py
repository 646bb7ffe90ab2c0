"""Write down what providers answered: status by table, next attempt, log row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.delivery.policy import (
    DELIVERED_AT_ONCE,
    MAX_ATTEMPTS,
    NEVER_DELIVERED,
    failure_reason,
    jitter_for,
    next_attempt,
)
from engine.delivery.tokens import forget_token
from engine.messages.status import FINAL, Signal, move
from engine.providers.base import Accepted, Bounced, Delivered, Rejected, Retryable, SendResult
from engine.timing.instants import format_instant
from storage.faults import crash_point
from storage.ids import derived_ksuid
from storage.records import DeliveryStatus, JsonObject, MessageEvent, Outbound
from storage.tx import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to send a message, and how it ended."""

    outbound: Outbound
    result: SendResult
    deregisters: bool = True
    """Whether a token that the provider calls dead is forgotten."""


@dataclass(slots=True)
class _Batch:
    statuses: list[tuple[str, DeliveryStatus, int, str | None]] = field(default_factory=list)
    events: list[MessageEvent] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    again: list[tuple[str, datetime]] = field(default_factory=list)
    logs: list[tuple[str, str, str, int, JsonObject]] = field(default_factory=list)


def settle(tx: Tx, attempts: Sequence[Attempt], now: datetime) -> int:
    """Write a batch of outcomes; return how many were still this worker's to write.

    Fenced by attempt number and epoch: an outcome that comes after its lease
    was given away changes nothing.
    """
    held = tx.held_outbox(
        [(a.outbound.message_id, a.outbound.attempt, a.outbound.lease_epoch) for a in attempts]
    )
    statuses = tx.message_statuses(list(held))
    out = _Batch()
    for attempt in attempts:
        if attempt.outbound.message_id in held:
            _settle_one(attempt, statuses, out, now)
    tx.update_statuses(out.statuses, now)
    tx.drop_outbox(out.done)
    tx.reschedule_outbox(out.again)
    crash_point("before_event_emit")
    tx.log_message_events(out.events, now)
    crash_point("after_event_emit")
    if out.logs:
        tx.log_deliveries(out.logs, now)
    crash_point("before_settle_commit")
    for attempt in attempts:
        token = attempt.result.token if isinstance(attempt.result, Bounced) else None
        if token and attempt.deregisters and attempt.outbound.message_id in held:
            forget_token(tx, attempt.outbound, token, now)
    return len(held)


def _settle_one(
    attempt: Attempt, statuses: dict[str, DeliveryStatus], out: _Batch, now: datetime
) -> None:
    outbound, result = attempt.outbound, attempt.result
    id_, number = outbound.message_id, outbound.attempt
    stored = statuses.get(id_)
    if stored is None or stored in FINAL:
        out.done.append(id_)
        return
    external = result.external_id if isinstance(result, (Accepted, Delivered)) else None
    next_at = next_attempt(number, outbound.first_attempt_at, now, result, jitter_for(id_, number))
    status, steps = stored, _signals(outbound, result, next_at)
    for signal, data in steps:
        status = move(status, signal)
        out.events.append(
            MessageEvent(
                environment=outbound.environment,
                message_id=id_,
                event=f"message.{status.value}",
                data=data,
                inserted_at=now,
            )
        )
    out.statuses.append((id_, status, number, external))
    if next_at is None:
        out.done.append(id_)
    else:
        out.again.append((id_, next_at))
    if result.log is not None:
        log_id = derived_ksuid(now, id_, str(number), "log")
        out.logs.append((log_id, outbound.environment, id_, number, result.log))


def _signals(
    outbound: Outbound, result: SendResult, next_at: datetime | None
) -> list[tuple[Signal, dict[str, Any]]]:
    """List the moves of one attempt; a failed one always shows as attempted (E-117)."""
    number = outbound.attempt
    if isinstance(result, (Accepted, Delivered)):
        at_once = outbound.channel_type in DELIVERED_AT_ONCE
        reaches = isinstance(result, Delivered) and outbound.channel_type not in NEVER_DELIVERED
        return [(Signal.DELIVERED if at_once or reaches else Signal.SENT, {})]
    if isinstance(result, Bounced):
        return [(Signal.BOUNCED, {"reason": result.reason, "token": result.token})]
    failed = {
        "attempt": number,
        "max_attempts": MAX_ATTEMPTS,
        "retryable": isinstance(result, Retryable),
        "reason": result.reason if isinstance(result, (Retryable, Rejected)) else "",
    }
    if next_at is not None:
        return [
            (Signal.ATTEMPT_FAILED, failed),
            (Signal.REQUEUED, {"next_attempt_at": format_instant(next_at)}),
        ]
    why = {"failure_reason": failure_reason(result, next_at), "reason": failed["reason"]}
    return [(Signal.ATTEMPT_FAILED, failed), (Signal.GAVE_UP, why)]
