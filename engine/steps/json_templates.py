"""Read what an author wrote as a JSON object, or as a template that renders to one."""

from __future__ import annotations

from typing import Any

import orjson

from engine.workflow.paths import has_liquid
from storage.records import JsonObject


def checked_template(value: object) -> object:
    """Return what an author wrote, if it is an object or may render to one.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, dict):
        return value
    if not isinstance(value, str):
        got = "nothing" if value is None else type(value).__name__
        raise ValueError(f"expected a JSON object, or a template that gives one; got {got}")
    if not has_liquid(value):
        parsed_object(value, "this text")
    return value


def object_of(template: JsonObject | str, rendered: Any, what: str) -> JsonObject:
    """Return the object that a template rendered to.

    Values with Liquid in an object become what their whole text is in JSON,
    and stay text where it is no JSON.

    Raises:
        ValueError: a text did not render to an object; the message names `what`.
    """
    if isinstance(template, dict):
        found: JsonObject = typed(template, rendered)
        return found
    return parsed_object(str(rendered), f"the rendered {what}")


def parsed_object(text: str, what: str) -> JsonObject:
    """Parse a text that must be a JSON object.

    Raises:
        ValueError: it is not; the message begins with `what`.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        raise ValueError(
            f"{what} is not JSON ({error.msg}, near {near!r}); print values with the json filter"
        ) from None
    if not isinstance(value, dict):
        raise ValueError(f'{what} is not a JSON object such as {{"plan": "pro"}}: {text[:60]!r}')
    return value


def typed(template: Any, rendered: Any) -> Any:
    """Give rendered values the type that their text has in JSON, at any depth."""
    if isinstance(template, dict):
        return {key: typed(value, rendered[key]) for key, value in template.items()}
    if isinstance(template, list):
        pairs = zip(template, rendered, strict=True)
        return [typed(value, shown) for value, shown in pairs]
    if not has_liquid(template):
        return rendered
    try:
        return orjson.loads(rendered)
    except orjson.JSONDecodeError:
        return rendered
