"""Filters on instants. A time without a zone is UTC."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil import parser  # type: ignore[import-untyped]  # comes with python-liquid
from liquid.filter import with_context
from markupsafe import Markup

from engine.liquid.filters.registry import argument, filter, is_missing
from engine.liquid.strftime import strftime
from engine.liquid.values import to_text

_LONGEST_DATE: Final = 100


@filter("date")
@with_context
def date(value: object, template: object = None, zone: object = None, *, context: Any) -> str:
    """Return the instant in a strftime format, in a zone if one is named.

    What cannot be read as an instant is returned unchanged.
    """
    if is_missing(value):
        return ""
    moment = context.session.clock() if value in ("now", "today") else moment_of(value)
    if moment is None or is_missing(template):
        return to_text(value)
    if not is_missing(zone):
        moment = moment.astimezone(zone_of(zone))
    text = strftime(moment, to_text(template))
    return Markup(text) if isinstance(template, Markup) else text  # noqa: S704  # digits and names in the author's format


@filter("timezone")
@with_context
def timezone(value: object, zone: object, *, context: Any) -> str:
    """Return the instant as ISO 8601 in an IANA zone, with its offset."""
    if is_missing(value):
        return ""
    moment = context.session.clock() if value in ("now", "today") else moment_of(value)
    if moment is None:
        raise argument(f"timezone: expected an ISO 8601 time, found {to_text(value)[:60]!r}")
    return str(moment.astimezone(zone_of(zone)).isoformat())


def moment_of(value: object) -> dt.datetime | None:
    """Return the aware instant a value stands for, or nothing."""
    if isinstance(value, str):
        return _parsed(value) if len(value) <= _LONGEST_DATE else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_seconds(value)
    return None


def zone_of(name: object) -> dt.tzinfo:
    """Return the IANA zone of that name; raises an argument error for others."""
    try:
        return ZoneInfo(to_text(name))
    except (KeyError, ValueError, OSError) as error:
        raise argument(
            f'expected an IANA time zone such as "Europe/Paris", found {to_text(name)[:60]!r}'
        ) from error


@lru_cache(maxsize=512)
def _parsed(text: str) -> dt.datetime | None:
    if text.isdigit():
        return _from_seconds(int(text))
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parser.parse(text)
        except (ValueError, OverflowError, TypeError):
            return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _from_seconds(seconds: float) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, OSError, ValueError):
        return None
