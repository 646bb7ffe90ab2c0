"""Blot secret variables out of what a run writes about itself (R-33)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from engine.net.log import Masker
from storage.records import JsonObject


def masked(timeline: Sequence[JsonObject], secrets: tuple[str, ...]) -> tuple[JsonObject, ...]:
    """Return timeline entries whose data shows none of these values.

    Conditions tell what they compared and failures what they were given: both
    may hold a secret that a template or a path has put there.
    """
    if not secrets:
        return tuple(timeline)
    masker = _masker(secrets)
    return tuple({**entry, "data": masker.json(entry["data"])} for entry in timeline)


@lru_cache(maxsize=16)
def _masker(secrets: tuple[str, ...]) -> Masker:
    return Masker(secrets)
