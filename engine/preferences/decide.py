"""Decide by an effective set whether a channel step may send (engine 6.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.preferences.merge import EffectiveSet
from engine.preferences.resolve import COMMERCIAL

# Given the conditions of an entry and where they stand: do they all hold?
Holds = Callable[[Any, str], bool]
_Answer = tuple[tuple[str, ...], Any]


class Sending(NamedTuple):
    """What is about to be sent: through which channel, for which workflow."""

    workflow: str
    categories: tuple[str, ...]
    is_commercial: bool
    channel_id: str
    channel_type: str


def blocked_by(preferences: EffectiveSet, sending: Sending, holds: Holds) -> str | None:
    """Name the layer and path that say no, the first in order; None if none does (E-138).

    Every level that says something must say yes: a `true` nowhere overrides
    another level's `false` (E-139).
    """
    for path, value in _answers(preferences.content, sending):
        if value is False:
            return f"{preferences.layer_of(path)}.{'.'.join(path)}"
        conditions = value.get("conditions") if isinstance(value, dict) else None
        if conditions is not None:
            asked = (*path, "conditions")
            where = f"{preferences.layer_of(asked)}.{'.'.join(asked)}"
            if not holds(conditions, where):
                return where
    return None


def _answers(content: dict[str, Any], sending: Sending) -> Iterator[_Answer]:
    """List what the set says about a sending, in the order of E-138."""
    if sending.is_commercial:
        yield (COMMERCIAL,), content.get(COMMERCIAL)
    yield from _of_level(content, (), sending)
    yield from _of_entry(content, "workflows", sending.workflow, sending)
    for category in sending.categories:
        yield from _of_entry(content, "categories", category, sending)


def _of_entry(content: dict[str, Any], part: str, name: str, sending: Sending) -> Iterator[_Answer]:
    entry = (content.get(part) or {}).get(name)
    yield (part, name), entry
    if isinstance(entry, dict):
        yield from _of_level(entry, (part, name), sending)


def _of_level(level: dict[str, Any], path: tuple[str, ...], sending: Sending) -> Iterator[_Answer]:
    """Give the channel's own value, else its type's: only within one level."""
    for part, key in (("channels", sending.channel_id), ("channel_types", sending.channel_type)):
        value = (level.get(part) or {}).get(key)
        if value is not None:
            yield (*path, part, key), value
            return
