from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.conditions.evaluate import evaluate
from engine.conditions.model import parse_group
from engine.conditions.scope import ConditionScope

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
SCOPE = ConditionScope(
    namespaces={
        "data": {
            "n": 5,
            "name": "Ann",
            "null": None,
            "items": [{"id": "a"}, {"id": "b"}],
            "0": "zero",
            "low": 1,
            "high": 9,
            "at": "2026-06-05",
        },
        "vars": {"secret": "s3cret"},
        "actor": None,
        "refs": {"wait_1": {"matched": True}},
    },
    rendered={
        "{{ data.n }}": "5",
        "{{ data.name }}": "Ann",
        "{{ data.evil }}": "vars.secret",
        "{{ data.list }}": '["Ann","Bob"]',
        "{{ data.n }} days from now": "5 days from now",
        "{{ data.again }}": "{{ data.n }}",
        "{{ data.bounds }}": "[1,9]",
    },
)


def clause(operator, argument, variable="data.n"):
    json = {"variable": variable, "operator": operator, "argument": argument}
    return evaluate(parse_group([json]), SCOPE, NOW).clauses[0]


@pytest.mark.req("E-119")
@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("5", 5),
        ('"5"', "5"),
        ("true", True),
        ("null", None),
        ('["a"]', ["a"]),
        ('{"a":1}', {"a": 1}),
        ("plain words", "plain words"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("[" * 5_000, "[" * 5_000),
        ("data.name", "Ann"),
        ('"data.name"', "data.name"),
        ("data.items.1.id", "b"),
        ("data.items.2.id", ""),
        ("data.items.-1.id", ""),
        ("data.items.999999999999999999999.id", ""),
        ("data.items.\u0660.id", ""),
        ("data.items.²", ""),
        ("data.items." + "9" * 900, ""),
        ("data.0", "zero"),
        ("data.name.0", ""),
        ("data.null.x", ""),
        ("data.NAME", ""),
        ("actor.name", ""),
        ("tenant.id", ""),
        ("refs.wait_1.matched", True),
        ("data", "data"),
        ("data.", "data."),
        ("data..n", "data..n"),
        ("data.name is here", "data.name is here"),
        ("Data.name", "Data.name"),
        ("datum.name", "datum.name"),
        ("data." + "x." * 1_000 + "y", "data." + "x." * 1_000 + "y"),
        (7, 7),
        (["data.name"], ["data.name"]),
        ("{{ data.n }}", 5),
        ("{{ data.name }}", "Ann"),
        ("{{ data.list }}", ["Ann", "Bob"]),
        ("{{ data.unrendered }}", ""),
    ],
)
def test_arguments_are_decoded(argument, expected):
    got = clause("equal_to", argument).expected
    assert got == expected
    assert type(got) is type(expected)


def test_rendered_text_is_never_taken_as_a_path_or_a_template():
    assert clause("equal_to", "{{ data.evil }}").expected == "vars.secret"
    assert clause("equal_to", "{{ data.again }}").expected == "{{ data.n }}"


def test_bounds_may_be_paths_and_templates():
    assert clause("is_between", '["data.low","data.high"]').result is True
    assert clause("is_between", ["{{ data.n }}", "data.nothing"]).expected == [5, ""]
    assert clause("is_between", "{{ data.bounds }}").result is True
    found = clause("is_timestamp_between", '["2026-06-01","data.at"]', "data.at")
    assert found.expected == ["2026-06-01", "2026-06-05"]
    assert found.result is True


def test_relative_times_resolve_to_the_instant_they_mean():
    assert clause("is_timestamp_before", "30 days ago").expected == "2026-05-04T12:00:00Z"
    rendered = clause("is_timestamp_before", "{{ data.n }} days from now")
    assert rendered.expected == "2026-06-08T12:00:00Z"
    far = clause("is_timestamp_before", "999999 weeks ago")
    assert far.expected == "0001-01-01T00:00:00Z"
    # Only timestamps have relative forms.
    assert clause("equal_to", "30 days ago").expected == "30 days ago"


def test_a_variable_without_a_known_namespace_is_missing():
    for variable in ("plan", "n", "secrets.key", "data..n", "x" * 100_000, "."):
        found = clause("not_exists", None, variable)
        assert (found.result, found.is_missing, found.actual) == (True, True, "")


def test_text_contains_a_rendered_number_as_it_was_rendered():
    assert clause("contains", "{{ data.n }}", "data.at").result is True


def test_the_raw_text_of_one_argument_does_not_leak_into_the_next_clause():
    texts = [
        {"variable": "data.at", "operator": "contains", "argument": argument}
        for argument in ("6", "data.high")
    ]
    # 2026-06-05 contains a 6 and no 9.
    assert [found.result for found in evaluate(parse_group(texts), SCOPE, NOW).clauses] == [
        True,
        False,
    ]
