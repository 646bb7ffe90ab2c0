"""Say which texts can be an id: of a user, object, collection, tenant or preference set."""

from __future__ import annotations

import re
from typing import Any, Final

from engine.errors import Problem

LONGEST_ID: Final = 256
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_id(value: Any, path: str) -> Problem | None:
    """Tell what is wrong with an id; None if nothing is."""
    if not isinstance(value, str) or not value:
        message = "expected an id: a string that is not empty"
        return Problem(path=path, message=message, rule="type")
    if "/" in value or "#" in value:
        return Problem(path=path, message="an id may hold neither `/` nor `#`", rule="id.form")
    return check_text(value, path)


def check_text(value: str, path: str) -> Problem | None:
    """Tell what keeps a text from naming anything: its length, or a character unseen."""
    if len(value) > LONGEST_ID:
        message = f"expected an id of at most {LONGEST_ID} characters, got {len(value)}"
        return Problem(path=path, message=message, rule="id.length")
    # Far quicker than the pattern, and all that nearly every id needs.
    found = None if value.isprintable() else _CONTROL.search(value)
    if found is not None:
        code = f"U+{ord(found[0]):04X}"
        message = f"an id may hold no control characters, got {code} at place {found.start() + 1}"
        return Problem(path=path, message=message, rule="id.control")
    return None
