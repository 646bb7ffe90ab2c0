"""The truth table: for every operator, what holds for which values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.conditions.evaluate import evaluate
from engine.conditions.model import parse_group
from engine.conditions.operators import ALIASES, OPERATORS, Arity
from engine.conditions.scope import ConditionScope
from engine.conditions.values import MISSING

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DEEP = {"a": [1, {"b": None}], "c": {"d": True}}

# (value of the variable, argument as stored, result); MISSING: the path leads nowhere.
# A row of a pair of opposites is written once: `not_x` is checked by the row of `x`.
TABLE = {
    "equal_to": [
        ("pro", "pro", True), ("pro", '"pro"', True), ("pro", "Pro", False), ("", "", True),
        ("", '""', True), (MISSING, "", True), (MISSING, "null", False), (MISSING, None, False),
        (None, "null", True), (None, None, True), (None, "", False), (5, "5", True),
        (5, '"5"', False), ("5", "5", False), ("5", '"5"', True), (1, "1.0", True),
        (1.0, "1", True), (True, "true", True), (True, '"true"', False), (True, "1", False),
        (1, "true", False), (0, "false", False), (False, "false", True), ("true", "true", False),
        ("007", "007", True), (["a", 1], '["a",1.0]', True), (["a", 1], '["a",true]', False),
        (["a", "b"], '["b","a"]', False), ([], "[]", True), ({}, "{}", True), ([], "{}", False),
        (DEEP, {"c": {"d": True}, "a": [1.0, {"b": None}]}, True),
        (DEEP, {"c": {"d": 1}, "a": [1, {"b": None}]}, False), (["a"], ["a"], True),
    ],
    "greater_than": [
        (6, "5", True), (5, "5", False), (5.5, "5", True), ("b", "a", True), ("a", "B", True),
        ("10", '"9"', False), ("é", "z", True), ("6", "5", False), (6, '"5"', False),
        (True, "0", False), (1, "false", False), (None, "0", False), (MISSING, "-1", False),
        ("a", '""', True), (MISSING, '""', False), ([2], "[1]", False), ({}, "0", False),
    ],
    "greater_than_or_equal_to": [
        (5, "5", True), (5, "5.0", True), (4, "5", False), ("a", "a", True), (None, "null", False),
        (True, "true", False), (MISSING, "0", False), (MISSING, '""', True), ([], "[]", False),
    ],
    "less_than": [
        (4, "5", True), (5, "5", False), ("B", "a", True), ("10", '"9"', True), (4, '"5"', False),
        (MISSING, "10", False), (None, "10", False), (False, "10", False), (MISSING, "a", True),
        ([1], "10", False), (10**30, "1e31", True),
    ],
    "less_than_or_equal_to": [
        (5, "5", True), (6, "5", False), ("a", "a", True), (None, "null", False),
        (MISSING, "0", False), (True, "true", False),
    ],
    "is_between": [
        (5, "[5,9]", True), (9, "[5,9]", True), (7.5, [5, 9], True), (4, "[5,9]", False),
        (10, "[5,9]", False), (7, "[9,5]", False), ("m", '["a","z"]', True), ("7", "[5,9]", False),
        (7, '["5","9"]', False), (True, "[0,2]", False), (None, "[0,2]", False),
        (MISSING, "[0,2]", False), (7, "[5]", False), (7, "[5,9,11]", False), (7, "5", False),
        (7, '[5,"z"]', False), (7, "null", False), (7, "", False),
    ],
    "contains": [
        ("senior engineer", "engineer", True), ("senior engineer", "Engineer", False),
        ("abc", "", False), ("", "", False), ("abc", '""', False), (["a", "b"], "b", True),
        (["a", "b"], "c", False), (["ab"], "a", False), ([""], "", False), ([1, 2], "2", True),
        ([1, 2], "2.0", True), ([1, 2], '"2"', False), ([True], "1", False), ([1], "true", False),
        ([True], "true", True), ([None], "null", True), ([[1]], "[1]", False),
        ([{"a": 1}], '{"a":1.0}', True), ([[1, 2]], "[[1,2]]", True),
        ("pro", '["free","pro"]', True),
        ("p", '["free","pro"]', False), (["vip", "beta"], '["x","beta"]', True),
        (["vip"], '["x","beta"]', False), (["vip"], "[]", False), ([], "[]", False),
        ("room 5", "5", True), ("v1e3", "1e3", True), ("it is true", "true", True),
        ("x", "null", False), ("a5", 5, True), ("5.50", 5.5, True), ("a true", True, True),
        (5, "5", False), (5, "[5]", False), (True, "true", False), (True, "[true]", False),
        (None, "null", False), (None, "[null]", False), ({"a": 1}, "a", False),
        (MISSING, "a", False), (MISSING, '[""]', False), (MISSING, "", False),
        ("x", '{"x":1}', False),
    ],
    "contains_all": [
        (["a", "b", "c"], '["a","c"]', True), (["a"], '["a","c"]', False), (["a"], "[]", True),
        ([], "[]", True), ([1, 2], "[1.0]", True), ([1], "[true]", False),
        ([{"k": []}], '[{"k":[]}]', True),
        (["a"], "a", False), ("a", '["a"]', False), ("a", "[]", False), (None, "[]", False),
        (MISSING, "[]", False), (5, "[]", False), ({}, "[]", False),
    ],
    "empty": [
        ("", None, True), (None, None, True), ([], None, True), ({}, None, True),
        (MISSING, None, True), (0, None, False), (False, None, False), (" ", None, False),
        ([None], None, False), ({"a": None}, None, False), (0.0, None, False), ("", "x", True),
    ],
    "exists": [
        ("", None, True), ([], None, True), (0, None, True), (False, None, True), ({}, None, True),
        (None, None, False), (MISSING, None, False),
    ],
    "is_timestamp": [
        ("2026-06-03", None, True), ("2026-06-03T12:00:00Z", None, True),
        ("2026-06-03T12:00:00+02:00", None, True), ("2026-06-03 12:00", None, True),
        ("soon", None, False), ("", None, False), ("2026-02-30", None, False),
        ("20260603", None, False),
        (1780488000, None, False), (None, None, False), (MISSING, None, False), ([], None, False),
        (True, None, False), ({}, None, False), ("7 days from now", None, False),
    ],
    "is_timestamp_before": [
        ("2026-06-01", "2026-06-02", True), ("2026-06-02", "2026-06-02", False),
        ("2026-06-02T00:00:00+02:00", "2026-06-02", True), ("2026-06-03", '"2026-06-04"', True),
        ("2026-06-10", "7 days from now", True), ("2026-06-11", "7 days from now", False),
        ("2026-05-04T11:59:59Z", "30 days ago", True),
        ("2026-05-04T12:00:00Z", "30 days ago", False),
        ("2026-06-10", '{"value":7,"unit":"days","modifier":"from_now"}', True),
        ("2026-06-10", {"value": 1, "unit": "weeks", "modifier": "from_now"}, True),
        ("2026-06-03T12:14:59Z", "15 minutes from now", True), ("2026-06-03", "1 Week ago", False),
        ("9999-12-30", "999999 weeks from now", True), ("0001-01-02", "999999 weeks ago", False),
        ("soon", "2026-06-02", False), ("2026-06-01", "soon", False), ("2026-06-01", "", False),
        ("2026-06-01", "null", False), ("2026-06-01", "20270101", False),
        ("2026-06-01", "7 months from now", False), (MISSING, "2026-06-02", False),
        (None, "2026-06-02", False), (1, "2026-06-02", False),
        (["2026-06-01"], "2026-06-02", False),
    ],
    "is_timestamp_on_or_after": [
        ("2026-06-02", "2026-06-02", True), ("2026-06-03", "2026-06-02", True),
        ("2026-06-01", "2026-06-02", False), ("2026-06-04T12:00:00Z", "1 day from now", True),
        ("soon", "2026-06-02", False), ("2026-06-01", "soon", False),
        (MISSING, "2026-06-02", False),
        (None, "null", False),
    ],
    "is_timestamp_between": [
        ("2026-06-02", '["2026-06-02","2026-06-04"]', True),
        ("2026-06-04T00:00:00Z", ["2026-06-02", "2026-06-04"], True),
        ("2026-06-04T00:00:01Z", '["2026-06-02","2026-06-04"]', False),
        ("2026-06-01", '["2026-06-02","2026-06-04"]', False),
        ("2026-06-03", '["2026-06-04","2026-06-02"]', False),
        ("2026-06-03", '["2026-06-02"]', False),
        ("2026-06-03", '["2026-06-02","x"]', False), ("2026-06-03", '["2026-06-02",5]', False),
        ("2026-06-03", "2026-06-02", False), ("2026-06-03", "null", False),
        ("soon", '["2026-06-02","2026-06-04"]', False),
        (MISSING, '["2026-06-02","2026-06-04"]', False),
    ],
    "is_timestamp_before_now": [
        ("2026-06-03T11:59:59Z", None, True), ("2026-06-03T12:00:00Z", None, False),
        ("2026-06-03T13:30:00+02:00", None, True), ("soon", None, False), (None, None, False),
        (MISSING, None, False),
    ],
    "is_timestamp_on_or_after_now": [
        ("2026-06-03T12:00:00Z", None, True), ("2026-06-03T11:59:59Z", None, False),
        ("soon", None, False), (None, None, False), (MISSING, None, False),
    ],
    "is_audience_member": [
        ("u1", "beta", True), ("u1", '"beta"', True), ("u1", "vip", False), ("u1", "2024", True),
        ("u1", "null", False), ("u1", "", False), ("u1", None, False), ("u1", 2024, False),
        ("u1", '["beta"]', False), (MISSING, "beta", True),
    ],
}  # fmt: skip

OPPOSITES = {
    "not_equal_to": "equal_to",
    "not_contains": "contains",
    "not_contains_all": "contains_all",
    "not_empty": "empty",
    "not_exists": "exists",
    "is_not_timestamp": "is_timestamp",
    "is_not_audience_member": "is_audience_member",
}

ROWS = [(name, *row) for name, rows in TABLE.items() for row in rows]


def decide(name, actual, argument):
    group = parse_group([{"variable": "data.value", "operator": name, "argument": argument}])
    data = {} if actual is MISSING else {"value": actual}
    scope = ConditionScope(namespaces={"data": data}, audiences=frozenset({"beta", "2024"}))
    return evaluate(group, scope, NOW).passed


@pytest.mark.req("E-125")
@pytest.mark.parametrize(("name", "actual", "argument", "holds"), ROWS)
def test_the_operator_decides_as_the_table_says(name, actual, argument, holds):
    assert decide(name, actual, argument) is holds


@pytest.mark.req("E-125")
@pytest.mark.parametrize(("name", "actual", "argument", "holds"), ROWS)
def test_the_opposite_decides_the_other_way_round(name, actual, argument, holds):
    for opposite in (one for one, other in OPPOSITES.items() if other == name):
        assert decide(opposite, actual, argument) is not holds


@pytest.mark.req("E-126")
@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("is_timestamp_before_date", "is_timestamp_before"),
        ("is_timestamp_on_or_after_date", "is_timestamp_on_or_after"),
    ],
)
def test_aliases_decide_like_the_operator_they_stand_for(alias, name):
    assert ALIASES[alias] == name
    for actual, argument, holds in TABLE[name]:
        assert decide(alias, actual, argument) is holds


def test_every_registered_operator_has_rows_of_both_outcomes():
    assert set(TABLE) | set(OPPOSITES) == set(OPERATORS)
    for name, rows in TABLE.items():
        assert {holds for _, _, holds in rows} == {True, False}, name


def test_the_registry_holds_exactly_the_documented_operators():
    documented = """
        equal_to not_equal_to greater_than greater_than_or_equal_to less_than
        less_than_or_equal_to is_between contains not_contains contains_all not_contains_all empty
        not_empty exists not_exists is_timestamp is_not_timestamp is_timestamp_before
        is_timestamp_on_or_after is_timestamp_between is_timestamp_before_now
        is_timestamp_on_or_after_now is_audience_member is_not_audience_member
        is_timestamp_before_date is_timestamp_on_or_after_date
    """
    assert {*OPERATORS, *ALIASES} == set(documented.split())


def test_every_operator_describes_itself_for_the_editor():
    titles = [spec.title for spec in OPERATORS.values()]
    assert all(titles)
    assert len(set(titles)) == len(titles)
    takes_two = {name for name, spec in OPERATORS.items() if spec.argument is Arity.TWO}
    assert takes_two == {"is_between", "is_timestamp_between"}
