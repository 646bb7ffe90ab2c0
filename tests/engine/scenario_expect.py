"""Compare what came of a scenario with what it expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from tests.engine.scenario_file import JsonObject, instant

_TOLERANCE: Final = timedelta(seconds=1)
_ABSENT: Final = object()
_TIMES: Final = frozenset({"at", "started", "ended", "sent_at", "scheduled_at"})


def failures(expected: JsonObject, result: JsonObject, now: datetime) -> list[JsonObject]:
    """List every expectation that does not hold: path, expected, actual."""
    return list(_failures(expected, result, now))


def _failures(expected: JsonObject, result: JsonObject, now: datetime) -> Iterator[JsonObject]:
    messages = result["messages"]
    yield from _in_order(expected.get("messages", []), messages, now)
    for name, found in (("message_count", messages), ("run_count", result["runs"])):
        if name in expected and expected[name] != len(found):
            yield _failure(f"expect.{name}", expected[name], len(found))
    skips = [_skip(run, entry) for run in result["runs"] for entry in run["timeline"]]
    lists = {
        "runs": result["runs"],
        "skips": [skip for skip in skips if skip["event"] == "step_skipped"],
        "rejected": result["rejected"],
        "requests": result["requests"],
    }
    for name, found in lists.items():
        yield from _found(f"expect.{name}", expected.get(name, []), found, now)
    state = expected.get("state", {})
    if not _covers(state, result["state"]):
        yield _failure("expect.state", state, _only(state, result["state"]))


def _skip(run: JsonObject, entry: JsonObject) -> JsonObject:
    return {"recipient": run["recipient"], "workflow": run["workflow"], "run": run["id"], **entry}


def _in_order(wanted: list[Any], found: list[Any], now: datetime) -> Iterator[JsonObject]:
    """Match each entry with the first message after the one before that fits it."""
    position = 0
    for index, entry in enumerate(wanted):
        fits = (i for i in range(position, len(found)) if _fits(entry, found[i], now))
        match = next(fits, None)
        if match is None:
            left = [_shown(entry, message) for message in found[position:]]
            yield _failure(f"expect.messages[{index}]", entry, left)
            return
        position = match + 1


def _found(path: str, wanted: list[Any], found: list[Any], now: datetime) -> Iterator[JsonObject]:
    """Match entries with different items, in any order."""
    taken: dict[int, int] = {}

    def assign(entry: int, seen: set[int]) -> bool:
        for item, value in enumerate(found):
            if item in seen or not _fits(wanted[entry], value, now):
                continue
            seen.add(item)
            if item not in taken or assign(taken[item], seen):
                taken[item] = entry
                return True
        return False

    for index, entry in enumerate(wanted):
        if not assign(index, set()):
            yield _failure(f"{path}[{index}]", entry, [_shown(entry, item) for item in found])


def _fits(entry: JsonObject, item: JsonObject, now: datetime) -> bool:
    for name, wanted in entry.items():
        actual = _value(item, name)
        if name == "body_contains":
            if not all(part in actual for part in wanted):
                return False
        elif name in _TIMES and isinstance(wanted, str) and isinstance(actual, str):
            if abs(instant(wanted, now) - instant(actual, now)) > _TOLERANCE:
                return False
        elif not _covers(wanted, actual):
            return False
    return True


def _value(item: JsonObject, name: str) -> Any:
    if name == "body_contains":
        return "\n".join(texts_of(item["content"]))
    if name in ("subject", "title"):
        return item.get("content", {}).get(name, _ABSENT)
    return item.get(name, _ABSENT)


def texts_of(content: Any) -> Iterator[str]:
    """List every rendered text of a message; a block's source is not one."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for item in content:
            yield from texts_of(item)
    elif isinstance(content, dict):
        for name, item in content.items():
            if not (name == "content" and "rendered" in content):
                yield from texts_of(item)


def _covers(wanted: Any, actual: Any) -> bool:
    """Compare what is named: objects by their named fields, all else exactly."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return all(k in actual and _covers(v, actual[k]) for k, v in wanted.items())
    if isinstance(wanted, bool) or isinstance(actual, bool):
        return wanted is actual
    return bool(wanted == actual)


def _only(wanted: Any, actual: Any) -> Any:
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return {k: _only(v, actual.get(k)) for k, v in wanted.items()}
    return actual


def _shown(entry: JsonObject, item: JsonObject) -> JsonObject:
    shown = {name: _value(item, name) for name in entry}
    return {name: None if value is _ABSENT else value for name, value in shown.items()}


def _failure(path: str, expected: Any, actual: Any) -> JsonObject:
    return {"path": path, "expected": expected, "actual": actual}
