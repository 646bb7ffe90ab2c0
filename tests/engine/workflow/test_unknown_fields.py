"""Misspelt fields are named with a suggestion; no documented field ever is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
from sound_workflow import good

from engine.workflow.kinds import discover
from engine.workflow.project import read_project
from engine.workflow.unknown_fields import unknown_fields
from engine.workflow.validate import project_warnings

discover("engine.steps")

WHEN = {"variable": "data.plan", "operator": "equal_to", "argument": "pro"}
HEAD = {
    "$schema": "https://example.test/workflow.json",
    "__readonly": {"key": "w", "active": True},
    "__annotation": {"readonly_fields": []},
    "key": "w",
    "active": True,
    "valid": True,
    "sha": "0",
    "environment": "development",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
    "deleted_at": None,
    "created_by": None,
    "updated_by": None,
    "name": "W",
    "description": "d",
    "categories": [],
    "tags": [],
    "settings": {"override_preferences": False, "is_commercial": False},
    "trigger_frequency": "every_trigger",
    "trigger_data_json_schema": {"type": "object", "anything": {"goes": "here"}},
    "goal_attachment": {"goal_key": "g", "attribution_window_days": 7},
    "conditions": {"any": [WHEN, {"all": [WHEN]}]},
}
COMMON = {"ref": "r", "name": "n", "description": "d", "conditions": {"all": [WHEN]}}
WINDOW = {"day": "monday", "type": "send", "from": "09:00", "until": "17:00"}
PAIRS = [{"key": "a", "value": "b"}]
PADDING = {f"padding_{side}": 1 for side in ("top", "right", "bottom", "left")}
BLOCK = {"id": "b", "version": 1, "layout_attrs": PADDING}
BUTTON = {
    "label": "l",
    "action": "a",
    "variant": "solid",
    "size_attrs": {"size": "md", "is_fullwidth": True},
    "style_attrs": {
        "background_color": "c",
        "border_color": "c",
        "border_radius": 1,
        "border_width": 1,
        "text_color": "c",
    },
}
BLOCKS = [
    {**BLOCK, "type": "markdown", "content": "c", "content@": "1.md", "variant": "default"},
    {**BLOCK, "type": "html", "content": "c"},
    {**BLOCK, "type": "divider"},
    {
        **BLOCK,
        "type": "image",
        "url": "u",
        "alt": "a",
        "action": "a",
        "style_attrs": {"width": "1"},
        "layout_attrs": {**PADDING, "horizontal_align": "left"},
    },
    {
        **BLOCK,
        "type": "button_set",
        "buttons": [BUTTON],
        "layout_attrs": {**PADDING, "column_gap": 1, "horizontal_align": "left"},
    },
    {**BLOCK, "type": "partial", "key": "k", "name": "n", "attrs": {"any": {"thing": 1}}},
]
TEMPLATES: dict[str, dict[str, Any]] = {
    "email": {
        "subject": "s",
        "subject@": "s.txt",
        "settings": {
            "layout_key": None,
            "pre_content": "p",
            "pre_content@": "p.txt",
            "attachment_key": "a",
        },
        "html_body": "h",
        "visual_blocks": BLOCKS,
        "visual_blocks@": "v.json",
        "text_body": "t",
        "is_mjml": False,
    },
    "in_app_feed": {
        "markdown_body": "m",
        "action_url": "u",
        "action_buttons": [{"label": "l", "action": "a"}],
    },
    "sms": {"text_body": "t", "settings": {"to_number": "1", "payload_overrides": "{}"}},
    "push": {
        "title": "t",
        "text_body": "t",
        "settings": {"delivery_type": "content", "payload_overrides": "{}"},
    },
    "chat": {"markdown_body": "m", "json_body": "{}", "summary": "s"},
    "http": {"method": "post", "url": "u", "headers": PAIRS, "query_params": PAIRS, "body": "b"},
}
OVERRIDES = {
    "from_address": "a",
    "from_name": "a",
    "to_address": "a",
    "cc_address": "a",
    "bcc_address": "a",
    "reply_to_address": "a",
    "json_overrides": "{}",
    "json_overrides@": "o.json",
    "link_tracking": True,
    "open_tracking": True,
    "token_deregistration": True,
    "email_based_user_id_resolution": True,
}
LONG = {"unit": "days", "value": 1}
FUNCTIONS: dict[str, dict[str, Any]] = {
    "delay": {"delay_for": LONG, "delay_until_field_path": "data.at"},
    "batch": {
        "batch_key": "k",
        "batch_window": LONG,
        "batch_until_field_path": "data.at",
        "batch_window_type": "fixed",
        "batch_window_extension_limit": LONG,
        "batch_order": "asc",
        "batch_execution_mode": "accumulate",
        "batch_items_max_limit": 2,
        "batch_items_render_limit": 1,
        "workflow_version_mode": "pinned",
    },
    "throttle": {
        "throttle_key": "k",
        "throttle_limit": 1,
        "throttle_window": LONG,
        "throttle_window_field_path": "data.at",
    },
    "http_fetch": {
        "method": "get",
        "url": "u",
        "headers": PAIRS,
        "query_params": "{{ data.query }}",
        "body": "b",
        "body@": "b.txt",
        "response_path": "p",
        "signing_key": "k",
    },
}
BRANCHES = [
    {"name": "a", "conditions": {"all": [WHEN]}, "steps": [], "terminates": False},
    {"name": "b", "steps": []},
]


def documented() -> dict[str, Any]:
    """A workflow with every field that the management API names."""
    channel = {"type": "channel", "channel_key": "k", "channel_group_key": None}
    steps: list[dict[str, Any]] = [
        {
            **COMMON,
            **channel,
            "channel_type": type_,
            "send_windows": [WINDOW],
            "channel_overrides": OVERRIDES,
            "template": template,
        }
        for type_, template in TEMPLATES.items()
    ]
    steps += [{**COMMON, "type": type_, "settings": s} for type_, s in FUNCTIONS.items()]
    steps += [{**COMMON, "type": "branch", "branches": BRANCHES}]
    # What this release does not run is an error by its type, not a warning field by field.
    steps += [{**COMMON, "type": "ai_agent", "settings": {"model": "m"}}]
    whole: dict[str, Any] = orjson.loads(orjson.dumps({**HEAD, "steps": steps}))  # shares nothing
    return whole


def test_no_documented_field_is_warned_about() -> None:
    assert unknown_fields(documented()) == []
    assert unknown_fields(good()) == []


def test_older_forms_of_conditions_are_known() -> None:
    legacy = {"operator": "or", "conditions": [{**WHEN, "property": "x"}]}
    for group in (legacy, [legacy], [WHEN], None):
        assert unknown_fields({**good(), "conditions": group}) == []


def email(d: dict[str, Any]) -> dict[str, Any]:
    return next(s for s in d["steps"] if s.get("channel_type") == "email")


def step(d: dict[str, Any], type_: str) -> dict[str, Any]:
    return next(s for s in d["steps"] if s["type"] == type_)


CASES: list[tuple[Any, str, str]] = [
    (lambda d: d.update(stepz=[]), "stepz", "steps"),
    (lambda d: d["settings"].update(is_comercial=True), "settings.is_comercial", "is_commercial"),
    (lambda d: d["conditions"].update(al=[]), "conditions.al", "all"),
    (lambda d: d["conditions"]["any"][1]["all"][0].update(operater=""),
     "conditions.any[1].all[0].operater", "operator"),
    (lambda d: email(d).update(conditons={}), "conditons", "conditions"),
    (lambda d: email(d).update(tempalte={}), "tempalte", "template"),
    (lambda d: email(d).update({"tempalte@": "x"}), "tempalte@", "template"),
    (lambda d: email(d)["template"].update(sbuject="x"), "template.sbuject", "subject"),
    (lambda d: email(d)["template"]["settings"].update(layout="x"),
     "template.settings.layout", "layout_key"),
    (lambda d: email(d)["template"]["visual_blocks"][0].update(contents="x"),
     "template.visual_blocks[0].contents", "content"),
    (lambda d: email(d)["send_windows"][0].update(to="x"), "send_windows[0].to", ""),
    (lambda d: email(d)["channel_overrides"].update(from_adress="x"),
     "channel_overrides.from_adress", "from_address"),
    (lambda d: step(d, "delay")["settings"].update(delay_four=1), "settings.delay_four",
     "delay_for"),
    (lambda d: step(d, "delay")["settings"]["delay_for"].update(units="days"),
     "settings.delay_for.units", "unit"),
    (lambda d: step(d, "http_fetch")["settings"]["headers"][0].update(valeu=1),
     "settings.headers[0].valeu", "value"),
    (lambda d: step(d, "branch")["branches"][0].update(terminate=True),
     "branches[0].terminate", "terminates"),
    (lambda d: step(d, "branch")["branches"][0]["conditions"]["all"][0].update(argumnt=1),
     "branches[0].conditions.all[0].argumnt", "argument"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "path", "meant"), CASES, ids=[case[1] for case in CASES])
def test_a_misspelt_field_is_named_with_what_was_meant(spoil: Any, path: str, meant: str) -> None:
    definition = documented()
    spoil(definition)
    [found] = unknown_fields(definition)
    assert found.path == path
    assert found.rule == "field.unknown"
    name = path.rpartition(".")[2]
    assert f"There is no field {name!r}" in found.message
    assert (f"Did you mean {meant!r}?" in found.message) == bool(meant)


def test_each_channel_type_has_a_template_of_its_own() -> None:
    definition = good()
    definition["steps"][0]["template"]["html_body"] = "x"
    [found] = unknown_fields(definition)
    assert (found.step_ref, found.path) == ("feed", "template.html_body")


@pytest.mark.parametrize("value", [None, 1, "x", [], [[{"a": 1}]], {"steps": 3}])
def test_what_is_no_workflow_is_left_to_the_checks(value: Any) -> None:
    assert unknown_fields(value) == []


def test_a_warning_names_the_file_the_step_and_the_field(tmp_path: Path) -> None:
    folder = tmp_path / "workflows" / "w"
    folder.mkdir(parents=True)
    inner = copy.deepcopy(email(documented()))
    inner["template"] = {"subject": "s", "visual_blocks@": "blocks.json"}
    branch = {"type": "branch", "ref": "b", "branches": [{"name": "a", "steps": [inner]}]}
    (folder / "workflow.json").write_bytes(orjson.dumps({"name": "W", "steps": [branch]}))
    (folder / "blocks.json").write_bytes(orjson.dumps([{"type": "html", "contnt": "x"}]))
    [found] = project_warnings(read_project(tmp_path))
    assert found.file == "workflows/w/blocks.json"
    assert (found.step_ref, found.path) == ("r", "template.visual_blocks[0].contnt")


def test_the_samples_have_no_warnings() -> None:
    project = read_project(Path(__file__).parents[3] / "sample_workflows")
    assert len(project.workflows) >= 8
    assert project_warnings(project) == []


SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_no_workflow_of_the_scenarios_has_warnings() -> None:
    count = 0
    for file in sorted(SCENARIOS.glob("*.json")):
        for key, definition in orjson.loads(file.read_bytes())["workflows"].items():
            assert unknown_fields(definition) == [], f"{file.name} {key}"
            count += 1
    assert count >= 50
