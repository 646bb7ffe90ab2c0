"""Filters on lists and JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from liquid.filter import flatten, with_environment
from liquid.undefined import Undefined
from markupsafe import Markup

from engine.liquid.filters.registry import argument, filter
from engine.liquid.limits import MAX_OUTPUT, too_large
from engine.liquid.values import to_json, to_text


def items_of(value: object) -> list[Any]:
    """Return a value as a flat list; one thing is a list of one."""
    if isinstance(value, (list, tuple)):
        return flatten(value)
    if isinstance(value, range):
        return list(value)
    if value is None or isinstance(value, Undefined):
        return []
    return [value]


@filter("json")
def json(value: object) -> str:
    """Return the value as JSON text; undefined is null."""
    return to_json(value)


@filter("from_json")
def from_json(value: object) -> object:
    """Return the value that JSON text stands for; what is not text stays itself."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise argument(f"from_json: expected JSON text, found {value[:40]!r} ({error})") from error


@filter("intersect")
def intersect(value: object, other: object) -> list[Any]:
    """Return the elements that are in both lists, in the order of the first."""
    wanted = {_identity(item) for item in items_of(other)}
    return [item for item in _distinct(items_of(value)) if _identity(item) in wanted]


@filter("uniq")
def uniq(value: object, key: object = None) -> list[Any]:
    """Return the list without repeats; with a key, one element per its value."""
    return list(_distinct(items_of(value), None if key is None else to_text(key)))


@filter("map")
def map_(value: object, key: object) -> list[Any]:
    """Return one member of every element; nil where an element has none."""
    name = to_text(key)
    return [item.get(name) if isinstance(item, dict) else None for item in items_of(value)]


@filter("join")
@with_environment
def join(value: object, separator: object = " ", *, environment: Any) -> str:
    """Return the elements as one text with a separator between them."""
    items = items_of(value)
    glue = separator if isinstance(separator, str) else to_text(separator)
    if environment.autoescape and separator == " ":
        glue = Markup(" ")
    texts = [item if isinstance(item, str) else to_text(item) for item in items]
    if sum(map(len, texts)) + len(glue) * len(texts) > MAX_OUTPUT:
        raise too_large("join", f"{MAX_OUTPUT} characters")
    return glue.join(texts)


def _distinct(items: Iterable[Any], key: str | None = None) -> Iterable[Any]:
    # The library compares every element with every other, which is quadratic.
    seen: set[object] = set()
    for item in items:
        member = item.get(key) if key is not None and isinstance(item, dict) else item
        identity = _identity(member)
        if identity not in seen:
            seen.add(identity)
            yield item


def _identity(value: object) -> object:
    if isinstance(value, (dict, list, bool)):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return value
