"""The written table along which delivery statuses move (R-7, engine E-151)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from storage.records import DeliveryStatus as S


class Signal(StrEnum):
    """What can happen to a message on its way."""

    SENT = "sent"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attempt_failed"
    GAVE_UP = "gave_up"
    BOUNCED = "bounced"
    REQUEUED = "requeued"


TRANSITIONS: Final[dict[tuple[S, Signal], S]] = {
    (S.QUEUED, Signal.SENT): S.SENT,
    (S.QUEUED, Signal.DELIVERED): S.DELIVERED,
    (S.QUEUED, Signal.ATTEMPT_FAILED): S.DELIVERY_ATTEMPTED,
    (S.QUEUED, Signal.GAVE_UP): S.UNDELIVERED,
    (S.QUEUED, Signal.BOUNCED): S.BOUNCED,
    (S.DELIVERY_ATTEMPTED, Signal.REQUEUED): S.QUEUED,
    (S.DELIVERY_ATTEMPTED, Signal.GAVE_UP): S.UNDELIVERED,
    (S.DELIVERY_ATTEMPTED, Signal.BOUNCED): S.BOUNCED,
    (S.SENT, Signal.DELIVERED): S.DELIVERED,
    (S.SENT, Signal.GAVE_UP): S.UNDELIVERED,
    (S.SENT, Signal.BOUNCED): S.BOUNCED,
    (S.UNDELIVERED, Signal.REQUEUED): S.QUEUED,
}
FINAL: Final = frozenset({S.DELIVERED, S.BOUNCED, S.UNDELIVERED, S.NOT_SENT})


class IllegalMove(ValueError):
    """A message cannot move this way from where it is."""


def move(status: S, signal: Signal) -> S:
    """Return the next status.

    Raises:
        IllegalMove: the table does not list this move; late or repeated
            receipts must not undo a final status.
    """
    try:
        return TRANSITIONS[status, signal]
    except KeyError:
        raise IllegalMove(f"a message that is {status} cannot become {signal}") from None
