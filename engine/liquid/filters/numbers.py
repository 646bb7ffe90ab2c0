"""Filters that write numbers and amounts the way a locale does."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from liquid.filter import with_context

from engine.liquid.filters.locales import folded, locale_of
from engine.liquid.filters.registry import argument, filter, is_missing
from engine.liquid.values import to_text


@filter("format_number")
@with_context
def format_number(value: object, locale: object = "en", *, context: Any) -> str:
    """Return the number with the locale's grouping and decimal sign."""
    from babel.numbers import format_decimal

    if is_missing(value):
        return ""
    number = number_of(value, "format_number")
    return folded(format_decimal(number, locale=locale_of(locale, context)))


@filter("currency")
@with_context
def currency(value: object, code: object = "USD", locale: object = "en", *, context: Any) -> str:
    """Return an amount with its currency sign and the currency's own digits."""
    from babel.numbers import format_currency

    if is_missing(value):
        return ""
    number = number_of(value, "currency")
    return folded(format_currency(number, _code(code), locale=locale_of(locale, context)))


@filter("rounded_currency")
@with_context
def rounded_currency(
    value: object, code: object = "USD", locale: object = "en", *, context: Any
) -> str:
    """Return an amount with its currency sign, rounded half up to whole units."""
    from babel.numbers import format_currency

    if is_missing(value):
        return ""
    number = number_of(value, "rounded_currency").quantize(Decimal(1), ROUND_HALF_UP)
    found = locale_of(locale, context)
    whole = str(found.currency_formats["standard"].pattern).replace(".00", "")
    return folded(format_currency(number, _code(code), whole, locale=found, currency_digits=False))


def number_of(value: object, name: str) -> Decimal:
    """Return a number or numeric text as a decimal; raises an argument error."""
    try:
        number = Decimal(to_text(value).strip()[:64])
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 30:
        raise argument(f"{name}: expected a number, found {to_text(value)[:40]!r}")
    return number


def _code(value: object) -> str:
    text = to_text(value).strip().upper()
    if len(text) != 3 or not text.isalpha():
        raise argument(f'expected a currency code such as "EUR", found {text[:40]!r}')
    return text
