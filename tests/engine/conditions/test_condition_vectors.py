"""The numbered vectors of the conditions chapter, one test each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.conditions.evaluate import evaluate
from engine.conditions.model import parse_group
from engine.conditions.scope import ConditionScope
from engine.conditions.statuses import MessageState

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)


def clause(variable, operator, argument=None):
    return {"variable": variable, "operator": operator, "argument": argument}


def holds(variable, operator, argument=None, *, statuses=None, **namespaces):
    group = parse_group({"all": [clause(variable, operator, argument)]})
    scope = ConditionScope(namespaces=namespaces, statuses=statuses)
    return evaluate(group, scope, NOW).passed


def test_v91_a_missing_value_is_the_empty_text_and_does_not_exist():
    assert holds("data.plan", "equal_to", "", data={})
    assert not holds("data.plan", "equal_to", "null", data={})
    assert holds("data.plan", "not_exists", data={})
    assert holds("data.plan", "empty", data={})


def test_v92_null_equals_null_and_does_not_exist():
    assert holds("data.plan", "equal_to", "null", data={"plan": None})
    assert not holds("data.plan", "exists", data={"plan": None})
    assert holds("data.plan", "empty", data={"plan": None})


def test_v93_the_empty_text_exists_and_is_empty():
    assert holds("data.plan", "exists", data={"plan": ""})
    assert not holds("data.plan", "not_empty", data={"plan": ""})


def test_v94_arguments_are_decoded_before_they_are_compared():
    assert holds("data.n", "equal_to", "5", data={"n": 5})
    assert not holds("data.n", "equal_to", '"5"', data={"n": 5})


def test_v95_missing_is_never_less_than_a_number():
    assert not holds("data.n", "less_than", "10", data={})
    assert holds("data.n", "not_equal_to", "10", data={})


def test_v96_a_text_contains_its_part():
    assert holds("recipient.role", "contains", "engineer", recipient={"role": "senior engineer"})


def test_v97_a_list_contains_items():
    recipient = {"tags": ["vip", "beta"]}
    assert holds("recipient.tags", "contains", "vip", recipient=recipient)
    assert holds("recipient.tags", "contains", '["x","beta"]', recipient=recipient)
    assert not holds("recipient.tags", "contains_all", '["vip","x"]', recipient=recipient)


def test_v98_the_list_may_stand_on_the_right():
    assert holds("recipient.plan", "contains", '["free","pro"]', recipient={"plan": "pro"})


def test_v99_a_muted_item_is_found_through_a_dynamic_argument():
    scope = {"recipient": {"muted": ["rex"]}, "data": {"dino": "rex"}}
    assert not holds("recipient.muted", "not_contains", "data.dino", **scope)


def test_v100_nothing_muted_and_nothing_named_sends():
    assert holds("recipient.muted", "not_contains", "data.dino", recipient={}, data={})


def test_v101_relative_timestamps_count_from_now():
    data = {"ends": (NOW + timedelta(days=5)).isoformat()}
    assert holds("data.ends", "is_timestamp_before", "7 days from now", data=data)
    assert holds("data.ends", "is_timestamp_on_or_after_now", data=data)


def test_v102_what_is_no_timestamp_is_neither_before_nor_after():
    assert not holds("data.ends", "is_timestamp_before_now", data={"ends": "soon"})
    assert not holds("data.ends", "is_timestamp_on_or_after_now", data={"ends": "soon"})


def test_v103_a_message_that_was_seen_and_read():
    statuses = {
        "feed": [MessageState(delivery="delivered", engagement=frozenset({"seen", "read"}))]
    }
    status = {"statuses": statuses}
    assert not holds("refs.feed.engagement_status", "contains", "$message.seen_not_read", **status)
    assert not holds("refs.feed.status", "contains", "$message.seen_not_read", **status)
    assert not holds("refs.feed.status", "less_than", "$message.seen", **status)


def test_v104_a_step_that_was_skipped():
    for statuses in ({}, {"email": []}, {"other": [MessageState(delivery="sent")]}):
        status = {"statuses": statuses}
        assert holds("refs.email.delivery_status", "less_than", "$message.sent", **status)
        assert holds("refs.email.delivery_status", "equal_to", "$message.skipped", **status)
        assert holds("refs.email.engagement_status", "not_contains", "$message.seen", **status)


def test_v105_the_message_of_highest_rank_speaks_for_a_group():
    both = [MessageState(delivery="bounced"), MessageState(delivery="sent")]
    for states in (both, both[::-1]):
        statuses = {"push": states}
        bounced = ("refs.push.delivery_status", "equal_to", "$message.bounced")
        assert not holds(*bounced, statuses=statuses)
        assert holds("refs.push.delivery_status", "equal_to", "$message.sent", statuses=statuses)


@pytest.mark.parametrize(
    ("first", "second", "third", "passed"),
    [(True, False, True, True), (True, False, False, False), (True, True, False, True)],
)
def test_v106_any_of_several_all_groups(first, second, third, passed):
    one, two, three = (
        clause("data.one", "equal_to", "1" if truth else "2") for truth in (first, second, third)
    )
    group = parse_group({"any": [{"all": [one, two]}, {"all": [three]}]})
    scope = ConditionScope(namespaces={"data": {"one": 1}})
    assert evaluate(group, scope, NOW).passed is passed


def test_v14_a_variable_stored_as_text_was_decoded_and_equals_the_number():
    assert holds("vars.limit", "equal_to", "5", vars={"limit": 5})


def test_v142_a_number_that_came_as_text_is_not_greater_than_a_number():
    assert not holds("data.score", "greater_than", "5", data={"score": "10"})
