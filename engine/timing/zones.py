"""Know the time zones, and turn local wall times into instants.

Zone data comes from the pinned `tzdata` package alone, never from the machine,
so two servers with the same lock files agree on every future offset.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

DEFAULT_ZONE: Final = "Etc/UTC"

# Inside what `datetime` can hold: an offset and the day that `next_match` looks back still fit.
FIRST_INSTANT: Final = datetime(1, 1, 3, tzinfo=UTC)
LAST_INSTANT: Final = datetime(9999, 12, 30, tzinfo=UTC)


@cache
def zone_names() -> frozenset[str]:
    """List every zone name that is understood, links such as `US/Eastern` included."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def is_zone(name: object) -> bool:
    """Say whether `name` is a known zone; any kind of value may be asked about."""
    return isinstance(name, str) and name in zone_names()


def pick_zone(recipient_zone: object, account_zone: object = None) -> str:
    """Choose the recipient's zone, else the account's, else `Etc/UTC`.

    Unknown names are passed over: a misspelt property must not stop a run.
    """
    for name in (recipient_zone, account_zone):
        if isinstance(name, str) and name in zone_names():
            return name
    return DEFAULT_ZONE


def load_zone(name: str) -> ZoneInfo:
    """Give the rules of a zone; an unknown name means `Etc/UTC`, as in `pick_zone`."""
    # The cache is behind the check: made-up names must not fill memory.
    return _load(name if is_zone(name) else DEFAULT_ZONE)


@cache
def _load(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def instant_of(wall: datetime, zone: str) -> datetime:
    """Turn a naive wall time into an instant, clamped to what `datetime` can hold.

    A time that does not exist runs at the same wall offset after the gap
    (02:30 becomes 03:30); a time that comes twice means its first occurrence.
    """
    # `fold=0` gives exactly these two rules: the offset in force before the change.
    try:
        instant = wall.replace(tzinfo=load_zone(zone), fold=0).astimezone(UTC)
    except OverflowError:
        return LAST_INSTANT if wall.year > 5000 else FIRST_INSTANT
    return min(max(instant, FIRST_INSTANT), LAST_INSTANT)


def wall_of(instant: datetime, zone: str) -> datetime:
    """Turn an instant into the naive wall time that clocks in the zone show."""
    inside = min(max(instant, FIRST_INSTANT), LAST_INSTANT)
    return inside.astimezone(load_zone(zone)).replace(tzinfo=None, fold=0)
