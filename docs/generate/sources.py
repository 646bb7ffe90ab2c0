"""Find in the source what no registry lists: names that the code writes as plain texts."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Final

from storage.records import WorkflowStatus

ROOT: Final = Path(__file__).resolve().parent.parent.parent
# Where the timeline of a run is written, and where reasons are given.
_RUNNING: Final = ("engine/runs", "engine/steps", "engine/messages", "engine/trigger")
_WRITERS: Final = frozenset({"entry", "by_key", "_log", "note"})
_ENDERS: Final = frozenset({"_end"})
_DECIDERS: Final = frozenset({"Skip", "Halt"})
_PACKAGES: Final = ("storage", "engine", "app")


def modules(*packages: str) -> Iterator[ModuleType]:
    """Import every module of these packages."""
    for name in packages:
        package = importlib.import_module(name)
        yield package
        for info in pkgutil.walk_packages(package.__path__, f"{name}."):
            yield importlib.import_module(info.name)


def timeline_events() -> set[str]:
    """Collect the events that a run's timeline can hold."""
    found: set[str] = set()
    for call in _calls():
        name = _called(call)
        if name in _WRITERS and call.args:
            found |= _texts(call.args[0])
        elif name in _ENDERS and len(call.args) > 1:
            found |= _texts(call.args[1])
    # `event = "a" if … else "b"`, written a line before it is noted.
    for tree in _trees(*_RUNNING):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and _is_named(node.targets[0], "event"):
                found |= _texts(node.value)
    return found


def reasons() -> set[str]:
    """Collect why steps are skipped and runs end."""
    found: set[str] = set()
    for call in _calls():
        if _called(call) in _DECIDERS:
            found |= {
                t for word in call.keywords if word.arg == "reason" for t in _texts(word.value)
            }
    for tree in _trees(*_RUNNING):
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "reason":
                        found |= _texts(value)
    return found


def error_codes() -> set[str]:
    """Collect the codes that are given where an error is raised, beside those of classes."""
    return {
        text
        for tree in _trees(*_PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant)
        for text in _texts(word.value)
    }


def actions() -> list[str]:
    """List what a reader can do with a message, as events name it."""
    found: dict[str, None] = {}
    for module in modules("engine.messages"):
        action = getattr(module, "Action", None)
        if isinstance(action, type) and issubclass(action, StrEnum):
            found |= dict.fromkeys(member.value for member in action)
    return list(found)


def _calls() -> Iterator[ast.Call]:
    for tree in _trees(*_RUNNING):
        yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _trees(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_named(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _texts(node: ast.expr) -> set[str]:
    """Give the texts that an expression can come to, as far as it is written out."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.IfExp):
        return _texts(node.body) | _texts(node.orelse)
    if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
        # The one such text in the engine: `workflow_{status}`.
        stem = str(node.values[0].value)
        return {stem + s.value for s in WorkflowStatus if s is not WorkflowStatus.ACTIVE}
    return set()
