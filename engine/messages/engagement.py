"""Note what a reader did with a message (engine E-153 … E-155)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from storage.messages import get_messages
from storage.records import Engagement, JsonObject, Message, MessageEvent
from storage.tx import Tx


class Action(StrEnum):
    """What a reader can do; the value names the event."""

    SEEN = "seen"
    UNSEEN = "unseen"
    READ = "read"
    UNREAD = "unread"
    INTERACTED = "interacted"
    LINK_CLICKED = "link_clicked"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"


_SETS: Final[Mapping[Action, Engagement]] = {
    Action.SEEN: Engagement.SEEN,
    Action.READ: Engagement.READ,
    Action.INTERACTED: Engagement.INTERACTED,
    Action.LINK_CLICKED: Engagement.LINK_CLICKED,
    Action.ARCHIVED: Engagement.ARCHIVED,
}
_CLEARS: Final[Mapping[Action, Engagement]] = {
    Action.UNSEEN: Engagement.SEEN,
    Action.UNREAD: Engagement.READ,
    Action.UNARCHIVED: Engagement.ARCHIVED,
}
_CLICKS_ARE_READ: Final = frozenset({"sms", "chat"})


def engage(
    tx: Tx,
    environment: str,
    message_ids: Sequence[str],
    action: Action,
    now: datetime,
    metadata: JsonObject | None = None,
) -> list[str]:
    """Write one action on these messages, whatever their delivery status; return those found.

    Doing it again moves the instant and is another event. Undoing what was not
    done changes nothing. An interaction, and a click in a text or chat
    message, makes a message read that was not.
    """
    found = get_messages(tx, environment, message_ids)
    events: list[MessageEvent] = []
    for message in found.values():
        for step in _steps(message, action):
            field = _SETS.get(step) or _CLEARS[step]
            tx.set_engagement(message.id, field.value, now if step in _SETS else None, now)
            data: JsonObject = {"metadata": metadata} if metadata and step is action else {}
            events.append(
                MessageEvent(
                    environment=environment,
                    message_id=message.id,
                    event=f"message.{step.value}",
                    data=data,
                    inserted_at=now,
                )
            )
    if events:
        tx.log_message_events(events, now)
    return list(found)


def _steps(message: Message, action: Action) -> list[Action]:
    """List what an action comes to: itself, what it implies, or nothing."""
    if action in _CLEARS:
        stands = getattr(message, f"{_CLEARS[action].value}_at") is not None
        return [action] if stands else []
    is_click = action is Action.LINK_CLICKED and message.channel_type in _CLICKS_ARE_READ
    implies_read = action is Action.INTERACTED or is_click
    return [action, Action.READ] if implies_read and message.read_at is None else [action]
