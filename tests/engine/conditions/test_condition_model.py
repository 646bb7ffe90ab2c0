from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine.conditions.evaluate import evaluate
from engine.conditions.model import (
    group_problems,
    liquid_sources,
    needs_audiences,
    needs_statuses,
    parse_group,
    referenced_steps,
)
from engine.conditions.scope import ConditionScope
from engine.errors import ConditionError

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
YES = {"variable": "data.n", "operator": "equal_to", "argument": "1"}
NO = {"variable": "data.n", "operator": "equal_to", "argument": "2"}


def clause(variable, operator, argument=None):
    return {"variable": variable, "operator": operator, "argument": argument}


def passes(json):
    return evaluate(parse_group(json), ConditionScope(namespaces={"data": {"n": 1}}), NOW).passed


@pytest.mark.req("E-120")
@pytest.mark.parametrize("json", [None, {}, [], {"all": []}, {"any": []}, {"any": None},
                                  {"any": [{"all": []}]}, {"conditions": []}])  # fmt: skip
def test_a_group_that_asks_nothing_holds(json):
    assert parse_group(json) is None
    assert passes(json)
    assert group_problems(json, "conditions", allow_message_status=False) == []


@pytest.mark.req("E-120")
@pytest.mark.parametrize(
    ("json", "passed"),
    [
        ({"all": [YES, YES]}, True),
        ({"all": [YES, NO]}, False),
        ({"any": [NO, YES]}, True),
        ({"any": [NO, NO]}, False),
        ({"any": [NO, {"all": [YES, NO]}]}, False),
        ({"all": [YES, {"any": [NO, {"all": [YES, {"any": [YES]}]}]}]}, True),
        ({"any": [NO, {"all": []}]}, True),
        # The plain list of preferences, the groups of waits, the segments of audiences.
        ([YES, YES], True),
        ([YES, NO], False),
        ({"conditions": [YES, NO]}, False),
        (
            [{"operator": "and", "conditions": [YES]}, {"operator": "and", "conditions": [NO]}],
            False,
        ),
        ({"operator": "or", "conditions": [NO, YES]}, True),
        ({"any": [{"conditions": [{"property": "data.n", "operator": "exists"}]}]}, True),
    ],
)
def test_every_form_of_group_is_read(json, passed):
    assert passes(json) is passed


@pytest.mark.parametrize(
    ("json", "path", "rule", "sentence"),
    [
        ("yes", "", "not_group", 'got "yes"'),
        (5, "", "not_group", "got int"),
        ({"none": []}, "", "not_group", 'Expected {"all": […]} or {"any": […]}'),
        (YES, "", "not_group", "got dict"),
        ({"all": YES}, "all", "not_list", "Expected a list"),
        ({"all": [YES], "any": [NO]}, "", "mixed_group", "got both"),
        ({"operator": "xor", "conditions": [YES]}, "", "unknown_joiner", 'got "xor"'),
        ({"all": [YES, "no"]}, "all[1]", "not_object", 'got "no"'),
        ({"any": [{"all": [None]}]}, "any[0].all[0]", "not_object", "got nothing"),
        ([{}], "[0].variable", "no_variable", "such as data.plan"),
        ([clause("", "exists")], "[0].variable", "no_variable", 'got ""'),
        ([clause(7, "exists")], "[0].variable", "no_variable", "got int"),
        ([clause("data.n", "equals")], "[0].operator", "unknown_operator", "mean equal_to?"),
        ([clause("data.n", None)], "[0].operator", "unknown_operator", "got nothing"),
        ([clause("data.n", ["exists"])], "[0].operator", "unknown_operator", "got list"),
        ([clause("data.n", "x" * 10_000)], "[0].operator", "unknown_operator", "such as equal_to"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(json, path, rule, sentence):
    with pytest.raises(ConditionError) as caught:
        parse_group(json)
    problem = caught.value.problems[0]
    assert (problem.path, problem.rule) == (path, f"condition.{rule}")
    assert sentence in problem.message
    assert len(problem.message) < 250


def test_every_fault_is_listed_not_only_the_first():
    with pytest.raises(ConditionError) as caught:
        parse_group({"all": [clause(None, "equals"), 5]})
    assert len(caught.value.problems) == 3


def test_groups_nested_beyond_reason_are_refused_without_overflow():
    json = YES
    for _ in range(5_000):
        json = {"all": [json]}
    found = group_problems(json, "conditions", allow_message_status=True)
    assert [problem.rule for problem in found] == ["condition.nested_too_deep"]


SENT = "$message.sent"
PROBLEMS = [
    ("plan", "exists", None, "variable", "unknown_namespace", "did you mean data.plan?"),
    ("recipientx.plan", "exists", None, "variable", "unknown_namespace", "mean recipient?"),
    ("https://x.example", "exists", None, "variable", "unknown_namespace", "Expected a variable"),
    ("data", "exists", None, "variable", "no_path", "data.plan"),
    ("data..x", "exists", None, "variable", "no_path", "data..x"),
    ("refs.email_1", "exists", None, "variable", "no_path", "refs.email_1"),
    ("refs.email_1.statusx", "exists", None, "variable", "unknown_field", "delivery_status"),
    ("run.total_activity", "exists", None, "variable", "unknown_field", "total_activities?"),
    ("workflow.keys", "exists", None, "variable", "unknown_field", "mean key?"),
    ("data.n", "equal_to", "run.totals", "argument", "unknown_field", "total_activities"),
    ("event.data.n", "exists", None, "variable", "event_not_allowed", "waiting for an event"),
    ("data.n", "equal_to", "event.log", "argument", "event_not_allowed", "in quotes"),
    ("refs.e.delivery_status", "equal_to", SENT, "variable", "message_status_not_allowed", "steps"),
    ("data.n", "equal_to", SENT, "variable", "message_status_not_allowed", "waits"),
    ("data.n", "contains", None, "argument", "no_argument", "contains needs an argument"),
    ("data.n", "less_than", None, "argument", "no_argument", "less_than needs an argument"),
    ("data.n", "is_between", "5", "argument", "bad_range", "list of two"),
    ("data.n", "is_between", "[1,2,3]", "argument", "bad_range", "list of two"),
    ("data.n", "is_between", "[1,null]", "argument", "bad_range", "numbers or texts"),
    ("data.n", "is_timestamp_before", "tomorrow", "argument", "bad_timestamp", "ISO 8601"),
    ("data.n", "is_timestamp_before", "7 months ago", "argument", "bad_timestamp", "ISO 8601"),
    ("data.n", "is_timestamp_before", "14 minutes ago", "argument", "relative_too_short", "15"),
    ("data.n", "is_timestamp_between", '["2026-06-01","7 days from now"]', "argument",
     "relative_in_between", "no relative ones"),
    ("data.n", "is_timestamp_between", "7 days from now", "argument", "relative_in_between", "no"),
    ("data.n", "is_timestamp_between", '["2026-06-01","soon"]', "argument", "bad_timestamp", "ISO"),
    ("data.n", "is_timestamp_between", '["2026-06-01"]', "argument", "bad_range", "list of two"),
    ("data.n", "is_audience_member", "beta", "variable", "audience_variable", "recipient"),
    ("recipient", "is_audience_member", "", "argument", "no_argument", "needs an argument"),
    ("recipient", "is_audience_member", 5, "argument", "bad_audience", "key of an audience"),
]  # fmt: skip


@pytest.mark.parametrize(("variable", "operator", "argument", "side", "rule", "words"), PROBLEMS)
def test_useless_conditions_are_problems_when_saved(
    variable, operator, argument, side, rule, words
):
    json = {"any": [YES, {"all": [clause(variable, operator, argument)]}]}
    found = group_problems(json, "steps[2].conditions", allow_message_status=False)
    assert [problem.rule for problem in found] == [f"condition.{rule}"]
    assert found[0].path == f"steps[2].conditions.any[1].all[0].{side}"
    assert words in found[0].message
    # They are still readable: what is stored already must not stop a run.
    assert parse_group(json) is not None


@pytest.mark.parametrize(
    ("variable", "operator", "argument", "rule", "words"),
    [
        ("data.n", "equal_to", SENT, "status_variable", "refs.<step>.delivery_status"),
        ("refs.e.delivery_status", "equal_to", "$message.send", "unknown_status", "mean sent?"),
        ("refs.e.engagement_status", "contains", ["$message.red"], "unknown_status", "mean read?"),
    ],
)
def test_misused_statuses_are_problems_where_statuses_are_allowed(
    variable, operator, argument, rule, words
):
    found = group_problems([clause(variable, operator, argument)], "c", allow_message_status=True)
    assert [problem.rule for problem in found] == [f"condition.{rule}"]
    assert words in found[0].message


@pytest.mark.parametrize(
    ("variable", "operator", "argument"),
    [
        ("data.items.0.id", "equal_to", None),
        ("data.plan", "not_equal_to", "null"),
        ("vars.limit", "less_than", "data.n"),
        ("recipient", "is_audience_member", "beta"),
        ("recipient.id", "is_not_audience_member", "data.audience"),
        ("actor.name", "contains", "{{ data.name }}"),
        ("tenant.id", "empty", None),
        ("run.total_actors", "is_between", '["data.low","data.high"]'),
        ("run.total_activities", "is_between", "{{ data.bounds | json }}"),
        ("workflow.categories", "contains", "collab"),
        ("data.at", "is_timestamp_before", "15 minutes from now"),
        ("data.at", "is_timestamp_before", {"value": 1, "unit": "hours", "modifier": "ago"}),
        ("data.at", "is_timestamp_between", '["2026-06-01","{{ data.end }}"]'),
        ("data.at", "is_timestamp_between", "data.range"),
        ("refs.e.delivery_status", "equal_to", "$message.skipped"),
        ("refs.e.delivery_status", "less_than", "$message.delivered"),
        ("refs.e.engagement_status", "not_contains", "$message.read_not_link_clicked"),
        ("refs.e.status", "less_than", "$message.seen"),
        ("refs.wait_1.matched", "equal_to", "true"),
        ("refs.wait_1.signal_variables.data.n", "exists", None),
        ("event.step_ref", "equal_to", "in_app_feed_1"),
    ],
)
def test_sound_conditions_have_no_problems(variable, operator, argument):
    json = {"all": [clause(variable, operator, argument)]}
    assert group_problems(json, "c", allow_message_status=True, allow_event=True) == []


def test_groups_say_what_the_caller_must_bring():
    group = parse_group(
        {
            "any": [
                clause("data.a", "contains", "{{ data.b }}"),
                {"all": [clause("data.c", "equal_to", "{% if x %}1{% endif %}"), YES]},
                clause("data.d", "is_between", ["{{ data.b }}", "refs.wait_1.matched"]),
                clause("refs.email_1.status", "equal_to", "refs.wait_2.signal_variables.s"),
                clause("recipient", "is_audience_member", "beta"),
            ]
        }
    )
    assert liquid_sources(group) == ("{{ data.b }}", "{% if x %}1{% endif %}")
    assert referenced_steps(group) == {"wait_1", "email_1", "wait_2"}
    assert needs_statuses(group)
    assert needs_audiences(group)


def test_simple_groups_need_nothing():
    for group in (None, parse_group([YES])):
        assert liquid_sources(group) == ()
        assert referenced_steps(group) == set()
        assert not needs_statuses(group)
        assert not needs_audiences(group)
