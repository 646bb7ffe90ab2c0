"""Find the next instant that a window rule names: "mondays at nine", "the 31st at eight".

The same matching serves batch windows, delays, throttles and schedules.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from engine.timing.instants import require_aware
from engine.timing.zones import LAST_INSTANT, instant_of, wall_of

FREQUENCIES: Final = ("hourly", "daily", "weekly", "monthly")
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_GROUPS: Final[Mapping[str, frozenset[int]]] = {
    **{name: frozenset({number}) for number, name in enumerate(WEEKDAYS)},
    "weekdays": frozenset(range(5)),
    "weekends": frozenset({5, 6}),
}

# Zones have skipped a whole day (Samoa, 2011), never more.
_LONGEST_GAP: Final = timedelta(days=1)

# Weekday filters repeat after at most 7 * 24 hourly steps, to which the gap is added.
_MAX_PERIODS: Final = 7 * 24 + 2 * 24


class InvalidRule(ValueError):
    """The window rule cannot be followed; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """Hold a checked rule; `days` are Monday-based numbers, empty meaning "any"."""

    frequency: str
    interval: int = 1
    days: frozenset[int] = frozenset()
    hours: int = 0
    minutes: int = 0
    day_of_month: int | None = None


def parse_window_rule(json: object) -> WindowRule:
    """Read a rule object; a key that is null or absent takes its default.

    Raises:
        InvalidRule: not an object, unknown frequency or day, a number out of
            range, or minutes off the five-minute grid.
    """
    if not isinstance(json, Mapping):
        raise InvalidRule(f"expected a window rule object, got {type(json).__name__}")
    frequency = json.get("frequency")
    if frequency not in FREQUENCIES:
        raise InvalidRule(
            f"expected a frequency out of {', '.join(FREQUENCIES)}, got {_shown(frequency)}"
        )
    minutes = _whole(json, "minutes", 0, 59, default=0)
    if minutes % 5:
        raise InvalidRule(f"expected minutes on the five-minute grid, got {minutes}")
    has_day = json.get("day_of_month") is not None
    return WindowRule(
        frequency=frequency,
        interval=_whole(json, "interval", 1, 1_000_000, default=1),
        days=_parse_days(json.get("days")),
        hours=_whole(json, "hours", 0, 23, default=0),
        minutes=minutes,
        day_of_month=_whole(json, "day_of_month", 1, 31, default=1) if has_day else None,
    )


def next_match(
    rule: WindowRule, now: datetime, zone: str, *, anchor: datetime | None = None
) -> datetime:
    """Give the first instant strictly after `now` that the rule names in `zone`.

    `interval` counts from `anchor` (default `now`): from its hour, date,
    Monday-based week or month. Local times that do not exist run at the same
    wall offset after the gap; repeated ones once, at the first occurrence.

    Raises:
        InvalidRule: nothing ever matches, such as every seventh day from a
            Tuesday, mondays only.
    """
    start = wall_of(require_aware(now), zone)
    origin = start if anchor is None else wall_of(require_aware(anchor), zone)
    # A wall time inside a gap names an instant after it, so look back as far as gaps reach.
    for wall in _walls(rule, start - _LONGEST_GAP, origin):
        instant = instant_of(wall, zone)
        # The first one is the earliest: a gap moves the rule's times without reordering them.
        if now < instant < LAST_INSTANT:
            return instant
    raise InvalidRule("the rule never matches: its interval and its days rule each other out")


def _walls(rule: WindowRule, start: datetime, origin: datetime) -> Iterator[datetime]:
    """Yield matching wall times in order, from the period of `start` on."""
    index_of, expand = _PERIODS[rule.frequency]
    first = index_of(start)
    # The first period at or after `start` that lies a whole number of intervals from the anchor.
    first += (index_of(origin) - first) % rule.interval
    indexes = range(first, first + rule.interval * _MAX_PERIODS, rule.interval)
    try:
        for index in indexes:
            yield from expand(rule, index, origin)
    except (ValueError, OverflowError):
        return  # past the year 9999


def _hour_index(wall: datetime) -> int:
    return wall.toordinal() * 24 + wall.hour


def _hour_walls(rule: WindowRule, index: int, origin: datetime) -> Iterator[datetime]:
    ordinal, hour = divmod(index, 24)
    day = date.fromordinal(ordinal)
    if not rule.days or day.weekday() in rule.days:
        yield datetime(day.year, day.month, day.day, hour, rule.minutes)  # noqa: DTZ001  # wall time


def _day_walls(rule: WindowRule, index: int, origin: datetime) -> Iterator[datetime]:
    day = date.fromordinal(index)
    if not rule.days or day.weekday() in rule.days:
        yield _at(rule, day)


def _week_index(wall: datetime) -> int:
    return (wall.toordinal() - 1) // 7  # 0001-01-01 was a Monday


def _week_walls(rule: WindowRule, index: int, origin: datetime) -> Iterator[datetime]:
    for weekday in sorted(rule.days or {origin.weekday()}):
        yield _at(rule, date.fromordinal(index * 7 + 1 + weekday))


def _month_index(wall: datetime) -> int:
    return wall.year * 12 + wall.month - 1


def _month_walls(rule: WindowRule, index: int, origin: datetime) -> Iterator[datetime]:
    year, month = index // 12, index % 12 + 1
    first_weekday, last_day = monthrange(year, month)
    if rule.day_of_month is None and rule.days:
        day = 1 + min((weekday - first_weekday) % 7 for weekday in rule.days)
    else:
        day = min(rule.day_of_month or 1, last_day)
    yield _at(rule, date(year, month, day))


def _at(rule: WindowRule, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, rule.hours, rule.minutes)  # noqa: DTZ001  # wall time


_Index = Callable[[datetime], int]
_Expand = Callable[[WindowRule, int, datetime], Iterator[datetime]]
_PERIODS: Final[Mapping[str, tuple[_Index, _Expand]]] = {
    "hourly": (_hour_index, _hour_walls),
    "daily": (datetime.toordinal, _day_walls),
    "weekly": (_week_index, _week_walls),
    "monthly": (_month_index, _month_walls),
}


def _parse_days(days: object) -> frozenset[int]:
    if days is None:
        return frozenset()
    names = [days] if isinstance(days, str) else days
    if not isinstance(names, list | tuple):
        raise InvalidRule(f"expected a list of days, got {type(days).__name__}")
    chosen: frozenset[int] = frozenset()
    for name in islice(names, 100):
        if not isinstance(name, str) or name not in _DAY_GROUPS:
            raise InvalidRule(f"expected days out of {', '.join(_DAY_GROUPS)}, got {_shown(name)}")
        chosen |= _DAY_GROUPS[name]
    return chosen


def _whole(json: Mapping[str, object], key: str, low: int, high: int, *, default: int) -> int:
    value = json.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InvalidRule(
            f"expected {key} to be a whole number from {low} to {high}, got {_shown(value)}"
        )
    return value


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, int | float) and abs(value) < 1e18:
        return repr(value)
    return type(value).__name__
