"""Filters that write dates the way a locale does.

Babel takes a tenth of a second and tens of megabytes to load, so it is
imported when the first such filter runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

from liquid.filter import with_context

from engine.liquid.filters.dates import moment_of
from engine.liquid.filters.registry import argument, filter, is_missing
from engine.liquid.values import to_text

if TYPE_CHECKING:
    from babel import Locale

_LENGTHS: Final = ("short", "medium", "long", "full")
_ALIASES: Final = {"no": "nb", "zh_CN": "zh_Hans_CN", "zh_TW": "zh_Hant_TW"}


@filter("format_date_in_locale")
@with_context
def format_date_in_locale(
    value: object, locale: object = "en", length: object = "short", *, context: Any
) -> str:
    """Return the date in the locale's short, medium, long or full form."""
    from babel.dates import format_date

    moment = _moment(value, context)
    if moment is None:
        return to_text(value)
    found = locale_of(locale, context)
    return folded(format_date(moment, cast(Any, _length(length)), locale=found))


@filter("format_datetime_in_locale")
@with_context
def format_datetime_in_locale(
    value: object,
    locale: object = "en",
    date_length: object = "short",
    time_length: object = "short",
    *,
    context: Any,
) -> str:
    """Return date and time, each in its own length, joined as the locale joins them."""
    from babel.dates import format_date, format_time

    moment = _moment(value, context)
    if moment is None:
        return to_text(value)
    found, length = locale_of(locale, context), _length(date_length)
    pattern = "{1}, {0}" if found.language == "en" else str(found.datetime_formats[length])
    day = format_date(moment, cast(Any, length), locale=found)
    clock = format_time(moment, cast(Any, _length(time_length)), tzinfo=moment.tzinfo, locale=found)
    return folded(pattern.replace("'", "").replace("{1}", day).replace("{0}", clock))


def locale_of(name: object, context: Any = None) -> Locale:
    """Return a locale; an unknown region falls to its language, then to English."""
    found, is_exact = _locale(to_text(name)[:64])
    if not is_exact and context is not None:
        context.warn(f"unknown locale {to_text(name)[:64]!r}; taken as English")
    return found


def folded(text: str) -> str:
    """Replace the narrow space of CLDR patterns, which many fonts lack."""
    return text.replace("\u202f", " ")


@lru_cache(maxsize=256)
def _locale(name: str) -> tuple[Locale, bool]:
    from babel import Locale, UnknownLocaleError

    wanted = name.strip().replace("-", "_")
    wanted = _ALIASES.get(wanted, wanted)
    for candidate in (wanted, wanted.partition("_")[0]):
        try:
            return Locale.parse(candidate), True
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return Locale.parse("en"), not wanted


def _moment(value: object, context: Any) -> Any:
    if value in ("now", "today"):
        return context.session.clock()
    return None if is_missing(value) else moment_of(value)


def _length(value: object) -> str:
    if value not in _LENGTHS:
        raise argument(f"expected short, medium, long or full, found {to_text(value)[:40]!r}")
    return str(value)
