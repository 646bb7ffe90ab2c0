from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conditions.evaluate import evaluate
from engine.conditions.model import group_problems, parse_group
from engine.conditions.operators import OPERATORS
from engine.conditions.scope import ConditionScope
from engine.conditions.statuses import MessageState
from engine.conditions.timestamps import parse_timestamp
from engine.conditions.values import MISSING, equal, has_item, key, shares_item
from engine.errors import ConditionError
from engine.timing.instants import parse_instant

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "ab", "5", "true", "2026-06-03", "data.x", "$message.sent"])
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
OPPOSITES = [
    ("equal_to", "not_equal_to"),
    ("contains", "not_contains"),
    ("contains_all", "not_contains_all"),
    ("empty", "not_empty"),
    ("exists", "not_exists"),
    ("is_timestamp", "is_not_timestamp"),
    ("is_audience_member", "is_not_audience_member"),
]


def truth(value):
    return {"variable": "data.n", "operator": "equal_to", "argument": "1" if value else "2"}


def decide(json, **scope):
    scope = {"namespaces": {"data": {"n": 1}}, **scope}
    return evaluate(parse_group(json), ConditionScope(**scope), NOW)


@pytest.mark.req("E-120")
@pytest.mark.parametrize(
    ("json", "results"),
    [
        ({"all": [truth(1), truth(0), truth(1)]}, [True, False, None]),
        ({"any": [truth(0), truth(1), truth(0)]}, [False, True, None]),
        ({"any": [{"all": [truth(1), truth(1)]}, {"all": [truth(1)]}, truth(0)]},
         [True, True, None, None]),
        ({"all": [{"any": [truth(1), truth(0)]}, {"any": [truth(0), truth(0)]}, truth(1)]},
         [True, None, False, False, None]),
    ],
)  # fmt: skip
def test_evaluation_stops_where_the_outcome_is_certain(json, results):
    clauses = decide(json).clauses
    assert [clause.result for clause in clauses] == results
    assert [clause.path for clause in clauses] == [
        condition.path for condition in parse_group(json).conditions
    ]


@pytest.mark.req("E-28")
def test_the_verdict_shows_the_resolved_sides_as_plain_json():
    json = {
        "all": [
            {"variable": "data.n", "operator": "less_than", "argument": "data.limit"},
            {"variable": "data.gone", "operator": "empty"},
            {"variable": "refs.e.status", "operator": "less_than", "argument": "$message.seen"},
            {"variable": "data.n", "operator": "equal_to", "argument": "7"},
            {"variable": "data.n", "operator": "exists"},
        ]
    }
    data = {"data": {"n": 1, "limit": 2}}
    verdict = decide(json, namespaces=data, statuses={"e": [MessageState(delivery="sent")]})
    shown = orjson.loads(orjson.dumps(verdict.as_json()))
    assert shown["passed"] is False
    assert [clause["result"] for clause in shown["clauses"]] == [True, True, True, False, None]
    assert shown["clauses"][0] == {
        "path": "all[0]",
        "variable": "data.n",
        "operator": "less_than",
        "argument": "data.limit",
        "actual": 1,
        "expected": 2,
        "result": True,
        "is_missing": False,
    }
    assert shown["clauses"][1]["is_missing"] is True
    assert (shown["clauses"][2]["actual"], shown["clauses"][2]["expected"]) == ("sent", "seen")
    assert "actual" not in shown["clauses"][4]


def test_the_log_cuts_what_is_long_wide_or_deep():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    wide = list(range(1_000))
    names = {str(number): number for number in range(1_000)}
    for value in ("x" * 10_000_000, deep, wide, names, 10**5_000, {1: object()}):
        verdict = decide([truth(1)], namespaces={"data": {"n": value}})
        assert len(orjson.dumps(verdict.as_json())) < 2_500


@pytest.mark.req("E-128")
def test_only_users_are_members_of_audiences():
    group = [{"variable": "recipient", "operator": "is_audience_member", "argument": "beta"}]
    for typename, passed in (("User", True), ("Object", False)):
        recipient = {"id": "x", "__typename": typename}
        verdict = decide(group, namespaces={"recipient": recipient}, audiences={"beta"})
        assert verdict.passed is passed


def test_scopes_may_be_any_mapping():
    class Lazy(Mapping):
        def __getitem__(self, name):
            return {"n": 1}[name]

        def __iter__(self):
            return iter(("n",))

        def __len__(self):
            return 1

    for data in (MappingProxyType({"n": 1}), Lazy()):
        assert decide([truth(1)], namespaces=MappingProxyType({"data": data})).passed


@given(st.sampled_from(OPPOSITES), values, values, st.booleans())
def test_every_not_operator_is_the_exact_negation(pair, actual, argument, is_missing):
    one, other = (
        decide(
            [{"variable": "data.x", "operator": name, "argument": argument}],
            namespaces={"data": {} if is_missing else {"x": actual}},
            audiences={"a"},
        ).passed
        for name in pair
    )
    # A message status beside anything else makes both sides false.
    is_hopeless = isinstance(argument, str) and argument.startswith("$message.")
    if is_hopeless and OPERATORS[pair[0]].argument.value:
        assert (one, other) == (False, False)
    else:
        assert one is not other


@given(values, values)
def test_equality_is_strict_symmetric_and_agrees_with_its_key(left, right):
    assert equal(left, left)
    assert equal(left, right) is equal(right, left)
    assert equal(left, right) is (key(left) == key(right))
    assert equal(left, right) is has_item([left], right)
    assert equal(left, right) is shares_item([left], [right])
    # orjson keeps the difference of 1 and true, so equal texts mean equal values.
    if orjson.dumps(left) == orjson.dumps(right):
        assert equal(left, right)


@given(
    st.recursive(
        values | st.fixed_dictionaries(
            {
                "variable": st.sampled_from(["data.x", "refs.e.status", "recipient", "x"]),
                "operator": st.sampled_from([*OPERATORS, "nonsense"]),
                "argument": values,
            }
        ),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["all", "any", "conditions", "operator"]), inner, max_size=2
        ),
        max_leaves=6,
    ),
    values,
)  # fmt: skip
def test_no_json_makes_reading_or_deciding_raise_anything_else(json, value):
    problems = group_problems(json, "c", allow_message_status=False)
    try:
        group = parse_group(json)
    except ConditionError:
        assert problems
        return
    scope = ConditionScope(
        namespaces={"data": {"x": value}, "recipient": value, "event": value},
        statuses={"e": [MessageState(delivery="sent")]},
    )
    verdict = evaluate(group, scope, NOW)
    assert orjson.loads(orjson.dumps(verdict.as_json()))["passed"] is verdict.passed


def test_huge_and_deep_data_is_decided_quickly_and_without_overflow():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    many = [{"id": number} for number in range(10_000)]
    data = {"deep": deep, "many": many, "text": "x" * 10_000_000}
    for operator in OPERATORS:
        for variable in data:
            for argument in ("data.deep", "data.many", "data.text"):
                condition = {
                    "variable": f"data.{variable}", "operator": operator, "argument": argument,
                }  # fmt: skip
                assert decide([condition], namespaces={"data": data}).passed in {True, False}


@given(st.text(alphabet="0123456789-:.,TZtz+ ", max_size=45) | st.datetimes().map(str) | values)
def test_timestamps_are_read_as_the_timing_package_reads_them(value):
    assert parse_timestamp(value) == parse_instant(value)


def test_missing_is_no_json_value():
    assert repr(MISSING) == "MISSING"
    assert not equal(MISSING, "")
