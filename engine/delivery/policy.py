"""Decide what an attempt leads to: the next status, and when to try again.

Pure. Eight attempts within thirty minutes of the first one, exponential with
jitter; a provider's `Retry-After` is honoured inside that window.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal, assert_never

from engine.providers.base import (
    Accepted,
    Bounced,
    Delivered,
    Rejected,
    Retryable,
    SendResult,
)
from storage.records import DeliveryStatus

MAX_ATTEMPTS: Final = 8
RETRY_WINDOW: Final = timedelta(minutes=30)
DELAYS: Final = (5, 15, 45, 120, 300, 500, 700)
JITTER_FROM: Final = 0.8
JITTER_SPAN: Final = 0.4

DELIVERED_AT_ONCE: Final = frozenset({"in_app", "in_app_feed", "in_app_guide", "http"})
"""Channel types whose acceptance is the delivery."""

NEVER_DELIVERED: Final = frozenset({"push", "chat"})
"""Channel types that end at `sent`, whatever the provider says."""

FailureReason = Literal["retries_exhausted", "fatal_error"]


def jitter_for(message_id: str, attempt: int) -> float:
    """Give a number in [0, 1) that is the same after every restart."""
    digest = blake2b(f"{message_id}:{attempt}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) / 2**48


def next_attempt(
    attempt: int, first_attempt_at: datetime, now: datetime, result: SendResult, jitter: float
) -> datetime | None:
    """Say when attempt number `attempt + 1` is due; None if there is to be none.

    A delay that would leave the window ends at its edge, so that slow
    time-outs do not cost the last attempts.
    """
    deadline = first_attempt_at + RETRY_WINDOW
    if not isinstance(result, Retryable) or attempt >= MAX_ATTEMPTS or now >= deadline:
        return None
    delay = DELAYS[max(attempt, 1) - 1] * (JITTER_FROM + JITTER_SPAN * jitter)
    pause = timedelta(seconds=delay)
    if result.after is not None:
        # Clamped before adding: a provider may name a pause beyond the calendar's end.
        pause = max(pause, min(result.after, RETRY_WINDOW))
    return min(now + pause, deadline)


def status_after(channel_type: str, result: SendResult, next_at: datetime | None) -> DeliveryStatus:
    """Name the status that the attempt ends in; a retry counts as `delivery_attempted`."""
    match result:
        case Accepted():
            at_once = channel_type in DELIVERED_AT_ONCE
            return DeliveryStatus.DELIVERED if at_once else DeliveryStatus.SENT
        case Delivered():
            never = channel_type in NEVER_DELIVERED
            return DeliveryStatus.SENT if never else DeliveryStatus.DELIVERED
        case Bounced():
            return DeliveryStatus.BOUNCED
        case Rejected():
            return DeliveryStatus.UNDELIVERED
        case Retryable():
            waits = next_at is not None
            return DeliveryStatus.DELIVERY_ATTEMPTED if waits else DeliveryStatus.UNDELIVERED
        case _:
            assert_never(result)


def failure_reason(result: SendResult, next_at: datetime | None) -> FailureReason | None:
    """Name why a message became `undelivered`; None if it did not."""
    if isinstance(result, Rejected):
        return "fatal_error"
    if isinstance(result, Retryable) and next_at is None:
        return "retries_exhausted"
    return None
