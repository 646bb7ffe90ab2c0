"""Find what is wrong with conditions that can be read: things an author should mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.conditions.operands import (
    NAMESPACES,
    STATUS_FIELDS,
    AsStatus,
    Constant,
    Nowhere,
    Operand,
    Pair,
    Path,
    Relative,
)
from engine.conditions.operators import Arity, Kind
from engine.conditions.parts import Condition
from engine.conditions.reading import did_you_mean
from engine.conditions.statuses import PREFIX, STATUS_NAMES
from engine.conditions.timestamps import SHORTEST_RELATIVE, parse_timestamp
from engine.conditions.values import is_number
from engine.errors import Problem

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "run": ("total_activities", "total_actors"),
    "workflow": (
        "id",
        "key",
        "name",
        "categories",
        "commercial",
        "override_preferences",
        "cancellation_key",
    ),
}
_WAIT_FIELDS: Final = ("matched", "signal_variables")
_NULLABLE: Final = frozenset({"equal_to", "not_equal_to"})
_AUDIENCE_VARIABLES: Final = frozenset({"recipient", "recipient.id"})


def condition_problems(
    condition: Condition, *, allow_message_status: bool, allow_event: bool
) -> Iterator[Problem]:
    """Yield every fault of one condition."""
    yield from _variable_problems(condition)
    yield from _status_problems(condition, allow_message_status)
    for side, operand in (("variable", condition.subject), ("argument", condition.operand)):
        for parts in operand.paths() if side == "variable" or _has_argument(condition) else ():
            if parts[0] == "event" and not allow_event:
                message = "event.* can be used only while waiting for an event"
                if side == "argument":
                    message += '; put the text in quotes ("…") if it is meant literally'
                yield _problem(condition, side, "event_not_allowed", message)
            elif isinstance(operand, Path):
                yield from _field_problems(condition, side, parts)
    if _has_argument(condition):
        yield from _argument_problems(condition)


def _has_argument(condition: Condition) -> bool:
    return condition.spec.argument is not Arity.NONE


def _variable_problems(condition: Condition) -> Iterator[Problem]:
    variable = condition.variable
    if condition.spec.kind is Kind.AUDIENCE:
        if variable not in _AUDIENCE_VARIABLES:
            message = f"Audiences hold recipients: expected the variable recipient, got {variable}"
            yield _problem(condition, "variable", "audience_variable", message)
        return
    if isinstance(condition.subject, Nowhere):
        namespace = variable.partition(".")[0]
        if namespace in NAMESPACES:
            yield _no_path(condition, "variable", variable)
            return
        hint = did_you_mean(namespace, NAMESPACES)
        if not hint and "." not in variable[:60]:
            hint = f"; did you mean data.{variable[:60]}?"
        known = ", ".join(NAMESPACES)
        message = f'Expected a variable in {known}, got "{variable[:60]}"{hint}'
        yield _problem(condition, "variable", "unknown_namespace", message)
    elif isinstance(condition.subject, Path) and len(condition.subject.parts) == 1:
        yield _no_path(condition, "variable", variable)


def _status_problems(condition: Condition, is_allowed: bool) -> Iterator[Problem]:
    if not is_allowed and (condition.is_status or condition.is_hopeless):
        message = "Message statuses can be used only in conditions of steps, branches and waits"
        yield _problem(condition, "variable", "message_status_not_allowed", message)
        return
    if condition.is_hopeless:
        message = (
            f"Only refs.<step>.{STATUS_FIELDS[0]} and refs.<step>.{STATUS_FIELDS[1]}"
            f" compare with {PREFIX}…"
        )
        yield _problem(condition, "variable", "status_variable", message)
    if condition.is_status and isinstance(condition.operand, Constant):
        value = condition.operand.value
        for name in value if isinstance(value, list) else [value]:
            if isinstance(name, str) and name.startswith(PREFIX):
                hint = did_you_mean(name.removeprefix(PREFIX), STATUS_NAMES)
                message = f'There is no message status "{name[:60]}"{hint}'
                yield _problem(condition, "argument", "unknown_status", message)


def _field_problems(condition: Condition, side: str, parts: tuple[str, ...]) -> Iterator[Problem]:
    namespace, *names = parts
    if namespace in _FIELDS and names and names[0] not in _FIELDS[namespace]:
        known = _FIELDS[namespace]
    elif namespace == "refs" and len(names) > 1 and names[1] not in _WAIT_FIELDS:
        known, names = (*STATUS_FIELDS[:2], *_WAIT_FIELDS), names[1:]
    elif namespace == "refs" and len(names) == 1:
        yield _no_path(condition, side, f"refs.{names[0]}")
        return
    else:
        return
    hint = did_you_mean(names[0], known)
    message = f'{namespace} has {", ".join(known)}, not "{names[0][:60]}"{hint}'
    yield _problem(condition, side, "unknown_field", message)


def _argument_problems(condition: Condition) -> Iterator[Problem]:
    spec, argument = condition.spec, condition.argument
    is_blank = argument is None or (argument == "" and spec.kind is Kind.AUDIENCE)
    if is_blank and spec.name not in _NULLABLE:
        message = f"{spec.name} needs an argument to compare with"
        yield _problem(condition, "argument", "no_argument", message)
    elif spec.argument is Arity.TWO:
        yield from _pair_problems(condition, condition.operand)
    elif spec.kind is Kind.TIMESTAMP:
        yield from _timestamp_problems(condition, condition.operand)
    elif spec.kind is Kind.AUDIENCE and not isinstance(argument, str):
        message = "Expected the key of an audience as text"
        yield _problem(condition, "argument", "bad_audience", message)


def _pair_problems(condition: Condition, operand: Operand) -> Iterator[Problem]:
    operand = operand.inner if isinstance(operand, AsStatus) else operand
    if isinstance(operand, Constant) or (isinstance(operand, Pair) and len(operand.items) != 2):
        message = f"{condition.spec.name} needs a list of two values, the first and the last"
        yield _problem(condition, "argument", "bad_range", message)
    elif isinstance(operand, Relative):
        yield _relative_between(condition)
    elif isinstance(operand, Pair):
        for item in operand.items:
            if condition.spec.kind is Kind.TIMESTAMP:
                yield from _timestamp_problems(condition, item)
            elif isinstance(item, Constant) and not _is_bound(item.value):
                message = "Expected numbers or texts as bounds"
                yield _problem(condition, "argument", "bad_range", message)


def _timestamp_problems(condition: Condition, operand: Operand) -> Iterator[Problem]:
    if isinstance(operand, Relative):
        if condition.spec.argument is Arity.TWO:
            yield _relative_between(condition)
        elif abs(operand.distance) < SHORTEST_RELATIVE:
            message = "A relative time is at least 15 minutes from now"
            yield _problem(condition, "argument", "relative_too_short", message)
    elif isinstance(operand, Constant) and parse_timestamp(operand.value) is None:
        message = (
            "Expected an ISO 8601 timestamp such as 2026-06-03T12:00:00Z, a path,"
            " or a relative time such as 7 days from now"
        )
        yield _problem(condition, "argument", "bad_timestamp", message)


def _is_bound(value: Any) -> bool:
    return isinstance(value, str) or is_number(value)


def _relative_between(condition: Condition) -> Problem:
    message = "Between takes two absolute times or paths, no relative ones: use before and after"
    return _problem(condition, "argument", "relative_in_between", message)


def _no_path(condition: Condition, side: str, got: str) -> Problem:
    message = f'Expected a path such as data.plan, got "{got[:60]}": say which value is meant'
    return _problem(condition, side, "no_path", message)


def _problem(condition: Condition, side: str, rule: str, message: str) -> Problem:
    path = f"{condition.path}.{side}" if condition.path else side
    return Problem(message=message, path=path, rule=f"condition.{rule}")
