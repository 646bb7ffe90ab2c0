"""Rank message statuses, and choose the message that speaks for a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

PREFIX: Final = "$message."

# Low to high; `skipped` stands for "no message from that step in this run".
RANKS: Final[Mapping[str, int]] = {
    "skipped": 0,
    "undelivered": 1,
    "bounced": 2,
    "delivery_attempted": 3,
    "queued": 4,
    "not_sent": 5,
    "sent": 6,
    "delivered": 7,
    "seen": 8,
    "read": 9,
    "interacted": 10,
    "link_clicked": 10,
    "archived": 11,
}

# Each holds when the first engagement is there and the second is not.
_WITHOUT: Final[Mapping[str, tuple[str, str]]] = {
    "seen_not_read": ("seen", "read"),
    "read_not_link_clicked": ("read", "link_clicked"),
}

STATUS_NAMES: Final = (*RANKS, *_WITHOUT)


class Status(str):
    """A status name that compares by rank with another one."""

    __slots__ = ()


class MessageState(NamedTuple):
    """How far one message got; `expired` means that its record is gone."""

    delivery: str
    engagement: frozenset[str] = frozenset()
    expired: bool = False


def rank(status: str) -> int | None:
    """Give the place on the ladder; None for a name that has none."""
    return RANKS.get(status)


def deciding(states: Sequence[MessageState]) -> MessageState | None:
    """Choose the message that got furthest; None if there is none."""
    return max(states, key=_height, default=None)


def highest(state: MessageState) -> Status:
    """Name the highest status that a message reached, delivery and engagement together."""
    return Status(max((state.delivery, *sorted(state.engagement)), key=_rank_or_below))


def engagement_list(engagement: Iterable[str]) -> list[Status]:
    """List engagements from low to high, `seen_not_read` and its like included."""
    reached = frozenset(engagement)
    names = sorted(reached, key=lambda name: (_rank_or_below(name), name))
    for name, (has, lacks) in _WITHOUT.items():
        if has in reached and lacks not in reached:
            names.append(name)
    return [Status(name) for name in names]


def as_status(value: Any) -> Any:
    """Turn status names, with or without `$message.`, into statuses; lists item by item."""
    if isinstance(value, str):
        name = value.removeprefix(PREFIX)
        return Status(name) if name in STATUS_NAMES else value
    if isinstance(value, list):
        return [as_status(item) if isinstance(item, str) else item for item in value]
    return value


def _rank_or_below(name: str) -> int:
    return RANKS.get(name, -1)


def _height(state: MessageState) -> int:
    return max(_rank_or_below(name) for name in (state.delivery, *state.engagement))
