"""Lay preference sets over each other, remembering which layer each value came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

STRATEGY: Final = "__strategy__"
# Maps of entries: only what is in them can ask to replace, they themselves cannot.
_OF_ENTRIES: Final = ("workflows", "categories")


class EffectiveSet(NamedTuple):
    """A merged set, and of each of its values the layer that said so.

    `origins` mirrors `content` as far as layers are mixed; a name stands for
    all that is below it.
    """

    content: Json
    origins: Mapping[str, Any]

    def layer_of(self, path: Sequence[str]) -> str:
        """Name the layer that the value at `path` came from."""
        found: Any = self.origins
        for part in path:
            if isinstance(found, str):
                break
            found = found[part]
        return found if isinstance(found, str) else ""


def merge(layers: Iterable[tuple[str, Mapping[str, Any] | None]]) -> EffectiveSet:
    """Merge named sets, highest first: a lower one only fills what the higher lack (E-145).

    An entry, or map of channels, of a lower set that asks to replace wins whole (E-146).
    """
    content: Json = {}
    origins: Json = {}
    for name, layer in layers:
        if layer:
            content, origins = _under(content, origins, layer, name, at_root=True)
    return EffectiveSet(content, origins)


def layered(*layers: Mapping[str, Any] | None) -> Json:
    """Merge sets, highest first, for those who do not ask where values came from."""
    return merge(("", layer) for layer in layers).content


def _under(
    high: Mapping[str, Any], origins: Mapping[str, Any], low: Mapping[str, Any], name: str,
    *, at_root: bool = False,
) -> tuple[Json, Json]:  # fmt: skip
    merged, traced = dict(high), dict(origins)
    for key, value in low.items():
        held = merged.get(key)
        if held is None or (_replaces(value) and not (at_root and key in _OF_ENTRIES)):
            merged[key], traced[key] = value, name
        elif isinstance(held, dict) and isinstance(value, dict):
            below = traced[key]
            if isinstance(below, str):
                below = dict.fromkeys(held, below)
            merged[key], traced[key] = _under(held, below, value, name)
    return merged, traced


def _replaces(value: Any) -> bool:
    return isinstance(value, dict) and value.get(STRATEGY) == "replace"
