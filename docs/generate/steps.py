"""The page of the step types."""

from __future__ import annotations

from typing import Final

from docs.generate.fields import fields_table
from docs.generate.markdown import code, first_line, sections
from docs.generate.wording import STEPS as MORE
from engine.messages.channel_step import ChannelSettings
from engine.timing.durations import UNITS
from engine.workflow.definition import MAX_ARMS, MAX_NESTING, MAX_STEPS, MIN_ARMS
from engine.workflow.kinds import STEPS, Step, discover

_INTRODUCTION: Final = """
# Step types

A workflow is a list of steps. Every step has a `type`, a `ref` that is its name inside the
workflow, an optional `name` for people, and optional `conditions`. Function steps keep their fields
under `settings`; channel steps keep them beside `type`.
"""


def page() -> str:
    """Write the page."""
    discover("engine.steps")
    kinds = sorted(STEPS.items(), key=lambda pair: (pair[1].group == "channel", pair[0]))
    limits = (
        f"A workflow holds at most {MAX_STEPS:,} steps. A branch step has {MIN_ARMS} to {MAX_ARMS} "
        f"arms, the default among them, and branches nest {MAX_NESTING} deep at most."
    )
    units = ", ".join(code(unit) for unit in UNITS)
    duration = (
        'A **duration** is an object such as `{"unit": "minutes", "value": 5}`; units are '
        f"{units}. A *path* such as `data.due_at` names a value in the run's "
        "[scope](../concepts.md#scope)."
    )
    return sections(
        _INTRODUCTION,
        limits,
        duration,
        "## Channel steps",
        "Every channel step has these fields; what its template holds depends on the type.",
        fields_table(ChannelSettings, "channel"),
        *(_section(name, kind) for name, kind in kinds),
    )


def _section(name: str, kind: type[Step]) -> str:
    wire = (
        f"`type: channel`, `channel_type: {name.partition(':')[2]}`"
        if name.startswith("channel:")
        else f"`type: {name}`"
    )
    conditions = "" if kind.accepts_conditions else "Takes no conditions of its own."
    return sections(
        f"## {kind.title}",
        f"{wire}. {first_line(kind)} {conditions}".strip(),
        fields_table(kind.Settings, name) if kind.Settings is not ChannelSettings else "",
        MORE.get(name, ""),
    )
