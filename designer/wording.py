"""Say parts of definitions as sentences: conditions, durations, values, names of things."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from re import sub
from typing import Any, Final

from engine.conditions.operators import OPERATORS
from storage.records import USERS, RecipientRef

CHANNELS: Final[Mapping[str, tuple[str, str]]] = {
    "email": ("Email", "email"),
    "in_app_feed": ("In-app feed", "feed"),
    "in_app_guide": ("Guide", "feed"),
    "sms": ("SMS", "sms"),
    "push": ("Push", "push"),
    "chat": ("Chat", "chat"),
    "http": ("Webhook", "webhook"),
}
_SUBJECTS: Final = {
    "recipient": "the recipient's",
    "data": "the data's",
    "actor": "the actor's",
    "tenant": "the tenant's",
    "vars": "the variable",
    "run": "the run's",
    "workflow": "the workflow's",
}
_LONGEST: Final = 60


def channel_title(channel_type: str) -> str:
    """Give the name of a channel type: `SMS`, `In-app feed`."""
    return CHANNELS.get(channel_type, (channel_type.replace("_", " ").capitalize(), ""))[0]


def channel_icon(channel_type: str) -> str:
    """Give the drawing of a channel type."""
    return CHANNELS.get(channel_type, ("", "messages"))[1] or "messages"


def plain(html: str, limit: int = 200) -> str:
    """Give the words of some HTML on one line, cut at `limit`."""
    without = sub(r"(?is)<(style|script|head)\b.*?</\1>", " ", html)
    spaced = sub(r"(?i)<(?:br|/?(?:p|div|h\d|li|td|tr|table|ul|ol))\b[^>]*>", " ", without)
    words = " ".join(unescape(sub(r"(?s)<[^>]*>", "", spaced)).split())
    return shortened(words, limit)


def shortened(text: str, limit: int = _LONGEST) -> str:
    """Cut a text with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def value(found: Any) -> str:
    """Write a JSON value in a sentence."""
    match found:
        case None:
            return "nothing"
        case bool():
            return "true" if found else "false"
        case str() if found.startswith("$message."):
            return found.removeprefix("$message.")
        case str():
            return f"“{shortened(found)}”" if found else "an empty text"
        case list():
            return ", ".join(value(item) for item in found[:5]) or "an empty list"
        case dict():
            return "an object"
        case _:
            return str(found)


def duration(wire: Any) -> str:
    """Write a duration of the wire: `10 minutes`; empty if it is none."""
    if not isinstance(wire, Mapping) or "value" not in wire:
        return ""
    unit, number = str(wire.get("unit", "")), wire["value"]
    return f"{number} {unit.removesuffix('s') if number in (1, -1) else unit}"


def variable(path: Any) -> str:
    """Write a path as people say it: `the recipient's plan`."""
    text = str(path)
    first, _, rest = text.partition(".")
    if first == "refs" and rest:
        return f"the message of {rest.partition('.')[0]}"
    subject = _SUBJECTS.get(first)
    return f"{subject} {rest}" if subject and rest else text


def operator(name: Any) -> str:
    """Write an operator as a verb: `is at least`."""
    found = OPERATORS.get(str(name))
    return found.title if found else str(name).replace("_", " ")


def condition(clause: Mapping[str, Any]) -> str:
    """Write one condition: `the recipient's plan is “pro”`."""
    words = [variable(clause.get("variable", "")), operator(clause.get("operator"))]
    if clause.get("argument") is not None:
        words.append(value(clause["argument"]))
    return " ".join(words)


def conditions(group: Any) -> str:
    """Write a group of conditions, nested ones in brackets; empty if there is none."""
    if not isinstance(group, Mapping):
        return ""
    joiner, items = (" or ", group["any"]) if group.get("any") else (" and ", group.get("all"))
    if not isinstance(items, list):
        return condition(group) if "variable" in group else ""
    parts = []
    for item in items:
        is_group = isinstance(item, Mapping) and ("any" in item or "all" in item)
        text = conditions(item) if is_group else condition(item)
        parts.append(f"({text})" if is_group and len(items) > 1 else text)
    return joiner.join(part for part in parts if part)


def recipient_title(ref: RecipientRef, name: str | None) -> str:
    """Give the name a recipient is shown under."""
    if name:
        return name
    return ref.id if ref.collection == USERS else f"{ref.collection}/{ref.id}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 run`, `3 runs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
