from __future__ import annotations

from typing import Any

import pytest

from designer.outline import in_short, kind_title, outline, step_names
from designer.wording import condition, conditions, duration, plain, value, variable
from tests.designer.seeded_definitions import COMMENTS, DEFINITIONS, INCIDENT, WELCOME


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ({"variable": "recipient.plan", "operator": "equal_to", "argument": "pro"},
         "the recipient's plan is “pro”"),
        ({"variable": "data.total", "operator": "greater_than", "argument": 5},
         "the data's total is greater than 5"),
        ({"variable": "tenant.name", "operator": "exists", "argument": None},
         "the tenant's name exists"),
        ({"variable": "refs.feed_1.delivery_status", "operator": "not_equal_to",
          "argument": "$message.read"}, "the message of feed_1 is not read"),
    ],
)  # fmt: skip
def test_a_condition_reads_as_a_sentence(wire: dict[str, Any], said: str) -> None:
    assert condition(wire) == said


def test_groups_are_joined_and_nested_ones_stand_in_brackets() -> None:
    a = {"variable": "data.a", "operator": "empty"}
    b = {"variable": "data.b", "operator": "not_empty"}

    assert conditions({"any": [a, {"all": [a, b]}]}) == (
        "the data's a is empty or (the data's a is empty and the data's b is not empty)"
    )
    assert conditions(None) == ""
    assert conditions({"all": []}) == ""


def test_values_and_durations_are_written_out() -> None:
    assert value(None) == "nothing"
    assert value([1, "two", True]) == "1, “two”, true"
    assert value("x" * 100).endswith("…”")
    assert duration({"unit": "hours", "value": 1}) == "1 hour"
    assert duration({"unit": "days", "value": 2}) == "2 days"
    assert duration(None) == ""
    assert variable("total_activities") == "total_activities"


def test_markup_is_read_as_words() -> None:
    html = "<style>b{}</style><p><b>Ann</b>: hi&nbsp;&amp; bye</p><p>second</p>"

    assert plain(html) == "Ann: hi & bye second"
    assert plain("<p>" + "word " * 100, 20) == "word word word word…"


def test_a_workflow_in_short_counts_every_step_and_names_its_channels() -> None:
    assert in_short(INCIDENT) == "8 steps: Push, SMS, Chat, Email, Webhook"
    assert in_short({"steps": []}) == "0 steps"


def test_an_outline_nests_the_arms_and_says_what_each_step_does() -> None:
    throttle, branch, webhook = outline(INCIDENT)

    assert throttle.summary == "At most 1 in 1 hour"
    assert [arm.when for arm in branch.arms] == [
        "if the data's severity is “critical”",
        "in every other case",
    ]
    assert [step.ref for step in branch.arms[0].steps] == ["push_1", "sms_1", "delay_1", "chat_1"]
    assert branch.arms[0].steps[2].summary == "Wait 5 minutes"
    assert webhook.is_channel


def test_conditions_and_batches_are_told_in_the_outline() -> None:
    batch, _, delay, email = outline(COMMENTS)

    assert batch.summary == "Collect for 10 minutes, one batch per the data's page_id"
    assert delay.title == "Delay"
    assert email.only_if == "the message of in_app_feed_1 is not read"
    until = {"delay_until_field_path": "data.starts_at", "delay_for": {"unit": "days", "value": -1}}
    [early] = outline({"steps": [{"type": "delay", "ref": "delay_1", "settings": until}]})
    assert early.summary == "Wait until 1 day before the data's starts_at"
    assert outline(WELCOME)[2].arms[1].ends


def test_every_seeded_step_has_a_name_and_unknown_kinds_do_not_break_the_outline() -> None:
    for definition in DEFINITIONS.values():
        assert all(step_names(definition).values())
    [step] = outline({"steps": [{"type": "from_the_future", "ref": "x_1"}]})
    assert (step.title, step.summary) == ("From the future", "")
    assert kind_title("channel:sms") == "SMS"
