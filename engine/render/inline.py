"""Render in this process, for tests and the simulator; nothing here can be killed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import orjson

from engine.liquid.values import without_surrogates
from engine.render.core import render_one
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


def packed(value: object) -> bytes:
    """Return a value as JSON; lone surrogates become U+FFFD, odd objects null."""
    try:
        return orjson.dumps(value, default=_nothing, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return orjson.dumps(_mended(value), default=_nothing, option=orjson.OPT_NON_STR_KEYS)


def _nothing(value: object) -> None:
    return None


def _mended(value: object) -> object:
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mended(item) for item in value]
    if isinstance(value, int) and value.bit_length() > 63:
        return float(value) if value.bit_length() < 1000 else None
    return value
