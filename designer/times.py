"""Say instants and spans the way people do, and the exact ones for hover."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine.timing.zones import load_zone

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS: Final = ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def _spell(seconds: int) -> str:
    for size, one, many in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {one if count == 1 else many}"
    return "0 s"


def relative(instant: datetime, now: datetime) -> str:
    """Say an instant as seen from `now`: `just now`, `5 min ago`, `in 2 h`, `12 May`."""
    seconds = int((now - instant).total_seconds())
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    if distance < 30 * 86_400:
        spelt = _spell(distance)
        return f"{spelt} ago" if seconds > 0 else f"in {spelt}"
    day = f"{instant.day} {_MONTHS[instant.month - 1]}"
    return day if instant.year == now.year else f"{day} {instant.year}"


def exact(instant: datetime, zone: str) -> str:
    """Say an instant to the second in a zone: `Wed 3 Jun 2026, 14:00:05 (Europe/Berlin)`."""
    local = instant.astimezone(load_zone(zone))
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day}, {local:%H:%M:%S} ({zone})"


def clock_time(instant: datetime, zone: str) -> str:
    """Say the time of day to the second."""
    return f"{instant.astimezone(load_zone(zone)):%H:%M:%S}"


def day_name(instant: datetime, now: datetime, zone: str) -> str:
    """Name the day: `Today`, `Yesterday`, or `Wed 3 Jun 2026`."""
    rules = load_zone(zone)
    local, today = instant.astimezone(rules), now.astimezone(rules).date()
    if local.date() == today:
        return "Today"
    if local.date() == today - timedelta(days=1):
        return "Yesterday"
    return f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}"


def start_of_day(now: datetime, zone: str) -> datetime:
    """Give the instant at which today began in a zone."""
    rules = load_zone(zone)
    local = now.astimezone(rules)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(now.tzinfo)


def span(length: timedelta) -> str:
    """Say how long something took: `340 ms`, `12 s`, `2 min 5 s`, `3 h 20 min`, `2 days`."""
    seconds = length.total_seconds()
    if seconds < 1:
        return f"{max(round(seconds * 1000), 0)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole, parts = int(seconds), []
    for size, one, many in _UNITS:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    return " ".join(parts[:2])


def count(number: int) -> str:
    """Write a number with thin groups: `12,345`."""
    return f"{number:,}"
