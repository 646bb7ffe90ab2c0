"""Compare what came of a scenario with what it expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from engine.simulate.offsets import instant
from storage.records import JsonObject

_TOLERANCE: Final = timedelta(seconds=1)
_ABSENT: Final = object()
_COUNTS: Final = {"message_count": "messages", "run_count": "runs"}
_LISTS: Final = ("runs", "skips", "rejected", "requests")
_TIMES: Final = frozenset({"at", "started", "ended", "sent_at", "scheduled_at"})


def failures(expected: JsonObject, result: JsonObject, now: datetime) -> list[JsonObject]:
    """List every expectation that does not hold: path, expected, actual."""
    return list(_failures(expected, result, now))


def expectations(expected: JsonObject) -> list[str]:
    """List the paths of all expectations, in the order in which they are judged."""
    paths = [f"expect.messages[{i}]" for i in range(len(expected.get("messages", ())))]
    paths += [f"expect.{name}" for name in _COUNTS if expected.get(name) is not None]
    for name in _LISTS:
        paths += [f"expect.{name}[{i}]" for i in range(len(expected.get(name, ())))]
    for kind, names in expected.get("state", {}).items():
        paths += [f"expect.state.{kind}.{name}" for name in names or ()]
    return paths


def _failures(expected: JsonObject, result: JsonObject, now: datetime) -> Iterator[JsonObject]:
    yield from _in_order(expected.get("messages", []), result["messages"], now)
    for name, kind in _COUNTS.items():
        wanted, count = expected.get(name), len(result[kind])
        if wanted is not None and wanted != count:
            yield _failure(f"expect.{name}", wanted, count)
    skips = [_skip(run, entry) for run in result["runs"] for entry in run["timeline"]]
    lists = {**result, "skips": [skip for skip in skips if skip["event"] == "step_skipped"]}
    for name in _LISTS:
        yield from _found(f"expect.{name}", expected.get(name, []), lists[name], now)
    for kind, wanted in expected.get("state", {}).items():
        for name, record in (wanted or {}).items():
            actual = result["state"].get(kind, {}).get(name)
            yield from _differences(f"expect.state.{kind}.{name}", record, actual)


def _skip(run: JsonObject, entry: JsonObject) -> JsonObject:
    return {"recipient": run["recipient"], "workflow": run["workflow"], "run": run["id"], **entry}


def _in_order(wanted: list[Any], found: list[Any], now: datetime) -> Iterator[JsonObject]:
    """Match each entry with the first message after the one before that fits it."""
    position = 0
    for index, entry in enumerate(wanted):
        fits = (i for i in range(position, len(found)) if not _misfits(entry, found[i], now))
        match = next(fits, None)
        if match is None:
            # Entries after this one are not judged: where they would begin is not known.
            yield from _nearest(f"expect.messages[{index}]", entry, found[position:], now)
            return
        position = match + 1


def _found(path: str, wanted: list[Any], found: list[Any], now: datetime) -> Iterator[JsonObject]:
    """Match entries with different items, in any order."""
    taken: dict[int, int] = {}

    def assign(entry: int, seen: set[int]) -> bool:
        for item, value in enumerate(found):
            if item in seen or _misfits(wanted[entry], value, now):
                continue
            seen.add(item)
            if item not in taken or assign(taken[item], seen):
                taken[item] = entry
                return True
        return False

    lost = [index for index in range(len(wanted)) if not assign(index, set())]
    left = [item for number, item in enumerate(found) if number not in taken]
    for index in lost:
        yield from _nearest(f"{path}[{index}]", wanted[index], left, now)


def _nearest(path: str, entry: JsonObject, left: list[Any], now: datetime) -> Iterator[JsonObject]:
    """Say in what the item that is most like the entry differs from it."""
    if not left:
        yield _failure(path, entry, None)
        return
    item = min(left, key=lambda each: len(_misfits(entry, each, now)))
    for name in _misfits(entry, item, now):
        actual = _value(item, name)
        yield _failure(f"{path}.{name}", entry[name], None if actual is _ABSENT else actual)


def _misfits(entry: JsonObject, item: JsonObject, now: datetime) -> list[str]:
    """Name the fields in which an item is not what the entry says."""
    return [name for name, wanted in entry.items() if not _fits(name, wanted, item, now)]


def _fits(name: str, wanted: Any, item: JsonObject, now: datetime) -> bool:
    actual = _value(item, name)
    if name == "body_contains":
        return all(part in actual for part in wanted)
    if name in _TIMES and isinstance(wanted, str) and isinstance(actual, str):
        return abs(instant(wanted, now) - instant(actual, now)) <= _TOLERANCE
    return _covers(wanted, actual)


def _differences(path: str, wanted: Any, actual: Any) -> Iterator[JsonObject]:
    """List the named fields, however deep, that are not as wanted."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        for name, value in wanted.items():
            yield from _differences(f"{path}.{name}", value, actual.get(name))
    elif not _covers(wanted, actual):
        yield _failure(path, wanted, actual)


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


def _failure(path: str, expected: Any, actual: Any) -> JsonObject:
    return {"path": path, "expected": expected, "actual": actual}
