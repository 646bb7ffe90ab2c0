"""Describe pydantic models as tables: name, form, default, meaning."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum, EnumType
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from docs.generate.markdown import code, table
from docs.generate.wording import FORMS, MEANINGS

_FORMS: Final[Mapping[Any, str]] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dict: "object",
    list: "list",
    tuple: "list",
    Path: "path",
    SecretStr: "secret text",
    Any: "any",
}


def fields_table(model: type[BaseModel], owner: str) -> str:
    """Write one row per field; `owner` tells apart what other models name alike."""
    rows = [
        (
            code(info.alias or name),
            form(owner, name, info),
            default(info),
            meaning(owner, name, info),
        )
        for name, info in model.model_fields.items()
    ]
    return table(("Field", "Form", "Default", "Meaning"), rows)


def meaning(owner: str, name: str, info: FieldInfo) -> str:
    """Say what a field is for: in the code's words, or else in ours.

    Raises:
        LookupError: nobody has described it yet.
    """
    words = ". ".join(part.rstrip(".") for part in (info.title, info.description) if part)
    found = words or MEANINGS.get(f"{owner}.{name}") or MEANINGS.get(name)
    if not found:
        raise LookupError(
            f"The field {owner}.{name} is described nowhere: give it a description where it is "
            "declared, or a line in docs/generate/wording.py."
        )
    return found if found.endswith((".", "?", "!")) else f"{found}."


def form(owner: str, name: str, info: FieldInfo) -> str:
    """Say which values a field takes, with its bounds."""
    text = FORMS.get(f"{owner}.{name}") or FORMS.get(name) or _form(info.annotation)
    bounds = [
        f"{sign} {value:g}"
        for mark in info.metadata
        for sign, value in (
            ("≥", getattr(mark, "ge", None) if isinstance(mark, Ge) else None),
            (">", getattr(mark, "gt", None) if isinstance(mark, Gt) else None),
            ("≤", getattr(mark, "le", None) if isinstance(mark, Le) else None),
            ("<", getattr(mark, "lt", None) if isinstance(mark, Lt) else None),
        )
        if value is not None
    ]
    return f"{text}, {' and '.join(bounds)}" if bounds else text


def default(info: FieldInfo) -> str:
    """Write the default; nothing where a field may simply be absent."""
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None or value in ("", (), {}, []) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, float):
        return code(f"{value:g}")
    return code(value)


def _form(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _form(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_form(a) for a in arguments if a is not type(None)))
    if origin is Literal:
        return ", ".join(code(value) for value in arguments)
    if isinstance(annotation, EnumType):
        return ", ".join(code(member.value) for member in list[Enum](annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return _FORMS.get(origin or annotation, str(getattr(annotation, "__name__", annotation)))
