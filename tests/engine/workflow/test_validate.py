from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_workflow import CHANNELS, WHEN, branch, committed, good, mail
from step_trees import json_values

from engine.workflow.compile import compile_plan
from engine.workflow.definition import refs_of
from engine.workflow.kinds import discover
from engine.workflow.project import read_project
from engine.workflow.validate import project_problems, workflow_problems

discover("engine.steps")

Break = Callable[[dict[str, Any]], object]


def nest(d: dict[str, Any]) -> None:
    inner: dict[str, Any] = {
        "type": "delay",
        "ref": "x",
        "settings": good()["steps"][1]["settings"],
    }
    for n in range(6):
        arm = {"name": "a", "conditions": WHEN, "steps": [inner]}
        inner = {"type": "branch", "ref": f"b{n}", "branches": [arm, {"name": "d", "steps": []}]}
    d["steps"] = [inner]


def end_all(d: dict[str, Any]) -> None:
    for arm in branch(d)["branches"]:
        arm["terminates"] = True
    d["steps"].append({**d["steps"][1], "ref": "late"})


def test_a_sound_workflow_has_no_problems() -> None:
    assert workflow_problems("welcome", good(), channels=CHANNELS) == []


@pytest.mark.parametrize(
    ("damage", "rule", "ref", "path", "words"),
    [
        (lambda d: d.pop("name"), "workflow.name", None, "name", "Give the workflow a name"),
        (
            lambda d: d.update(description="x" * 281),
            "workflow.description",
            None,
            "description",
            "280 characters at most",
        ),
        (
            lambda d: d.update(trigger_frequency="daily"),
            "workflow.frequency",
            None,
            "trigger_frequency",
            "every_trigger",
        ),
        (
            lambda d: d.update(trigger_data_json_schema={"properties": {"a": {"type": "text"}}}),
            "workflow.schema",
            None,
            "trigger_data_json_schema.properties.a.type",
            "not a valid JSON Schema",
        ),
        (
            lambda d: d.update(settings={"is_commercial": "yes"}),
            "workflow.settings",
            None,
            "settings.is_commercial",
            "true or false",
        ),
        (lambda d: d.update(steps={}), "workflow.steps", None, "steps", "a list of steps"),
        (lambda d: d["steps"].append("x"), "workflow.steps", None, "steps[3]", "an object"),
        (
            lambda d: d.update(conditions={"all": [{"variable": "data.x", "operator": "like"}]}),
            "condition.unknown_operator",
            None,
            "conditions.all[0].operator",
            "operator",
        ),
        (
            lambda d: d.update(conditions=mail(d)["conditions"]),
            "condition.message_status_not_allowed",
            None,
            "conditions.all[0].variable",
            "",
        ),
        (
            lambda d: d["steps"][1].update(type="dealy"),
            "step.unknown_type",
            "wait",
            "type",
            "Did you mean delay?",
        ),
        (
            lambda d: mail(d).update(type="chanel"),
            "step.unknown_type",
            "mail",
            "type",
            "Did you mean channel?",
        ),
        (
            lambda d: mail(d).update(channel_type="fax"),
            "step.unknown_type",
            "mail",
            "channel_type",
            "no step type 'channel:fax'",
        ),
        (lambda d: d["steps"][1].pop("ref"), "step.no_ref", None, "steps[1].ref", "needs a ref"),
        (
            lambda d: mail(d).update(ref="wait"),
            "step.duplicate_ref",
            "wait",
            "steps[2].branches[0].steps[0].ref",
            "already",
        ),
        (
            lambda d: d["steps"][1].update(ref="a.b"),
            "step.bad_ref",
            "a.b",
            "steps[1].ref",
            "cannot be a ref",
        ),
        (
            lambda d: d["steps"][1]["settings"]["delay_for"].update(value="soon"),
            "settings.invalid",
            "wait",
            "settings.delay_for",
            "whole number",
        ),
        (
            lambda d: d["steps"][1]["settings"]["delay_for"].update(unit="days", value=366),
            "delay.too_long",
            "wait",
            "settings.delay_for",
            "365 days",
        ),
        (
            lambda d: d["steps"][1].update(type="throttle", settings={"throttle_limit": "x"}),
            "settings.invalid",
            "wait",
            "settings.throttle_limit",
            "Expected a whole number, got 'x'",
        ),
        (
            lambda d: d["steps"][1].update(type="batch", settings={"batch_window_type": "wide"}),
            "settings.invalid",
            "wait",
            "settings.batch_window_type",
            "Expected 'fixed' or 'sliding', got 'wide'",
        ),
        (
            lambda d: d["steps"][1].update(type="http_fetch", settings={}),
            "settings.invalid",
            "wait",
            "settings.url",
            "needed",
        ),
        (
            lambda d: d["steps"][1].update(settings="1 hour"),
            "settings.invalid",
            "wait",
            "settings",
            "an object",
        ),
        (
            lambda d: branch(d)["branches"][1].update(conditions=WHEN),
            "branch.no_default",
            "split",
            "branches[1].conditions",
            "the default",
        ),
        (
            lambda d: branch(d)["branches"][0].pop("conditions"),
            "branch.no_conditions",
            "split",
            "branches[0].conditions",
            "'Pro' needs at least one condition",
        ),
        (
            lambda d: branch(d)["branches"][0].update(conditions={"all": []}),
            "branch.no_conditions",
            "split",
            "branches[0].conditions",
            "'Pro' needs",
        ),
        (
            lambda d: branch(d)["branches"].pop(),
            "branch.count",
            "split",
            "branches",
            "2 to 10 branches, got 1",
        ),
        (
            lambda d: branch(d)["branches"].extend([good()["steps"][2]["branches"][1]] * 9),
            "branch.count",
            "split",
            "branches",
            "2 to 10 branches, got 11",
        ),
        (
            lambda d: branch(d).update(branches=5),
            "branch.type",
            "split",
            "branches",
            "a list of branches",
        ),
        (nest, "branch.nesting", "b0", "branches", "5 deep"),
        (
            lambda d: branch(d).update(conditions=WHEN),
            "step.no_conditions",
            "split",
            "conditions",
            "takes no conditions",
        ),
        (end_all, "step.unreachable", "late", "", "can never run"),
        (
            lambda d: mail(d)["conditions"]["all"][0].update(variable="refs.fed.delivery_status"),
            "condition.unknown_step",
            "mail",
            "conditions",
            "Did you mean 'feed'?",
        ),
        (
            lambda d: mail(d).pop("channel_key"),
            "channel.none",
            "mail",
            "channel_key",
            "Choose the channel",
        ),
        (
            lambda d: mail(d).update(channel_group_key="g"),
            "channel.both",
            "mail",
            "channel_key",
            "not both",
        ),
        (
            lambda d: mail(d).update(channel_key="post"),
            "channel.unknown",
            "mail",
            "channel_key",
            "no channel 'post'; there is: email, in-app, sms",
        ),
        (
            lambda d: mail(d).update(channel_key="sms"),
            "channel.type",
            "mail",
            "channel_key",
            "sends sms",
        ),
        (
            lambda d: mail(d)["template"].pop("subject"),
            "template.needed",
            "mail",
            "template.subject",
            "needs a subject",
        ),
        (
            lambda d: mail(d)["template"].pop("html_body"),
            "template.empty",
            "mail",
            "template",
            "is empty",
        ),
        (lambda d: mail(d).pop("template"), "template.missing", "mail", "template", "no message"),
        (
            lambda d: mail(d)["template"].update(html_body="<p>\n{% if x %}"),
            "liquid.syntax",
            "mail",
            "template.html_body",
            "line 2, column",
        ),
        (
            lambda d: mail(d).update(channel_overrides={"from_name": "{{ x | shout }}"}),
            "liquid.unknown_filter",
            "mail",
            "channel_overrides.from_name",
            "'shout'",
        ),
    ],
)
def test_each_breakage_names_step_field_and_rule_in_a_sentence(
    damage: Break, rule: str, ref: str | None, path: str, words: str
) -> None:
    definition = good()
    damage(definition)
    problems = workflow_problems("welcome", definition, channels=CHANNELS)
    found = [(p.rule, p.step_ref, p.path) for p in problems]
    assert (rule, ref, path) in found
    problem = problems[found.index((rule, ref, path))]
    assert words in problem.message
    assert problem.message.endswith((".", "?"))
    assert problem.message[0].isupper() or problem.message[0] == "'"


@pytest.mark.parametrize("value", [None, 5, "x", [], {"all": []}])
def test_what_is_no_workflow_is_told_and_not_crashed_on(value: Any) -> None:
    assert workflow_problems("w", value)


def test_one_fault_gives_one_problem() -> None:
    definition = good()
    mail(definition).pop("channel_key")
    assert len(workflow_problems("w", definition, channels=CHANNELS)) == 1
    definition = good()
    definition["steps"][1]["settings"] = {}
    assert len(workflow_problems("w", definition, channels=CHANNELS)) == 1


def test_channels_are_checked_only_where_they_are_known() -> None:
    definition = good()
    mail(definition)["channel_key"] = "post"
    assert workflow_problems("w", definition) == []


def test_a_workflow_that_is_far_too_large_is_refused_at_once() -> None:
    definition = good()
    step = definition["steps"][1]
    definition["steps"] = [{**step, "ref": f"wait_{n}"} for n in range(1001)]
    assert [p.rule for p in workflow_problems("w", definition)] == ["workflow.too_many_steps"]
    definition = good()
    mail(definition)["template"]["html_body"] = "x" * (5 * 1024 * 1024)
    assert [p.rule for p in workflow_problems("w", definition)] == ["workflow.too_large"]


def test_json_nested_without_end_is_told() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert [p.rule for p in workflow_problems("w", {"steps": deep})] == ["workflow.depth"]


def places(value: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        found.append((value, key))
        if isinstance(item, (dict, list)):
            found += places(item)
    return found


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_no_json_makes_the_checks_crash_and_what_passes_them_compiles(
    data: st.DataObject,
) -> None:
    definition = good()
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(places(definition)))
        holder[key] = data.draw(json_values)
    problems = workflow_problems("w", definition, channels=CHANNELS)
    assert all(problem.message for problem in problems)
    if not problems:
        assert compile_plan(committed(definition)).index_by_ref.keys() == set(refs_of(definition))


def test_a_problem_of_a_project_names_the_file_that_holds_the_field(tmp_path: Path) -> None:
    definition = good()
    mail(definition)["template"] = {"subject": "Hi", "html_body@": "mail/body.html"}
    folder = tmp_path / "workflows" / "welcome"
    (folder / "mail").mkdir(parents=True)
    (folder / "mail" / "body.html").write_text("<p>\n{% iff %}", encoding="utf-8")
    definition["steps"][1]["settings"]["delay_for"]["value"] = 0
    (folder / "workflow.json").write_bytes(orjson.dumps(definition))
    problems = project_problems(read_project(tmp_path), channels=CHANNELS)
    assert [(p.file, p.line, p.step_ref, p.path) for p in problems] == [
        ("workflows/welcome/workflow.json", None, "wait", "settings.delay_for"),
        ("workflows/welcome/mail/body.html", 2, "mail", "template.html_body"),
    ]
