"""Resolve a value found in scope to an instant: a timestamp, a duration or a window rule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import orjson

from engine.timing.durations import InvalidDuration, add_duration, parse_duration
from engine.timing.instants import format_instant, parse_instant
from engine.timing.windows import InvalidRule, next_match, parse_window_rule
from engine.timing.zones import pick_zone

__all__ = ["InvalidWindow", "pick_zone", "resolve_dynamic", "resolve_instant"]

# A rule with every key and all seven days takes under 200 characters.
_MAX_TEXT: Final = 2_000

_EXPECTED: Final = "an ISO 8601 timestamp, a duration or a window rule"


class InvalidWindow(ValueError):
    """The value gives no usable instant; `reason` says which of three ways."""

    def __init__(self, message: str, *, reason: Literal["missing", "malformed", "past"]) -> None:
        super().__init__(message)
        self.reason = reason


def resolve_dynamic(value: object, now: datetime, zone: str) -> datetime:
    """Give the instant that a dynamic value means; it lies in the future.

    A duration counts from `now`. None and the empty text stand for a path that
    resolved to nothing.

    Raises:
        InvalidWindow: the value is missing, malformed or not in the future.
    """
    instant = resolve_instant(value, now, zone)
    if instant <= now:
        raise InvalidWindow(
            f"expected a timestamp in the future, got {format_instant(instant)},"
            f" which is not after {format_instant(now)}",
            reason="past",
        )
    return instant


def resolve_instant(value: object, now: datetime, zone: str) -> datetime:
    """Give the instant that a dynamic value means, be it past: for relative windows.

    Raises:
        InvalidWindow: the value is missing or malformed.
    """
    if value is None or value == "":
        raise InvalidWindow(f"expected {_EXPECTED}, found nothing at this path", reason="missing")
    if isinstance(value, str):
        instant = parse_instant(value)
        if instant is not None:
            return instant
        value = _decode(value)
    if not isinstance(value, Mapping):
        raise _malformed(type(value).__name__)
    try:
        if "frequency" in value:
            return next_match(parse_window_rule(value), now, zone)
        return add_duration(now, parse_duration(value), zone)
    except (InvalidRule, InvalidDuration) as error:
        raise InvalidWindow(str(error), reason="malformed") from error


def _decode(text: str) -> object:
    """Read JSON text; callers check that it holds a duration or a rule."""
    if len(text) > _MAX_TEXT:
        raise _malformed("a text that is too long")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _malformed(repr(text[:60])) from None


def _malformed(got: str) -> InvalidWindow:
    return InvalidWindow(f"expected {_EXPECTED}, got {got}", reason="malformed")
