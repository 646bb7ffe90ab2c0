"""Render one request; every renderer, in this process or another, ends here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.liquid.faults import DATA_ERRORS, from_python
from engine.render.email import render_email
from engine.render.feed import render_feed
from engine.render.fields import Fields
from engine.render.requests import JsonObject, RenderRequest, RenderResult
from engine.render.short import render_chat, render_push, render_sms

_CHANNELS: Final[dict[str, Callable[[Fields, Mapping[str, Any]], JsonObject]]] = {
    "email": render_email,
    "in_app_feed": render_feed,
    "sms": render_sms,
    "push": render_push,
    "chat": render_chat,
}


def render_one(request: RenderRequest) -> RenderResult:
    """Return the result of one request; a bad template is a result with faults."""
    fields = Fields(request)
    try:
        output = _output(fields, request)
    except (*DATA_ERRORS, RecursionError, MemoryError) as error:
        fields.add(from_python(error), "")
        output = None
    warnings = tuple(fields.session.warnings)
    if fields.faults:
        return RenderResult(False, None, tuple(fields.faults), warnings)
    return RenderResult(True, output, (), warnings)


def _output(fields: Fields, request: RenderRequest) -> Any:
    kind, template = request.kind, request.template
    if kind == "text":
        return fields.text(template, "")
    if kind == "json":
        return fields.parsed(template, "")
    if not isinstance(template, Mapping):
        fields.fault("syntax", f"expected a template object, found {type(template).__name__}", "")
        return None
    if kind == "fields":
        return fields.nested(template, "")
    render = _CHANNELS.get(kind)
    if render is None:
        fields.fault("syntax", f"expected a kind that can be rendered, found {kind!r}", "")
        return None
    return render(fields, template)
