"""The outline says in a line what a function step does, and knows every step type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from designer.outline import kind_icon, kind_title, outline
from engine.workflow.kinds import STEPS, discover

discover("engine.steps")
ICONS = (Path(__file__).parents[2] / "designer" / "assets" / "icons.css").read_text()
FUNCTIONS = sorted(key for key, kind in STEPS.items() if kind.group == "function")


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_every_function_step_has_the_title_of_the_reference_and_a_drawing(kind: str) -> None:
    assert kind_title(kind) == STEPS[kind].title
    assert f".icon-{kind_icon(kind)} " in ICONS


@pytest.mark.parametrize(
    ("type_", "settings", "said"),
    [
        ("update_data", {"data": {"a": 1, "b": 2}}, "Sets a, b in the data"),
        ("update_data", {"data": "{{ data | json }}"}, "Sets values in the data"),
        ("update_user", {"update_properties": {"plan": "pro"}}, "Sets plan of the recipient"),
        (
            "update_user",
            {
                "recipient_mode": "reference",
                "recipient_gid": "gid://Object/$users/{{ actor.id }}",
                "update_properties": {"plan": "pro"},
            },
            "Sets plan of $users/{{ actor.id }}",
        ),
        (
            "update_object",
            {"recipient_gid": "gid://Object/projects/p1", "update_properties": {"stage": 1}},
            "Sets stage of projects/p1",
        ),
        ("update_tenant", {"update_properties": None}, "Sets values of the tenant"),
        ("trigger_workflow", {"workflow_key": "child"}, "Starts child"),
    ],
)
def test_a_step_is_summed_up_in_a_line(type_: str, settings: dict[str, Any], said: str) -> None:
    step = {"type": type_, "ref": "one", "settings": settings}
    assert [shown.summary for shown in outline({"steps": [step]})] == [said]
