"""Say what can be rendered and what comes back: the contract of every renderer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

JsonObject = dict[str, Any]

RenderKind = Literal["text", "fields", "json", "email", "in_app_feed", "sms", "push", "chat"]
FaultKind = Literal[
    "syntax",
    "unknown_filter",
    "argument",
    "undefined",
    "partial_not_found",
    "depth",
    "nesting",
    "limit",
    "invalid_json",
    "invalid_layout",
]


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """Ask for one rendering.

    `template` is Liquid text for `text` and `json`, a mapping of field name to
    Liquid (lists and mappings of Liquid allowed, other values pass through) for
    `fields`, and the step's template object for channels. `scope` is plain data
    and may be shared by many requests; it is never changed. `now` is what the
    word means in the template; without it, the renderer's own clock.
    """

    kind: RenderKind
    template: Any
    scope: JsonObject
    strict: bool = False
    autoescape: bool = True
    now: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class RenderFault:
    """Name one reason why a template could not be rendered, and where."""

    kind: str
    message: str
    line: int | None = None
    column: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class RenderResult:
    """Hold what was rendered, or the faults that prevented it.

    `output` is text for `text`, the parsed value for `json`, a mapping for
    `fields`, and the message contents of the channel otherwise; it is None when
    `ok` is false.
    """

    ok: bool
    output: Any
    errors: tuple[RenderFault, ...] = ()
    warnings: tuple[str, ...] = ()


def limit_fault(message: str) -> RenderResult:
    """Return the result of a request that had to be given up."""
    return RenderResult(False, None, (RenderFault("limit", message),))


class Renderer(Protocol):
    """Render batches: one result per request, in order, never an exception."""

    def render(
        self, batch: Sequence[RenderRequest], *, patience: float | None = None
    ) -> list[RenderResult]:
        """Return the results; a bad template is a result with faults.

        After `patience` seconds the rest of the batch may be left out; the first
        result is always there.
        """
        ...

    def close(self) -> None:
        """Let go of processes and pipes."""
        ...
