"""Write results for people: a timeline, then a verdict per expectation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from types import NoneType
from typing import Any, Final

import orjson

from engine.simulate.compare import expectations, texts_of
from engine.simulate.offsets import START, instant
from storage.records import JsonObject

_LONGEST: Final = 80
_TAG: Final = re.compile(r"<[^<>]*>")
# Every step starts, and its outcome says what its conditions gave.
_UNSAID: Final = frozenset({"run_started", "step_started", "conditions_evaluated"})
# The order of the happenings of one instant.
_KINDS: Final = ("rejected", "run", "step", "request", "message", "delivery")


def as_text(scenario: JsonObject, result: JsonObject) -> str:
    """Write one line per happening and one per expectation."""
    lines = [result["name"] or "(no name)", *_timeline(result), *_verdicts(scenario, result)]
    total, failed = len(expectations(scenario.get("expect", {}))), len(result["failures"])
    ending = f"{failed} differ" if failed else f"{total} hold"
    return "\n".join([*lines, f"  {'FAILED' if failed else 'ok'}: expectations: {ending}"]) + "\n"


def difference(failure: JsonObject) -> str:
    """Say in one line what was expected and what came."""
    return (
        f"{failure['path']}: expected {_json(failure['expected'])}, "
        f"actual {_json(failure['actual'])}"
    )


def _verdicts(scenario: JsonObject, result: JsonObject) -> Iterator[str]:
    left = list(result["failures"])
    is_unknown = False
    for path in expectations(scenario.get("expect", {})):
        own = [f for f in left if f["path"] == path or f["path"].startswith((f"{path}.",))]
        if is_unknown and path.startswith("expect.messages["):
            yield f"  skip  {path}: comes after one that failed"
            continue
        if not own:
            yield f"  ok    {path}"
        for failure in own:
            left.remove(failure)
            yield f"  FAIL  {difference(failure)}"
            is_unknown = is_unknown or path.startswith("expect.messages[")
    for failure in left:
        yield f"  FAIL  {difference(failure)}"


def _timeline(result: JsonObject) -> list[str]:
    found = sorted(_happenings(result), key=lambda item: (item[0], _KINDS.index(item[2])))
    width = max((len(at) for _, at, _, _ in found), default=0)
    return [f"  {at:<{width}}  {kind:<8}  {text}" for _, at, kind, text in found]


def _happenings(result: JsonObject) -> Iterator[tuple[datetime, str, str, str]]:
    """List instant, offset, kind and words of everything that happened."""

    def item(at: Any, kind: str, *words: Any) -> tuple[datetime, str, str, str]:
        shown = "  ".join(str(word) for word in words if word not in (None, ""))
        return instant(at, START), at, kind, shown

    for entry in result["rejected"]:
        yield item(entry["at"], "rejected", entry["workflow"], entry["code"])
    for run in result["runs"]:
        yield item(run["started"], "run", run["workflow"], run["recipient"], "started")
        for entry in run["timeline"]:
            if entry["event"] in _UNSAID:
                continue
            yield item(
                entry["at"], "step", entry["step"] or run["workflow"], run["recipient"],
                entry["event"], entry.get("reason"), _cut(_details(entry["detail"])),
            )  # fmt: skip
    for entry in result["requests"]:
        status = entry["status"] or "timeout"
        yield item(entry["at"], "request", entry["method"], entry["url"], status)
    for message in result["messages"]:
        who = (message["channel"], message["recipient"])
        yield item(message["at"], "message", *who, f'"{_cut(_headline(message))}"')
        for delivery in message["deliveries"]:
            yield item(delivery["at"], "delivery", *who, delivery["outcome"])


def _details(detail: JsonObject) -> str:
    """Write what is short and no id."""
    shown = (
        f"{name} {_json(value)}"
        for name, value in detail.items()
        if not isinstance(value, dict | list | NoneType) and not name.endswith("_id")
    )
    return ", ".join(shown)


def _headline(message: JsonObject) -> str:
    content = message["content"]
    for name in ("subject", "title"):
        if isinstance(content.get(name), str) and content[name].strip():
            return str(content[name]).strip()
    blocks = [block["rendered"] for block in content.get("blocks") or () if "rendered" in block]
    texts = (_TAG.sub(" ", text) for text in (*blocks, *texts_of(content)))
    return " ".join(next((text for text in texts if text.strip()), "").split())


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
