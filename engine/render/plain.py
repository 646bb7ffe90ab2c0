"""Turn a scope into the plain JSON that the render process gets; needs no Liquid."""

from __future__ import annotations

import orjson


def packed(value: object) -> bytes:
    """Return a value as JSON; lone surrogates become U+FFFD, odd objects null."""
    try:
        return orjson.dumps(value, default=_nothing, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return orjson.dumps(_mended(value), default=_nothing, option=orjson.OPT_NON_STR_KEYS)


def _nothing(value: object) -> None:
    return None


def _mended(value: object) -> object:
    from engine.liquid.values import without_surrogates

    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_mended(item) for item in value]
    if isinstance(value, int) and value.bit_length() > 63:
        return float(value) if value.bit_length() < 1000 else None
    return value
