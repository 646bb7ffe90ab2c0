"""Check a recipient's system properties, and deep-merge properties."""

from __future__ import annotations

from typing import Final

from engine.errors import InvalidInput, Problem
from engine.timing.instants import parse_instant
from storage.records import JsonObject
from storage.sql import dumps

SYSTEM: Final = ("name", "email", "phone_number", "avatar", "timezone", "locale")
LARGEST: Final = 256 * 1024


def check_system_properties(properties: JsonObject, prefix: str) -> list[Problem]:
    """List what is wrong with the properties that the product itself reads."""
    problems = [
        Problem(path=f"{prefix}{name}", message="expected a string or null", rule="type")
        for name in SYSTEM
        if not isinstance(properties.get(name), (str, type(None)))
    ]
    created_at = properties.get("created_at")
    if created_at is not None and parse_instant(created_at) is None:
        message = "expected an instant such as 2026-05-04T10:00:00Z, or null"
        problems.append(Problem(path=f"{prefix}created_at", message=message, rule="instant"))
    return problems


def deep_merge(stored: JsonObject, change: JsonObject) -> JsonObject:
    """Merge object by object; anything else in `change` wins, null too, nothing is removed."""
    merged = dict(stored)
    for key, value in change.items():
        inner = merged.get(key)
        if isinstance(value, dict) and isinstance(inner, dict):
            value = deep_merge(inner, value)
        merged[key] = value
    return merged


def check_size(properties: JsonObject, label: str) -> None:
    """Hold a recipient's properties to 256 kB.

    Raises:
        InvalidInput: they are larger, as the JSON that is stored.
    """
    text = dumps(properties)
    # A character takes up to four bytes: most texts need no second encoding.
    if len(text) * 4 <= LARGEST or (size := len(text.encode())) <= LARGEST:
        return
    message = f"the properties of {label} take {size} bytes, the limit is {LARGEST}"
    raise InvalidInput(problems=[Problem(path="properties", message=message, rule="size")])
