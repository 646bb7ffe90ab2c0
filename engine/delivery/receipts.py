"""Take a provider's later word about a message (engine E-118, E-151; R-7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from engine.delivery.policy import NEVER_DELIVERED
from engine.messages.status import FINAL, TRANSITIONS, Signal
from storage.messages import get_messages
from storage.records import DeliveryStatus, JsonObject, MessageEvent
from storage.tx import Tx

REPORTS: Final[Mapping[str, Signal]] = {
    "delivered": Signal.DELIVERED,
    "undelivered": Signal.GAVE_UP,
    "bounced": Signal.BOUNCED,
}


def receive(
    tx: Tx,
    environment: str,
    message_id: str,
    report: str,
    now: datetime,
    data: JsonObject | None = None,
) -> DeliveryStatus | None:
    """Move a message as a provider reports; None if the report changes nothing.

    Reports come late, twice and in any order: what the table of moves does not
    list is ignored, and so is a delivery on a channel that never gets there.
    """
    message = get_messages(tx, environment, [message_id]).get(message_id)
    if message is None:
        return None
    signal = REPORTS[report]
    status = TRANSITIONS.get((message.status, signal))
    if status is None or (signal is Signal.DELIVERED and message.channel_type in NEVER_DELIVERED):
        return None
    tx.update_statuses([(message_id, status, message.attempts, None)], now)
    if status in FINAL:
        tx.drop_outbox([message_id])
    event = MessageEvent(
        environment=environment,
        message_id=message_id,
        event=f"message.{status.value}",
        data=data or {},
        inserted_at=now,
    )
    tx.log_message_events([event], now)
    return status
