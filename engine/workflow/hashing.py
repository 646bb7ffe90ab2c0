"""Hash a definition by what it means, not by how its file is laid out."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def content_hash(definition: Any) -> str:
    """Return the same hash for the same content, whatever the order of keys.

    A `field@` beside its `field` says only which file the text lives in, so
    it is left out: moving a text into a file makes no new version.
    """
    data = orjson.dumps(_meaning(definition), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()


def is_file_reference(key: str, value: Any, siblings: Any) -> bool:
    """Tell a `field@` that stands beside its inlined `field` from a user's own key."""
    return key.endswith("@") and isinstance(value, str) and key[:-1] in siblings


def _meaning(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _meaning(item)
            for key, item in value.items()
            if not is_file_reference(key, item, value)
        }
    if isinstance(value, list):
        return [_meaning(item) for item in value]
    return value
