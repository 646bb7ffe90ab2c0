"""Turn the JSON of conditions into `ConditionGroup`, noting every fault on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from engine.conditions.operands import MessageStatus, read_argument, read_variable
from engine.conditions.operators import ALIASES, OPERATORS, Arity, find_operator
from engine.conditions.parts import Condition, ConditionGroup
from engine.conditions.statuses import PREFIX
from engine.errors import Problem

_MAX_DEPTH: Final = 20
_MAX_SHOWN: Final = 60


class Reader:
    """Read one definition; `problems` collects what could not be read."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def group(self, json: Any, path: str, depth: int = 0) -> ConditionGroup:
        """Read a group in any of its forms; unreadable parts are left out."""
        if depth >= _MAX_DEPTH:
            self._add(path, "nested_too_deep", f"Groups nest at most {_MAX_DEPTH} deep: flatten it")
            return _group(False, ())
        is_any, items, path = self._open(json, path)
        read: list[Condition | ConditionGroup] = []
        for number, item in enumerate(items):
            place = f"{path}[{number}]"
            if isinstance(item, Mapping) and _is_group(item):
                read.append(self.group(item, place, depth + 1))
                continue
            condition = self._condition(item, place)
            if condition is not None:
                read.append(condition)
        return _group(is_any, read)

    def _open(self, json: Any, path: str) -> tuple[bool, list[Any], str]:
        """Tell the joining word and the items: `{all}`, `{any}`, `{conditions}` or a list."""
        if json is None or json == {}:
            return False, [], path
        if isinstance(json, list):
            return False, json, path
        if not isinstance(json, Mapping) or not _is_group(json):
            self._add(path, "not_group", f'Expected {{"all": […]}} or {{"any": […]}}, {_got(json)}')
            return False, [], path
        if "all" in json and "any" in json:
            self._add(path, "mixed_group", 'Expected either "all" or "any", got both: nest one')
        word = next(name for name in ("any", "all", "conditions") if name in json)
        items = json[word] if json[word] is not None else []
        place = f"{path}.{word}" if path else word
        if not isinstance(items, list):
            self._add(place, "not_list", f"Expected a list of conditions, {_got(items)}")
            items = []
        joiner = json.get("operator", "and") if word == "conditions" else "and"
        if joiner not in ("and", "or"):
            self._add(
                path, "unknown_joiner", f'Expected the operator "and" or "or", {_got(joiner)}'
            )
        return word == "any" or joiner == "or", items, place

    def _condition(self, json: Any, path: str) -> Condition | None:
        if not isinstance(json, Mapping):
            self._add(path, "not_object", f"Expected a condition object, {_got(json)}")
            return None
        # Audience rules say `property` where all others say `variable`.
        variable = json.get("variable", json.get("property"))
        name, argument = json.get("operator"), json.get("argument")
        if not isinstance(variable, str) or not variable:
            message = f"Expected a variable such as data.plan, {_got(variable)}"
            self._add(f"{path}.variable", "no_variable", message)
            variable = None
        spec = find_operator(name) if isinstance(name, str) else None
        if spec is None:
            message = f"Expected an operator such as equal_to, {_got(name)}"
            hint = did_you_mean(name, (*OPERATORS, *ALIASES))
            self._add(f"{path}.operator", "unknown_operator", message + hint)
        if spec is None or variable is None or not isinstance(name, str):
            return None
        subject = read_variable(variable, spec)
        is_status = isinstance(subject, MessageStatus)
        return Condition(
            path=path,
            variable=variable,
            operator=name,
            argument=argument if spec.argument is not Arity.NONE else None,
            spec=spec,
            subject=subject,
            operand=read_argument(argument, spec, is_status=is_status),
            is_hopeless=not is_status and _names_status(argument),
        )

    def _add(self, path: str, rule: str, message: str) -> None:
        self.problems.append(Problem(message=message, path=path, rule=f"condition.{rule}"))


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Propose the closest known name as the end of a sentence, or nothing."""
    if not isinstance(name, str) or len(name) > _MAX_SHOWN:
        return ""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _is_group(json: Mapping[str, Any]) -> bool:
    return "all" in json or "any" in json or "conditions" in json


def _group(is_any: bool, items: Iterable[Condition | ConditionGroup]) -> ConditionGroup:
    items = tuple(items)
    flat: list[Condition] = []
    for item in items:
        flat += item.conditions if isinstance(item, ConditionGroup) else (item,)
    liquid = dict.fromkeys(text for condition in flat for text in condition.operand.liquid())
    return ConditionGroup(is_any=is_any, items=items, conditions=tuple(flat), liquid=tuple(liquid))


def _names_status(argument: Any) -> bool:
    return isinstance(argument, str) and argument.startswith(PREFIX)


def _got(value: Any) -> str:
    if value is None:
        return "got nothing"
    if isinstance(value, str):
        return f'got "{value[:_MAX_SHOWN]}"'
    return f"got {type(value).__name__}"
