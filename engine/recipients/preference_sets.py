"""Read preference sets as they are sent, and change stored ones (engine 6.1, 6.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.errors import Problem
from engine.preferences.merge import STRATEGY
from engine.recipients.ids import LONGEST_ID, check_id, check_text
from engine.recipients.properties import deep_merge
from storage.records import JsonObject

CHANNEL_TYPES: Final = ("email", "in_app_feed", "sms", "push", "chat", "http")
KEYS: Final = ("workflows", "categories", "channel_types", "channels", "commercial_subscribed")
PERSISTENCE: Final = "__persistence_strategy__"
_STRATEGIES: Final = ("merge", "replace")
_CONDITIONS: Final = "conditions"
_LONGEST_KEY: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceChange:
    """A set as sent: its content, and whether it asks to replace or to merge."""

    content: JsonObject
    strategy: str | None = None


def read_set(json: Any, path: str, problems: list[Problem]) -> PreferenceChange:
    """Read one set; unknown keys are dropped, faults are added to `problems`."""
    if not isinstance(json, dict):
        problems.append(_expected(path, "a preference set"))
        return PreferenceChange(content={})
    prefix = f"{path}." if path else ""
    strategy = json.get(PERSISTENCE)
    if strategy is not None and strategy not in _STRATEGIES:
        problems.append(_expected(f"{prefix}{PERSISTENCE}", "`merge` or `replace`"))
    content = {
        key: _READERS[key](json[key], f"{prefix}{key}", problems) for key in KEYS if key in json
    }
    return PreferenceChange(content=content, strategy=strategy)


def read_sets(
    json: Any, path: str, problems: list[Problem], *, is_named: bool = True
) -> dict[str, PreferenceChange]:
    """Read sets by id; with `is_named` false the path stands for the only one."""
    if json is None:
        return {}
    if not isinstance(json, dict):
        problems.append(_expected(path, "an object by preference set id"))
        return {}
    faults = (check_id(id, f"{path}.{id[:LONGEST_ID]}") for id in json if is_named)
    problems += [fault for fault in faults if fault is not None]
    return {
        id: read_set(value, f"{path}.{id}" if is_named else path, problems)
        for id, value in json.items()
    }


def apply_change(stored: JsonObject | None, change: PreferenceChange, default: str) -> JsonObject:
    """Give the content after `change`; `default` is the strategy where it names none."""
    if stored is None or (change.strategy or default) == "replace":
        return change.content
    return deep_merge(stored, change.content)


# ------------------------------------------------------------------ reading


def _value(json: Any, path: str, problems: list[Problem]) -> Any:
    """Read a boolean, null, or `{conditions}`."""
    if json is None or isinstance(json, bool):
        return json
    if not isinstance(json, dict) or _CONDITIONS not in json:
        problems.append(_expected(path, "true, false or an object with `conditions`"))
        return None
    return {_CONDITIONS: _conditions(json[_CONDITIONS], f"{path}.{_CONDITIONS}", problems)}


def _conditions(json: Any, path: str, problems: list[Problem]) -> Any:
    if json is None:
        return None
    if not isinstance(json, list):
        problems.append(_expected(path, "an array of conditions"))
        return None
    for index, item in enumerate(json):
        parts = (item.get("variable"), item.get("operator")) if isinstance(item, dict) else (None,)
        if not all(isinstance(part, str) for part in parts):
            problems.append(_expected(f"{path}[{index}]", "`variable`, `operator`, `argument`"))
    return json


def _map(
    json: Any, path: str, problems: list[Problem], read: Callable[[Any, str, list[Problem]], Any]
) -> Any:
    if json is None:
        return None
    if not isinstance(json, dict):
        problems.append(_expected(path, "an object"))
        return None
    found: JsonObject = {}
    for key, value in json.items():
        if key == STRATEGY:
            found[key] = _strategy(value, f"{path}.{key}", problems)
        elif len(key) > _LONGEST_KEY:
            problems.append(_expected(path, f"keys of at most {_LONGEST_KEY} characters"))
        elif (fault := check_text(key, f"{path}.{key}")) is not None:
            problems.append(fault)
        else:
            found[key] = read(value, f"{path}.{key}", problems)
    return found


def _channel_types(json: Any, path: str, problems: list[Problem]) -> Any:
    found = _map(json, path, problems, _value)
    unknown = [key for key in found or () if key not in CHANNEL_TYPES and key != STRATEGY]
    for key in unknown:
        problems.append(_expected(f"{path}.{key}", f"one of {', '.join(CHANNEL_TYPES)}"))
    return found


def _channels(json: Any, path: str, problems: list[Problem]) -> Any:
    return _map(json, path, problems, _value)


def _entries(json: Any, path: str, problems: list[Problem]) -> Any:
    # Only the entries may ask for a strategy: at this level the key would name a workflow.
    return _map(json, path, problems, _entry)


def _entry(json: Any, path: str, problems: list[Problem]) -> Any:
    if json is None or isinstance(json, bool):
        return json
    if not isinstance(json, dict):
        problems.append(_expected(path, "true, false or an object"))
        return None
    return {
        key: _ENTRY_READERS[key](value, f"{path}.{key}", problems)
        for key, value in json.items()
        if key in _ENTRY_READERS
    }


def _strategy(json: Any, path: str, problems: list[Problem]) -> Any:
    if json not in _STRATEGIES:
        problems.append(_expected(path, "`merge` or `replace`"))
    return json


_Reader = Callable[[Any, str, list[Problem]], Any]
_READERS: Final[Mapping[str, _Reader]] = {
    "workflows": _entries,
    "categories": _entries,
    "channel_types": _channel_types,
    "channels": _channels,
    "commercial_subscribed": _value,
}
_ENTRY_READERS: Final[Mapping[str, _Reader]] = {
    "channel_types": _channel_types,
    "channels": _channels,
    _CONDITIONS: _conditions,
    STRATEGY: _strategy,
}


def _expected(path: str, what: str) -> Problem:
    return Problem(path=path, message=f"expected {what}", rule="type")
