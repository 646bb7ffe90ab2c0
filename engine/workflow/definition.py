"""Read the wire JSON of a workflow: its arms, its steps in order, their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.records import JsonObject

# Which key of a container step holds its arms; no other step nests steps.
ARMS: Final[Mapping[str, str]] = {"branch": "branches", "random_cohort": "cohort_branches"}

MAX_DEPTH: Final = 100  # levels of JSON; what recursion may rely on
MAX_STEPS: Final = 1_000
MAX_NESTING: Final = 5
MAX_ARMS: Final = 10
MIN_ARMS: Final = 2
MAX_DESCRIPTION: Final = 280

FREQUENCIES: Final = ("every_trigger", "once_per_recipient", "once_per_recipient_per_tenant")
CHANNEL_TYPES: Final = ("email", "in_app_feed", "in_app_guide", "sms", "push", "chat", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A step and where it stands: `path` from the root, `depth` in containers."""

    step: JsonObject
    path: str
    depth: int

    @property
    def ref(self) -> str | None:
        """Give the step's ref if it has a usable one."""
        ref = self.step.get("ref")
        return ref if isinstance(ref, str) and ref else None


def steps_of(definition: Mapping[str, Any]) -> list[JsonObject]:
    """Give the top-level steps; anything that is no object is left out."""
    return _objects(definition.get("steps"))


def arms_key(step: Mapping[str, Any]) -> str | None:
    """Name the key that holds a container's arms; None for other steps."""
    return ARMS.get(str(step.get("type", "")))


def arms_of(step: Mapping[str, Any]) -> list[JsonObject]:
    """Give the arms of a container in order; empty for other steps."""
    key = arms_key(step)
    return _objects(step.get(key)) if key else []


def without(mapping: Mapping[str, Any], *keys: str) -> JsonObject:
    """Copy a mapping without some keys, order kept."""
    return {key: value for key, value in mapping.items() if key not in keys}


def walk(steps: Iterable[JsonObject], path: str = "steps", depth: int = 0) -> Iterator[Place]:
    """Visit every step in reading order, containers before what they hold."""
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        yield Place(step=step, path=here, depth=depth)
        key = arms_key(step)
        for number, arm in enumerate(arms_of(step)):
            yield from walk(steps_of(arm), f"{here}.{key}[{number}].steps", depth + 1)


def refs_of(definition: Mapping[str, Any]) -> list[str]:
    """List the refs of all steps in reading order."""
    return [place.ref for place in walk(steps_of(definition)) if place.ref]


def channel_types_of(definition: Mapping[str, Any]) -> list[str]:
    """List the channel types that a workflow uses, each once, in reading order."""
    kinds = (
        str(place.step.get("channel_type", ""))
        for place in walk(steps_of(definition))
        if place.step.get("type") == "channel"
    )
    return list(dict.fromkeys(kinds))


def free_ref(refs: Iterable[str], type_: str) -> str:
    """Make the ref of a new step: its type and the smallest number still free."""
    taken = set(refs)
    number = 1
    while f"{type_}_{number}" in taken:
        number += 1
    return f"{type_}_{number}"


def is_too_deep(value: Any, limit: int = MAX_DEPTH) -> bool:
    """Tell whether JSON is nested deeper than recursive code may follow."""
    level: list[Any] = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return False
        level = inner
    return True


def _objects(value: Any) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
