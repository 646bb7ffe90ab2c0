"""The page of message statuses and events."""

from __future__ import annotations

from typing import Final

from docs.generate.markdown import code, sections, table
from docs.generate.sources import actions
from docs.generate.wording import ACTIONS, DELIVERY, ENGAGEMENT, SIGNALS
from engine.delivery.policy import (
    DELAYS,
    DELIVERED_AT_ONCE,
    MAX_ATTEMPTS,
    NEVER_DELIVERED,
    RETRY_WINDOW,
)
from engine.messages.status import FINAL, TRANSITIONS
from storage.records import DeliveryStatus, Engagement

_INTRODUCTION: Final = """
# Message statuses and events

A message has one delivery status, which says how far it got, and any number of engagement statuses,
which say what its reader did. Every change is an event of the message.
"""


def page() -> str:
    """Write the page."""
    delivery = [
        (code(s.value), DELIVERY[s.value], "yes" if s in FINAL else "") for s in DeliveryStatus
    ]
    moves = [
        (code(status.value), SIGNALS[signal.value], code(to.value))
        for (status, signal), to in TRANSITIONS.items()
    ]
    engagement = [(code(e.value), ENGAGEMENT[e.value]) for e in Engagement]
    return sections(
        _INTRODUCTION,
        "## Delivery",
        table(("Status", "Meaning", "Final"), delivery),
        "## How a message moves",
        "What this table does not list does not happen: a late or repeated report changes nothing.",
        table(("From", "When", "To"), moves),
        _retries(),
        "## Engagement",
        table(("Status", "Meaning"), engagement),
        "## Events",
        table(("Event", "When"), [(code(name), text) for name, text in events().items()]),
    )


def events() -> dict[str, str]:
    """Give every event that a message can have, with when it happens."""
    found = {"message.created": "The message was stored."}
    found |= {f"message.{s.value}": DELIVERY[s.value] for s in DeliveryStatus}
    return found | {f"message.{action}": ACTIONS[action] for action in actions()}


def _retries() -> str:
    waits = ", ".join(str(seconds) for seconds in DELAYS)
    minutes = int(RETRY_WINDOW.total_seconds() // 60)
    at_once = ", ".join(code(name) for name in sorted(DELIVERED_AT_ONCE))
    never = ", ".join(code(name) for name in sorted(NEVER_DELIVERED))
    return sections(
        "## Attempts",
        f"A failed attempt that may work later is repeated: {MAX_ATTEMPTS} attempts at most, "
        f"within {minutes} minutes of the first, after about {waits} seconds (each ± 20 %). A "
        "provider's `Retry-After` is honoured inside those minutes. Then the message is "
        "`undelivered` with the reason `retries_exhausted`, or `fatal_error` if no retry "
        "made sense.",
        f"Messages of type {at_once} are `delivered` as soon as they are accepted. Those of type "
        f"{never} stay `sent`, since nobody reports more about them.",
    )
