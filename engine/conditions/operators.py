"""Every condition operator, one function each.

A function gets the variable's value, the argument's value and the evaluation.
A variable that resolves to nothing arrives as `""`, or as `MISSING` where the
operator asks for it. None of them raises, whatever the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final

from engine.conditions.scope import Evaluation
from engine.conditions.statuses import Status, rank
from engine.conditions.timestamps import parse_timestamp
from engine.conditions.values import (
    MISSING,
    equal,
    has_every_item,
    has_item,
    is_number,
    scalar_text,
    shares_item,
)


class Arity(Enum):
    """How many values the argument holds; `TWO` means a list of two."""

    NONE = 0
    ONE = 1
    TWO = 2


class Kind(StrEnum):
    """What kind of argument an operator compares with; drives its editor field."""

    ANY = "any"
    NUMBER = "number"
    TIMESTAMP = "timestamp"
    LIST = "list"
    AUDIENCE = "audience"


Test = Callable[[Any, Any, Evaluation], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Describe one operator; `for_status` says that it suits message statuses."""

    name: str
    title: str
    test: Test
    argument: Arity
    kind: Kind
    aliases: tuple[str, ...]
    sees_missing: bool
    for_status: bool


OPERATORS: Final[dict[str, Operator]] = {}
ALIASES: Final[dict[str, str]] = {}


def operator(
    name: str,
    *,
    title: str,
    argument: Arity = Arity.ONE,
    kind: Kind = Kind.ANY,
    aliases: tuple[str, ...] = (),
    sees_missing: bool = False,
    for_status: bool = False,
) -> Callable[[Test], Test]:
    """Register the function below as an operator."""

    def register(test: Test) -> Test:
        OPERATORS[name] = Operator(
            name=name,
            title=title,
            test=test,
            argument=argument,
            kind=kind,
            aliases=aliases,
            sees_missing=sees_missing,
            for_status=for_status,
        )
        ALIASES.update(dict.fromkeys(aliases, name))
        return test

    return register


def find_operator(name: str) -> Operator | None:
    """Find an operator by its name or an alias."""
    return OPERATORS.get(ALIASES.get(name, name))


# ------------------------------------------------------------ equality, order


@operator("equal_to", title="is", for_status=True)
def equal_to(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold for deep equality; for statuses, on the same rung of the ladder."""
    if isinstance(actual, Status) and isinstance(expected, Status):
        return actual == expected or _order(actual, expected) == 0
    return equal(actual, expected)


@operator("not_equal_to", title="is not", for_status=True)
def not_equal_to(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `equal_to`."""
    return not equal_to(actual, expected, at)


@operator("greater_than", title="is greater than", kind=Kind.NUMBER, for_status=True)
def greater_than(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if the variable comes after the argument."""
    order = _order(actual, expected)
    return order is not None and order > 0


@operator("greater_than_or_equal_to", title="is at least", kind=Kind.NUMBER, for_status=True)
def greater_than_or_equal_to(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if the variable does not come before the argument."""
    order = _order(actual, expected)
    return order is not None and order >= 0


@operator("less_than", title="is less than", kind=Kind.NUMBER, for_status=True)
def less_than(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if the variable comes before the argument."""
    order = _order(actual, expected)
    return order is not None and order < 0


@operator("less_than_or_equal_to", title="is at most", kind=Kind.NUMBER, for_status=True)
def less_than_or_equal_to(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if the variable does not come after the argument."""
    order = _order(actual, expected)
    return order is not None and order <= 0


@operator("is_between", title="is between", argument=Arity.TWO, kind=Kind.NUMBER)
def is_between(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold from the first to the second bound, both included."""
    if not isinstance(expected, list | tuple) or len(expected) != 2:
        return False
    low, high = _order(actual, expected[0]), _order(actual, expected[1])
    return low is not None and high is not None and low >= 0 >= high


def _order(left: Any, right: Any) -> int | None:
    """Compare two numbers, two texts by code point, or two statuses by rank; else None."""
    if isinstance(left, str):
        if not isinstance(right, str):
            return None
        if isinstance(left, Status) and isinstance(right, Status):
            left, right = rank(left), rank(right)
            if left is None or right is None:
                return None
    elif not (is_number(left) and is_number(right)):
        return None
    if left == right:
        return 0
    return 1 if left > right else -1 if left < right else None


# ------------------------------------------------------------------ contents


@operator("contains", title="contains", kind=Kind.LIST, sees_missing=True, for_status=True)
def contains(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Hold for an item of a list, a part of a text, or lists with a common item."""
    if isinstance(actual, list | tuple):
        if isinstance(expected, list | tuple):
            return shares_item(actual, expected)
        return expected != "" and has_item(actual, expected)
    if not isinstance(actual, str):
        return False
    if isinstance(expected, list | tuple):
        return actual in expected
    if isinstance(actual, Status):
        return equal(actual, expected)  # `not_sent` does not contain `sent`
    if isinstance(expected, bool | int | float):
        expected = scalar_text(expected) if at.raw is None else at.raw
    return isinstance(expected, str) and expected != "" and expected in actual


@operator(
    "not_contains", title="does not contain", kind=Kind.LIST, sees_missing=True, for_status=True
)
def not_contains(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `contains`."""
    return not contains(actual, expected, at)


@operator("contains_all", title="contains all of", kind=Kind.LIST, for_status=True)
def contains_all(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if the list holds every item of the argument; an empty one always."""
    if not isinstance(actual, list | tuple) or not isinstance(expected, list | tuple):
        return False
    return has_every_item(actual, expected)


@operator("not_contains_all", title="does not contain all of", kind=Kind.LIST, for_status=True)
def not_contains_all(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `contains_all`."""
    return not contains_all(actual, expected, at)


@operator("empty", title="is empty", argument=Arity.NONE)
def empty(actual: Any, _expected: Any, _: Evaluation) -> bool:
    """Hold for null, missing, and texts, lists and maps without content."""
    return actual is None or (isinstance(actual, str | list | tuple | Mapping) and not actual)


@operator("not_empty", title="is not empty", argument=Arity.NONE)
def not_empty(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `empty`."""
    return not empty(actual, expected, at)


@operator("exists", title="exists", argument=Arity.NONE, sees_missing=True)
def exists(actual: Any, _expected: Any, _: Evaluation) -> bool:
    """Hold if the path leads to a value other than null."""
    return actual is not MISSING and actual is not None


@operator("not_exists", title="does not exist", argument=Arity.NONE, sees_missing=True)
def not_exists(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `exists`."""
    return not exists(actual, expected, at)


# ---------------------------------------------------------------- timestamps


@operator("is_timestamp", title="is a timestamp", argument=Arity.NONE)
def is_timestamp(actual: Any, _expected: Any, _: Evaluation) -> bool:
    """Hold for an ISO 8601 date or datetime."""
    return parse_timestamp(actual) is not None


@operator("is_not_timestamp", title="is not a timestamp", argument=Arity.NONE)
def is_not_timestamp(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `is_timestamp`."""
    return not is_timestamp(actual, expected, at)


@operator(
    "is_timestamp_before",
    title="is before",
    kind=Kind.TIMESTAMP,
    aliases=("is_timestamp_before_date",),
)
def is_timestamp_before(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if both are timestamps and the variable is earlier."""
    left, right = parse_timestamp(actual), parse_timestamp(expected)
    return left is not None and right is not None and left < right


@operator(
    "is_timestamp_on_or_after",
    title="is on or after",
    kind=Kind.TIMESTAMP,
    aliases=("is_timestamp_on_or_after_date",),
)
def is_timestamp_on_or_after(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold if both are timestamps and the variable is not earlier."""
    left, right = parse_timestamp(actual), parse_timestamp(expected)
    return left is not None and right is not None and left >= right


@operator(
    "is_timestamp_between",
    title="is between the times",
    argument=Arity.TWO,
    kind=Kind.TIMESTAMP,
)
def is_timestamp_between(actual: Any, expected: Any, _: Evaluation) -> bool:
    """Hold from the first to the second timestamp, both included."""
    if not isinstance(expected, list | tuple) or len(expected) != 2:
        return False
    value, start, end = map(parse_timestamp, (actual, *expected))
    return value is not None and start is not None and end is not None and start <= value <= end


@operator("is_timestamp_before_now", title="is in the past", argument=Arity.NONE)
def is_timestamp_before_now(actual: Any, _: Any, at: Evaluation) -> bool:
    """Hold for a timestamp that has passed."""
    value = parse_timestamp(actual)
    return value is not None and value < at.now


@operator("is_timestamp_on_or_after_now", title="is now or in the future", argument=Arity.NONE)
def is_timestamp_on_or_after_now(actual: Any, _: Any, at: Evaluation) -> bool:
    """Hold for a timestamp that has not passed."""
    value = parse_timestamp(actual)
    return value is not None and value >= at.now


# ----------------------------------------------------------------- audiences


@operator("is_audience_member", title="is in the audience", kind=Kind.AUDIENCE)
def is_audience_member(_actual: Any, expected: Any, at: Evaluation) -> bool:
    """Hold if the recipient is a user in the audience with this key."""
    if not isinstance(expected, str) or expected not in at.scope.audiences:
        return False
    recipient = at.scope.namespaces.get("recipient")
    return not (isinstance(recipient, Mapping) and recipient.get("__typename") == "Object")


@operator("is_not_audience_member", title="is not in the audience", kind=Kind.AUDIENCE)
def is_not_audience_member(actual: Any, expected: Any, at: Evaluation) -> bool:
    """Negate `is_audience_member`."""
    return not is_audience_member(actual, expected, at)
