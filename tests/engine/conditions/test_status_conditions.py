from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest

from engine.conditions.evaluate import evaluate
from engine.conditions.model import parse_group
from engine.conditions.scope import ConditionScope
from engine.conditions.statuses import RANKS, MessageState, engagement_list, highest

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
ORDERS = {
    "greater_than": lambda left, right: left > right,
    "greater_than_or_equal_to": lambda left, right: left >= right,
    "less_than": lambda left, right: left < right,
    "less_than_or_equal_to": lambda left, right: left <= right,
    "equal_to": lambda left, right: left == right,
    "not_equal_to": lambda left, right: left != right,
}
DELIVERIES = [
    "undelivered", "bounced", "delivery_attempted", "queued", "not_sent", "sent", "delivered",
]  # fmt: skip


def state(delivery, *engagement, expired=False):
    return MessageState(delivery=delivery, engagement=frozenset(engagement), expired=expired)


def holds(field, operator, argument, *states, **scope):
    condition = {"variable": f"refs.step_1.{field}", "operator": operator, "argument": argument}
    scope = {"namespaces": {}, "statuses": {"step_1": states}, **scope}
    return evaluate(parse_group([condition]), ConditionScope(**scope), NOW).passed


@pytest.mark.req("E-130")
def test_the_ladder_has_the_documented_order():
    ladder = [
        "skipped", *DELIVERIES, "seen", "read", "interacted", "link_clicked", "archived",
    ]  # fmt: skip
    assert list(RANKS) == ladder
    assert sorted(RANKS, key=RANKS.__getitem__) == ladder
    assert RANKS["interacted"] == RANKS["link_clicked"]
    assert len(set(RANKS.values())) == len(RANKS) - 1


@pytest.mark.req("E-130")
def test_delivery_compares_by_rank_with_every_status():
    for delivery, named, operator in product(DELIVERIES, RANKS, ORDERS):
        expected = ORDERS[operator](RANKS[delivery], RANKS[named])
        # Engagement does not count for delivery.
        reached = state(delivery, "read", "archived")
        assert holds("delivery_status", operator, f"$message.{named}", reached) is expected


@pytest.mark.req("E-130")
@pytest.mark.parametrize(
    ("reached", "operator", "argument", "expected"),
    [
        (state("delivered"), "less_than", "$message.seen", True),
        (state("delivered", "seen"), "less_than", "$message.seen", False),
        (state("delivered", "archived"), "greater_than", "$message.interacted", True),
        (state("sent", "read"), "equal_to", "$message.read", True),
        (state("sent", "link_clicked"), "equal_to", "$message.interacted", True),
        (state("sent", "link_clicked"), "contains", "$message.interacted", False),
        (state("sent", "read"), "not_equal_to", "$message.sent", True),
        (state("sent", "seen"), "contains", "$message.seen_not_read", True),
        (state("sent"), "equal_to", "$message.seen_not_read", False),
    ],
)
def test_the_legacy_status_compares_the_highest_rung_reached(reached, operator, argument, expected):
    assert holds("status", operator, argument, reached) is expected


@pytest.mark.req("E-131")
@pytest.mark.parametrize(
    ("engagement", "names"),
    [
        ((), []),
        (("seen",), ["seen", "seen_not_read"]),
        (("read", "seen"), ["seen", "read", "read_not_link_clicked"]),
        (("link_clicked", "read"), ["read", "link_clicked"]),
        (("archived", "interacted"), ["interacted", "archived"]),
    ],
)
def test_engagements_are_listed_with_those_that_exclude_another(engagement, names):
    assert engagement_list(engagement) == names
    for name in ("seen", "seen_not_read", "read", "read_not_link_clicked", "archived"):
        reached = state("delivered", *engagement)
        expected = name in names
        assert holds("engagement_status", "contains", f"$message.{name}", reached) is expected
        argument = f'["$message.{name}"]'
        assert holds("engagement_status", "contains_all", argument, reached) is expected
        assert holds("engagement_status", "not_contains", f"$message.{name}", reached) is (
            not expected
        )


@pytest.mark.req("E-132")
def test_no_message_ranks_below_everything():
    for name in list(RANKS)[1:]:
        assert holds("delivery_status", "less_than", f"$message.{name}")
        assert not holds("delivery_status", "greater_than_or_equal_to", f"$message.{name}")
        assert holds("status", "less_than", f"$message.{name}")
        assert holds("engagement_status", "not_contains", f"$message.{name}")
    assert not holds("delivery_status", "not_equal_to", "$message.skipped")
    assert holds("engagement_status", "empty", None)


@pytest.mark.req("E-133")
def test_engagement_of_the_message_that_got_furthest_counts_alone():
    states = [state("sent", "seen"), state("delivered"), state("bounced", "link_clicked")]
    assert holds("engagement_status", "contains", "$message.link_clicked", *states)
    assert not holds("engagement_status", "contains", "$message.seen", *states)
    assert holds("delivery_status", "equal_to", "$message.bounced", *states)


@pytest.mark.req("E-134")
@pytest.mark.parametrize(
    ("field", "operator", "argument"),
    [
        ("delivery_status", "equal_to", "$message.sent"),
        ("delivery_status", "not_equal_to", "$message.sent"),
        ("delivery_status", "less_than", "$message.seen"),
        ("engagement_status", "contains", "$message.read"),
        ("engagement_status", "not_contains", "$message.read"),
        ("status", "exists", None),
        ("status", "not_exists", None),
    ],
)
def test_a_message_past_retention_makes_every_condition_false(field, operator, argument):
    assert not holds(field, operator, argument, state("sent", "read", expired=True))
    assert not holds(field, operator, argument, state("sent"), state("sent", expired=True))


@pytest.mark.req("E-122")
@pytest.mark.parametrize("operator", ["equal_to", "not_equal_to", "less_than"])
def test_message_statuses_are_false_where_they_are_not_allowed(operator):
    assert not holds("delivery_status", operator, "$message.skipped", statuses=None)
    data = {"value": "sent"}
    condition = {"variable": "data.value", "operator": operator, "argument": "$message.sent"}
    scope = ConditionScope(namespaces={"data": data}, statuses={})
    assert not evaluate(parse_group([condition]), scope, NOW).passed


@pytest.mark.parametrize(
    ("operator", "argument", "expected"),
    [
        ("equal_to", "sent", True),
        ("less_than", "delivered", True),
        ("less_than", "data.wanted", True),
        ("less_than", "{{ data.wanted }}", True),
        ("contains", "$message.sent", True),
        ("contains", '["$message.sent","$message.queued"]', True),
        ("less_than", "5", False),
        ("less_than", "$message.nonsense", False),
        ("not_equal_to", "$message.nonsense", True),
    ],
)
def test_arguments_beside_a_status_are_read_as_statuses(operator, argument, expected):
    scope = {
        "namespaces": {"data": {"wanted": "$message.read"}},
        "rendered": {"{{ data.wanted }}": "seen"},
    }
    assert holds("delivery_status", operator, argument, state("sent"), **scope) is expected


def test_a_message_that_was_not_sent_does_not_contain_sent():
    assert not holds("delivery_status", "contains", "$message.sent", state("not_sent"))


def test_an_unknown_delivery_status_ranks_nowhere_and_raises_nothing():
    odd = state("teleported", "hovered")
    assert highest(odd) == "teleported"
    assert not holds("delivery_status", "less_than", "$message.sent", odd)
    assert not holds("delivery_status", "greater_than_or_equal_to", "$message.skipped", odd)
    assert holds("delivery_status", "equal_to", "teleported", odd)
    assert holds("engagement_status", "contains", "hovered", odd)


def test_waits_are_read_from_the_scope_and_not_from_statuses():
    refs = {"wait_1": {"matched": True, "signal_variables": {"amount": 150}}}
    scope = ConditionScope(namespaces={"refs": refs}, statuses=None)
    group = parse_group(
        [
            {"variable": "refs.wait_1.matched", "operator": "equal_to", "argument": "true"},
            {
                "variable": "refs.wait_1.signal_variables.amount",
                "operator": "greater_than",
                "argument": "100",
            },
        ]
    )
    assert evaluate(group, scope, NOW).passed
