"""Write down what readers do with messages (engine E-153 … E-155)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from engine.errors import InvalidInput, Problem
from storage.messages import get_messages
from storage.records import Engagement, JsonObject, Message, MessageEvent
from storage.tx import Tx

MOST_PAIRS: Final = 5


class Action(StrEnum):
    """What a reader can do; the value is the event's name on the wire."""

    SEEN = "seen"
    UNSEEN = "unseen"
    READ = "read"
    UNREAD = "unread"
    ARCHIVED = "archived"
    UNARCHIVED = "unarchived"
    INTERACTED = "interacted"
    LINK_CLICKED = "link_clicked"


# What an action sets, and what it takes back; nothing takes back the last two.
_SETS: Final[Mapping[Action, Engagement]] = {
    Action.SEEN: Engagement.SEEN,
    Action.READ: Engagement.READ,
    Action.ARCHIVED: Engagement.ARCHIVED,
    Action.INTERACTED: Engagement.INTERACTED,
    Action.LINK_CLICKED: Engagement.LINK_CLICKED,
}
_CLEARS: Final[Mapping[Action, Engagement]] = {
    Action.UNSEEN: Engagement.SEEN,
    Action.UNREAD: Engagement.READ,
    Action.UNARCHIVED: Engagement.ARCHIVED,
}
# A click on these proves that the text was read; elsewhere a scanner may have clicked.
_READ_BY_CLICK: Final = frozenset({"sms", "chat"})


def everyone(message: Message) -> bool:
    """Let a caller touch any message of the environment."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Engaging:
    """One action on messages; `admits` confines it to those the caller may touch.

    `only_changes` leaves messages alone that have the status already: "mark all
    as seen" must not date anew what was seen last month.
    """

    environment: str
    action: Action
    metadata: JsonObject = field(default_factory=dict)
    admits: Callable[[Message], bool] = everyone
    only_changes: bool = False


@dataclass(slots=True)
class _Writes:
    events: list[MessageEvent] = field(default_factory=list)
    fields: list[tuple[str, str, datetime | None]] = field(default_factory=list)


def engage(tx: Tx, ids: Sequence[str], engaging: Engaging, now: datetime) -> list[str]:
    """Carry out the action on these messages; return the ids that exist and are admitted.

    Setting a status again moves its instant and logs another event. Taking
    back a status that is not there changes nothing.
    """
    unique = list(dict.fromkeys(ids))
    stored = get_messages(tx, engaging.environment, unique)
    admitted = [id for id in unique if id in stored and engaging.admits(stored[id])]
    out = _Writes()
    for id in admitted:
        _engage_one(stored[id], engaging, out, now)
    for id, name, at in out.fields:
        tx.set_engagement(id, name, at, now)
    if out.events:
        tx.log_message_events(out.events, now)
    return admitted


def _engage_one(message: Message, engaging: Engaging, out: _Writes, now: datetime) -> None:
    action = engaging.action
    cleared = _CLEARS.get(action)
    if cleared is not None:
        if _instant(message, cleared) is not None:
            _note(message, cleared, None, action, {}, out, now)
        return
    status = _SETS[action]
    if engaging.only_changes and _instant(message, status) is not None:
        return
    if _counts_as_read(message, action) and message.read_at is None:
        _note(message, Engagement.READ, now, Action.READ, {}, out, now)
    _note(message, status, now, action, engaging.metadata, out, now)


def _counts_as_read(message: Message, action: Action) -> bool:
    # The feed's client shows an item as read once it was clicked, without asking again.
    if action is Action.INTERACTED:
        return True
    return action is Action.LINK_CLICKED and message.channel_type in _READ_BY_CLICK


def _instant(message: Message, status: Engagement) -> datetime | None:
    found: datetime | None = getattr(message, f"{status.value}_at")
    return found


def _note(
    message: Message,
    status: Engagement,
    at: datetime | None,
    action: Action,
    data: JsonObject,
    out: _Writes,
    now: datetime,
) -> None:
    out.fields.append((message.id, status.value, at))
    out.events.append(
        MessageEvent(
            environment=message.environment,
            message_id=message.id,
            event=f"message.{action.value}",
            data=data,
            inserted_at=now,
        )
    )


def check_metadata(value: Any) -> JsonObject:
    """Pass interaction metadata through: up to five pairs, no value inside another.

    Raises:
        InvalidInput: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refused("metadata", "expected a JSON object", "type")
    if len(value) > MOST_PAIRS:
        message = f"expected at most {MOST_PAIRS} pairs, got {len(value)}"
        raise _refused("metadata", message, "length")
    for key, item in value.items():
        if isinstance(item, (dict, list)):
            message = "expected a string, a number, a boolean or null"
            raise _refused(f"metadata.{key}", message, "type")
    return value


def _refused(path: str, message: str, rule: str) -> InvalidInput:
    return InvalidInput(problems=[Problem(path=path, message=message, rule=rule)])
