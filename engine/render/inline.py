"""Render in this process, for tests and the simulator; nothing here can be killed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import orjson

from engine.render.core import render_one
from engine.render.plain import packed
from engine.render.requests import JsonObject, RenderRequest, RenderResult


class InlineRenderer:
    """Render batches with the code of the render process, on a copy of each scope."""

    def __init__(self) -> None:
        """Start with nothing rendered."""
        self.rendered = 0
        self.kills = 0

    def render(
        self, batch: Sequence[RenderRequest], *, patience: float | None = None
    ) -> list[RenderResult]:
        """Return one result per request, in order; fewer when patience is over."""
        until = math.inf if patience is None else time.monotonic() + patience
        copies: dict[int, JsonObject] = {}
        results: list[RenderResult] = []
        for request in batch:
            if results and time.monotonic() > until:
                break
            scope = copies.get(id(request.scope))
            if scope is None:
                # The way through JSON makes it the plain data the other process gets.
                scope = copies[id(request.scope)] = orjson.loads(packed(request.scope))
            results.append(render_one(replace(request, scope=scope)))
        self.rendered += len(results)
        return results

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
