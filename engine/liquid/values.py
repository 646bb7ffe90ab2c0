"""Turn template values into text, and stand in for values that are missing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from liquid.exceptions import UndefinedError
from liquid.undefined import Undefined
from markupsafe import Markup, escape


class Missing(Undefined):
    """Stand for a value that is not there: empty text, false, an empty list."""

    __slots__ = ()


class StrictMissing(Missing):
    """Stand for a missing value where using one is an error.

    Testing it (`if`, `== nil`, `default`) is allowed: that is how an author
    asks whether the value is there.
    """

    __slots__ = ()
    force_liquid_default = True

    def refuse(self) -> UndefinedError:
        """Build the error that names the missing path."""
        return UndefinedError(
            f"{self.hint or repr(self.name) + ' is undefined'};"
            " send the value or give a fallback with the default filter",
            token=self.token,
        )

    def __str__(self) -> str:
        """Refuse to be printed."""
        raise self.refuse()

    def __len__(self) -> int:
        """Refuse to be measured or looped over."""
        raise self.refuse()

    def __iter__(self) -> Iterator[Any]:
        """Refuse to be looped over."""
        raise self.refuse()

    def __int__(self) -> int:
        """Refuse to be counted with."""
        raise self.refuse()

    def __bool__(self) -> bool:
        """Be false without asking for a length."""
        return False

    def __repr__(self) -> str:
        """Name the path, for debugging."""
        return f"StrictMissing({self.name})"

    __eq__ = Missing.__eq__
    __hash__ = Missing.__hash__


def to_text(value: object) -> str:
    """Return the text that `{{ value }}` prints, without escaping."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "".join(to_text(item) for item in value)
    if isinstance(value, dict):
        return to_json(value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    if isinstance(value, Undefined):
        return str(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return ""


def to_markup(value: object) -> Markup:
    """Return the escaped text that `{{ value }}` prints in HTML."""
    if isinstance(value, (list, tuple)):
        return Markup("").join(to_markup(item) for item in value)
    return escape(to_text(value))


def to_json(value: object) -> str:
    """Return the value as JSON text with spaces after commas and colons."""
    return json.dumps(value, ensure_ascii=False, default=_jsonable)


def _jsonable(value: object) -> object:
    if isinstance(value, range):
        return list(value)
    if isinstance(value, StrictMissing):
        raise value.refuse()
    if isinstance(value, dt.date):
        return value.isoformat()
    return None


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 output can carry, with U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
