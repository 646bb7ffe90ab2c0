"""Decide a condition group, and keep the values that decided it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from engine.conditions.operands import UNKNOWN
from engine.conditions.operators import Arity
from engine.conditions.parts import Condition, ConditionGroup
from engine.conditions.scope import ConditionScope, Evaluation
from engine.conditions.values import MISSING, shortened


class Clause(NamedTuple):
    """One condition and what came of it.

    `actual` and `expected` are the resolved sides; a path that led nowhere
    shows as `""` with `is_missing`. A `result` of None means "not evaluated":
    the group was decided before its turn.
    """

    variable: str
    operator: str
    argument: Any
    actual: Any
    expected: Any
    result: bool | None
    path: str = ""
    is_missing: bool = False

    def as_json(self) -> dict[str, Any]:
        """Give plain JSON for the run's log, long values cut."""
        json = {
            "path": self.path,
            "variable": self.variable,
            "operator": self.operator,
            "argument": shortened(self.argument),
            "result": self.result,
        }
        if self.result is not None:
            json["actual"] = shortened(self.actual)
            json["expected"] = shortened(self.expected)
            json["is_missing"] = self.is_missing
        return json


class Verdict(NamedTuple):
    """Whether the group holds, and its clauses from left to right."""

    passed: bool
    clauses: tuple[Clause, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Give plain JSON for the run's log."""
        return {"passed": self.passed, "clauses": [clause.as_json() for clause in self.clauses]}


_NOTHING_ASKED: Final = Verdict(passed=True)


def evaluate(group: ConditionGroup | None, scope: ConditionScope, now: datetime) -> Verdict:
    """Decide a group from left to right, stopping where the outcome is certain.

    None and an empty group hold. No data, however odd, makes it raise.
    """
    if group is None:
        return _NOTHING_ASKED
    clauses: list[Clause] = []
    passed = _decide(group, Evaluation(scope, now), clauses)
    return Verdict(passed=passed, clauses=tuple(clauses))


def _decide(group: ConditionGroup, at: Evaluation, clauses: list[Clause]) -> bool:
    if not group.items:
        return True
    is_any = group.is_any
    for number, item in enumerate(group.items):
        if isinstance(item, Condition):
            holds = _ask(item, at, clauses)
        else:
            holds = _decide(item, at, clauses)
        if holds is is_any:
            _pass_over(group, number + 1, clauses)
            return is_any
    return not is_any


def _ask(condition: Condition, at: Evaluation, clauses: list[Clause]) -> bool:
    spec = condition.spec
    actual = condition.subject.resolve(at)
    at.raw = None
    expected = None if spec.argument is Arity.NONE else condition.operand.resolve(at)
    if expected is MISSING:
        expected = ""
    is_missing = actual is MISSING
    if actual is UNKNOWN:
        result, actual = False, None
    elif condition.is_hopeless:
        result, actual = False, "" if is_missing else actual
    elif is_missing:
        result = spec.test(MISSING if spec.sees_missing else "", expected, at)
        actual = ""
    else:
        result = spec.test(actual, expected, at)
    clauses.append(
        Clause(
            variable=condition.variable,
            operator=condition.operator,
            argument=condition.argument,
            actual=actual,
            expected=expected,
            result=result,
            path=condition.path,
            is_missing=is_missing,
        )
    )
    return result


def _pass_over(group: ConditionGroup, start: int, clauses: list[Clause]) -> None:
    for item in group.items[start:]:
        for condition in (item,) if isinstance(item, Condition) else item.conditions:
            clauses.append(
                Clause(
                    variable=condition.variable,
                    operator=condition.operator,
                    argument=condition.argument,
                    actual=None,
                    expected=None,
                    result=None,
                    path=condition.path,
                )
            )
