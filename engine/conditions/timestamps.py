"""Read the timestamps of conditions: absolute ones and relative ones.

The reading of ISO 8601 repeats that of `engine.timing`, because the two
packages do not import each other; a test holds them together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_MAX_LENGTH: Final = 40
_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_RELATIVE: Final = re.compile(
    r"([0-9]{1,6})\s+(minute|hour|day|week)s?\s+(from[ _]now|ago)", re.ASCII | re.IGNORECASE
)
_SECONDS: Final[Mapping[str, int]] = {
    "minutes": 60,
    "hours": 3_600,
    "days": 86_400,
    "weeks": 604_800,
}
_SIGNS: Final[Mapping[str, int]] = {"from_now": 1, "ago": -1}
_MAX_VALUE: Final = 999_999
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)

SHORTEST_RELATIVE: Final = timedelta(minutes=15)


def parse_timestamp(value: Any) -> datetime | None:
    """Read an ISO 8601 date or datetime, UTC unless it says otherwise; else None."""
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or not _ISO.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_relative(value: Any) -> timedelta | None:
    """Read `"7 days from now"` or `{value, unit, modifier}` as a distance from now."""
    if isinstance(value, str):
        match = _RELATIVE.fullmatch(value.strip()) if len(value) <= _MAX_LENGTH else None
        if match is None:
            return None
        amount, unit, modifier = match.groups()
        return _distance(int(amount), f"{unit.lower()}s", modifier.lower().replace(" ", "_"))
    if isinstance(value, Mapping):
        return _distance(value.get("value"), value.get("unit"), value.get("modifier"))
    return None


def shifted(now: datetime, by: timedelta) -> str:
    """Write the instant that lies `by` from now, as far as the calendar reaches."""
    try:
        instant = now + by
    except OverflowError:
        instant = _LATEST if by > timedelta(0) else _EARLIEST
    return instant.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _distance(amount: Any, unit: Any, modifier: Any) -> timedelta | None:
    if not isinstance(amount, int) or isinstance(amount, bool) or not 1 <= amount <= _MAX_VALUE:
        return None
    if not isinstance(unit, str) or not isinstance(modifier, str):
        return None
    if unit not in _SECONDS or modifier not in _SIGNS:
        return None
    return timedelta(seconds=amount * _SECONDS[unit] * _SIGNS[modifier])
