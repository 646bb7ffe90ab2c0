"""Register the library's filters and ours; a family of filters is one module here."""

from __future__ import annotations

from liquid import Environment

from engine.liquid.filters import (
    dates,
    hashes,
    lists,
    locales,
    markup,
    numbers,
    text,
    versions,
)
from engine.liquid.filters.registry import FILTERS, fenced, filter

__all__ = ["FAMILIES", "filter", "register"]

FAMILIES = (lists, dates, hashes, locales, markup, numbers, text, versions)


def register(environment: Environment) -> None:
    """Put every filter into an environment, fenced."""
    functions = {**environment.filters, **FILTERS}
    for name, function in functions.items():
        environment.add_filter(name, fenced(name, function, environment))
