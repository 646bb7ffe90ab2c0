"""Filters on text."""

from __future__ import annotations

import re

from engine.liquid.filters.registry import filter, is_missing
from engine.liquid.limits import MAX_OUTPUT, too_large
from engine.liquid.values import to_text

_WORD_START = re.compile(r"(^|\s)(\S)")


@filter("titlecase")
def titlecase(value: str) -> str:
    """Return the text with the first letter of each word in upper case."""
    return _WORD_START.sub(lambda match: match[1] + match[2].upper(), str(value))


@filter("pluralize")
def pluralize(value: object, one: object, many: object) -> object:
    """Return `one` for 1 and `many` for every other number."""
    try:
        is_one = not is_missing(value) and float(to_text(value)) == 1
    except ValueError:
        is_one = False
    return one if is_one else many


@filter("replace")
def replace(value: str, old: str, new: str = "") -> str:
    """Return the text with every `old` replaced by `new`."""
    # Counted first: a few chained replacements would ask for terabytes.
    grown = len(value) + value.count(old) * (len(new) - len(old))
    if grown > MAX_OUTPUT:
        raise too_large("replace", f"{MAX_OUTPUT} characters")
    return value.replace(old, new)
