"""Read every dialect of the query string that the official clients send.

Arrays come as `status[]=a` or `status=a`, ranges as `inserted_at[gt]=…` or
`inserted_at.gt=…`, objects as brackets, dots or JSON text, lists of objects as
`recipients[]=u1&recipients[][id]=x&recipients[][collection]=y`.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from engine.errors import InvalidInput, Problem
from engine.timing.instants import parse_instant
from storage.records import USERS, JsonObject, RecipientRef

_MOST_FIELDS: Final = 2000
_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_BOUNDS: Final = ("gt", "gte", "lt", "lte")
Path = tuple[str, ...]


class UnusableFilter(InvalidInput):
    """A filter's value can match nothing: a list is empty, anything else is refused."""

    def __init__(self, name: str, expected: str) -> None:
        """Say what the parameter should have been."""
        message = f"`{name}` must be {expected}"
        super().__init__(problems=[Problem(path=name, message=message, rule="query.value")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The bounds of an instant; None where open."""

    gt: datetime | None = None
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None


class Query:
    """A query string by parameter name; each reader knows the forms of its type."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, list[tuple[Path, str]]]) -> None:
        """Hold for each name its values, each with the path inside the name."""
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str | None:
        """Give the last plain value; None if there is none."""
        found = [value for path, value in self._fields.get(name, ()) if not path]
        return found[-1] if found else None

    def texts(self, name: str) -> list[str]:
        """Give all values of an array, in order; a comma separates nothing."""
        return [value for path, value in self._fields.get(name, ()) if len(path) <= 1]

    def flag(self, name: str) -> bool | None:
        """Give a boolean.

        Raises:
            UnusableFilter: it is neither `true` nor `false`.
        """
        value = self.text(name)
        if value is None or value == "":
            return None
        if value.lower() not in ("true", "false"):
            raise UnusableFilter(name, "true or false")
        return value.lower() == "true"

    def number(self, name: str) -> int | None:
        """Give a whole number; None if there is none or it is not one."""
        value = self.text(name)
        if value is None or len(value) > 18 or not re.fullmatch(r"-?[0-9]+", value):
            return None
        return int(value)

    def range(self, name: str) -> Range | None:
        """Give the bounds of an instant; None if there are none.

        Raises:
            UnusableFilter: a bound is no ISO 8601 instant, or no bound at all.
        """
        bounds: dict[str, datetime] = {}
        for path, value in self._fields.get(name, ()):
            instant = parse_instant(value)
            if instant is None or len(path) != 1 or path[0] not in _BOUNDS:
                raise UnusableFilter(name, "gt, gte, lt or lte with an ISO 8601 instant")
            bounds[path[0]] = instant
        return Range(**bounds) if bounds else None

    def references(self, name: str) -> list[RecipientRef]:
        """Give a list of recipients: bare user ids, pairs, or JSON of either.

        Raises:
            UnusableFilter: one of them is neither.
        """
        return [_reference(name, item) for item in self._items(name)]

    def reference(self, name: str) -> RecipientRef | None:
        """Give one recipient; None if there is none.

        Raises:
            UnusableFilter: it is neither an id nor a pair.
        """
        found = self.references(name)
        return found[-1] if found else None

    def object(self, name: str) -> JsonObject | None:
        """Give an object sent as JSON text, in brackets or with dots.

        Raises:
            UnusableFilter: it is text, but not of a JSON object.
        """
        fields = self._fields.get(name)
        if not fields:
            return None
        inner = {".".join(path): value for path, value in fields if path}
        if inner:
            return dict(inner)
        try:
            value = orjson.loads(fields[-1][1])
        except orjson.JSONDecodeError:
            raise UnusableFilter(name, "a JSON object") from None
        if not isinstance(value, dict):
            raise UnusableFilter(name, "a JSON object")
        return value

    def _items(self, name: str) -> list[Any]:
        items: list[Any] = []
        current: dict[str, str] | None = None
        last_index: str | None = None
        for path, value in self._fields.get(name, ()):
            index, key = _split_item(path)
            if key is None:
                current = None
                items.append(value)
                continue
            # A repeated key, or another index, starts the next object of the list.
            if current is None or key in current or index != last_index:
                current, last_index = {}, index
                items.append(current)
            current[key] = value
        return items


def parse_query(raw: bytes) -> Query:
    """Parse a query string; names are split at brackets and dots.

    Raises:
        InvalidInput: it has more than 2,000 fields.
    """
    if not raw:
        return Query({})
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=_MOST_FIELDS,
            errors="replace",
        )
    except ValueError:
        message = f"The query string has more than {_MOST_FIELDS} fields"
        raise InvalidInput(problems=[Problem(message=message, rule="query.length")]) from None
    fields: dict[str, list[tuple[Path, str]]] = {}
    for key, value in pairs:
        name, path = _split_name(key)
        fields.setdefault(name, []).append((path, value))
    return Query(fields)


def _split_name(key: str) -> tuple[str, Path]:
    at = key.find("[")
    if at > 0 and key.endswith("]"):
        return key[:at], tuple(_BRACKETS.findall(key[at:]))
    name, dot, rest = key.partition(".")
    return (name, (rest,)) if dot and name and rest else (key, ())


def _split_item(path: Path) -> tuple[str, str | None]:
    """Tell the index and the key: `[][id]`, `[0][id]`, `[id]` and none of them."""
    if len(path) >= 2:
        return path[0], path[1]
    if len(path) == 1 and path[0] and not path[0].isdigit():
        return "", path[0]
    return "", None


def _reference(name: str, item: Any) -> RecipientRef:
    if isinstance(item, str) and item.startswith("{"):
        with contextlib.suppress(orjson.JSONDecodeError):
            item = orjson.loads(item)
    if isinstance(item, str) and item:
        return RecipientRef(USERS, item)
    if isinstance(item, dict):
        id, collection = item.get("id"), item.get("collection", USERS)
        if isinstance(id, str) and isinstance(collection, str):
            return RecipientRef(collection, id)
    raise UnusableFilter(name, "a user id, or an id and a collection")
