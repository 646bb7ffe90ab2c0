"""Render the fields of one template, keeping every fault with its field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from engine.errors import TemplateError
from engine.liquid.faults import position
from engine.liquid.limits import MAX_OUTPUT
from engine.liquid.placeholders import Placeholders
from engine.liquid.rendering import Rendering, Session
from engine.liquid.urls import is_dangerous
from engine.render.requests import RenderFault, RenderRequest
from engine.timing.clock import SystemClock

_BREAKS: Final = str.maketrans({"\r": " ", "\n": " ", "\v": " ", "\f": " ", "\x00": None,
                                "\x85": " ", "\u2028": " ", "\u2029": " "})  # fmt: skip


class Fields:
    """Render fields on one scope; a fault is kept and the field is empty."""

    def __init__(self, request: RenderRequest) -> None:
        """Start without faults."""
        now = request.now or SystemClock().now()
        self.session = Session(scope=request.scope, strict=request.strict, now=now)
        self.escapes = request.autoescape
        self.faults: list[RenderFault] = []

    @property
    def scope(self) -> Mapping[str, Any]:
        """Return the scope that templates see."""
        return self.session.scope

    def plain(self, assigned: Mapping[str, object] | None = None) -> Rendering:
        """Start a plain-text context of its own."""
        return Rendering(self.session, assigned=assigned)

    def html(
        self, placeholders: Placeholders, assigned: Mapping[str, object] | None = None
    ) -> Rendering:
        """Start an HTML context whose values are kept aside."""
        return Rendering(
            self.session, html=self.escapes, placeholders=placeholders, assigned=assigned
        )

    def text(self, source: object, field: str, rendering: Rendering | None = None) -> str:
        """Return a field's text; empty, with a fault, if it cannot be rendered."""
        if not isinstance(source, str):
            if source is not None:
                kind = type(source).__name__
                self.fault("syntax", f"expected Liquid text, found {kind}", field)
            return ""
        try:
            return (rendering or self.plain()).render(source)
        except TemplateError as error:
            self.add(error, field)
            return ""

    def line(self, source: object, field: str, rendering: Rendering | None = None) -> str:
        """Return a field as one line: header values must not hold line breaks."""
        return one_line(self.text(source, field, rendering))

    def link(self, source: object, field: str, rendering: Rendering | None = None) -> str:
        """Return a field as a link that cannot run a script."""
        url = self.line(source, field, rendering)
        if is_dangerous(url):
            self.warn(f"{field}: the link {url[:60]!r} could run a script; replaced by '#'")
            return "#"
        return url

    def parsed(self, source: object, field: str) -> Any:
        """Return the JSON value a field renders to; None, with a fault, if it is not JSON."""
        before = len(self.faults)
        text = self.text(source, field)
        if len(self.faults) > before:
            return None
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            line, column = position(text, error.pos)
            near = text[max(0, error.pos - 20) : error.pos + 20]
            message = (
                f"the rendered text is not JSON: {error.msg}, near {near!r};"
                " print values with the json filter"
            )
            self.faults.append(RenderFault("invalid_json", message, line, column, field))
            return None

    def nested(self, value: Any, field: str, depth: int = 0) -> Any:
        """Render every text in lists and mappings; other values pass through."""
        if depth > 64:
            self.fault("nesting", "the template is nested more than 64 deep", field)
            return None
        if isinstance(value, str):
            return self.text(value, field)
        if isinstance(value, Mapping):
            prefix = f"{field}." if field else ""
            return {
                key: self.nested(item, f"{prefix}{key}", depth + 1) for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self.nested(item, f"{field}[{index}]", depth + 1)
                for index, item in enumerate(value)
            ]
        return value

    def warn(self, message: str) -> None:
        """Add a warning to the result."""
        self.session.warnings.append(message)

    def fault(self, kind: str, message: str, field: str) -> None:
        """Add a fault without a position."""
        self.faults.append(RenderFault(kind, message, None, None, field))

    def add(self, error: TemplateError, field: str) -> None:
        """Add a template's error under the field's name."""
        message = error.message if hasattr(error, "message") else str(error)
        self.faults.append(
            RenderFault(error.kind, message, error.line, error.column, field or None)
        )

    def check_size(self, text: str, field: str) -> str:
        """Return the text, or nothing with a fault when it is too long to send."""
        if len(text) > MAX_OUTPUT:
            self.fault("limit", f"the output is longer than {MAX_OUTPUT} characters", field)
            return ""
        return text


def one_line(text: str) -> str:
    """Replace line breaks by spaces and trim the ends."""
    # Every character that `_BREAKS` is about is unprintable, and few texts have any.
    return (text if text.isprintable() else text.translate(_BREAKS)).strip()
