"""Read durations and add them to instants.

Up to weeks a unit is a fixed number of seconds; months are calendar months in
the recipient's zone.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.timing.instants import require_aware
from engine.timing.zones import FIRST_INSTANT, LAST_INSTANT, instant_of, wall_of

# A month counts as its longest form: a limit must hold in every month.
_SECONDS: Final[Mapping[str, int]] = {
    "seconds": 1,
    "minutes": 60,
    "hours": 3_600,
    "days": 86_400,
    "weeks": 604_800,
    "months": 31 * 86_400,
}

UNITS: Final = tuple(_SECONDS)


class InvalidDuration(ValueError):
    """The value is not a duration; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """Hold a number of units; negative only where it is an offset."""

    unit: str
    value: int

    def as_json(self) -> dict[str, object]:
        """Give the wire form back."""
        return {"unit": self.unit, "value": self.value}


def parse_duration(json: object, allow_negative: bool = False) -> Duration:
    """Read `{unit, value}`; further keys are ignored.

    Raises:
        InvalidDuration: unknown unit, or a value that is no whole number above
            zero (with `allow_negative`: other than zero).
    """
    if not isinstance(json, Mapping):
        raise InvalidDuration(
            f"expected a duration such as {{'unit': 'minutes', 'value': 5}}, got {_shown(json)}"
        )
    unit, value = json.get("unit"), json.get("value")
    if not isinstance(unit, str) or unit not in _SECONDS:
        raise InvalidDuration(f"expected a unit out of {', '.join(UNITS)}, got {_shown(unit)}")
    wanted = "a whole number other than 0" if allow_negative else "a whole number above 0"
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidDuration(f"expected {wanted} of {unit}, got {_shown(value)}")
    if value == 0 or (value < 0 and not allow_negative):
        raise InvalidDuration(f"expected {wanted} of {unit}, got {_shown(value)}")
    return Duration(unit=unit, value=value)


def add_duration(instant: datetime, duration: Duration, zone: str) -> datetime:
    """Move an instant by a duration, as far as the calendar reaches.

    Months keep the wall time in `zone` and are clamped to the month's end:
    one month after 31 January 09:00 is 28 February 09:00. Results beyond the
    year 9999 stop at `LAST_INSTANT`, so a wild value is far away, not an error.
    """
    require_aware(instant)
    if duration.unit == "months":
        return _add_months(instant, duration.value, zone)
    try:
        moved = instant + timedelta(seconds=duration.value * _SECONDS[duration.unit])
    except OverflowError:
        return _edge(duration.value)
    return min(max(moved, FIRST_INSTANT), LAST_INSTANT)


def duration_seconds(duration: Duration) -> int:
    """Count the seconds it can last at most (a month as 31 days); for limits."""
    return duration.value * _SECONDS[duration.unit]


def _add_months(instant: datetime, months: int, zone: str) -> datetime:
    wall = wall_of(instant, zone)
    year, month = divmod(wall.year * 12 + wall.month - 1 + months, 12)
    if not FIRST_INSTANT.year <= year <= LAST_INSTANT.year:
        return _edge(months)
    day = min(wall.day, monthrange(year, month + 1)[1])
    return instant_of(wall.replace(year=year, month=month + 1, day=day), zone)


def _edge(direction: int) -> datetime:
    return LAST_INSTANT if direction > 0 else FIRST_INSTANT


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number that is far too long"
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."
