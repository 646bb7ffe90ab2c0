"""Read a workflow as an outline: each step with a name, a drawing and one line of summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from designer.wording import (
    channel_icon,
    channel_title,
    conditions,
    duration,
    plain,
    plural,
    shortened,
    variable,
)
from engine.workflow.definition import arms_of, channel_types_of, steps_of, walk
from storage.records import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way out of a branch, with its steps."""

    title: str
    when: str
    ends: bool
    steps: tuple[Outlined, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlined:
    """One step as the outline shows it; `only_if` holds its conditions in words."""

    ref: str
    kind: str
    title: str
    summary: str
    icon: str
    is_channel: bool
    only_if: str = ""
    arms: tuple[Arm, ...] = ()


# Title and drawing of each function step; a channel step takes its channel's.
_FUNCTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "delay": ("Delay", "delay"),
    "batch": ("Batch", "batch"),
    "throttle": ("Throttle", "throttle"),
    "branch": ("Branch", "branch"),
    "random_cohort": ("Experiment", "cohort"),
    "http_fetch": ("Fetch", "fetch"),
    "trigger_workflow": ("Trigger workflow", "workflows"),
    "update_data": ("Update data", "step"),
    "update_user": ("Update user", "user"),
    "update_object": ("Update object", "step"),
    "update_tenant": ("Update tenant", "step"),
    "wait_for_event": ("Wait for event", "delay"),
    "ai_agent": ("AI agent", "step"),
}


def outline(definition: JsonObject) -> tuple[Outlined, ...]:
    """Return the steps of a definition in order, arms nested."""
    return tuple(_outlined(step) for step in steps_of(definition))


def in_short(definition: JsonObject) -> str:
    """Say what a workflow consists of in a few words: `5 steps: Email, SMS`."""
    number = sum(1 for _ in walk(steps_of(definition)))
    channels = ", ".join(channel_title(kind) for kind in channel_types_of(definition))
    return f"{plural(number, 'step')}: {channels}" if channels else plural(number, "step")


def kind_title(kind: str) -> str:
    """Give the name of a step type as timelines name it: `email`, `channel:email`, `delay`."""
    short = kind.removeprefix("channel:")
    return _FUNCTIONS[short][0] if short in _FUNCTIONS else channel_title(short)


def kind_icon(kind: str) -> str:
    """Give the drawing of a step type."""
    short = kind.removeprefix("channel:")
    return _FUNCTIONS[short][1] if short in _FUNCTIONS else channel_icon(short)


def step_names(definition: JsonObject) -> dict[str, str]:
    """Return the name of every step by its ref."""
    return {
        place.ref: _outlined(place.step).title
        for place in walk(steps_of(definition))
        if place.ref is not None
    }


def _outlined(step: JsonObject) -> Outlined:
    type_ = str(step.get("type", ""))
    is_channel = type_ == "channel"
    kind = str(step.get("channel_type", "")) if is_channel else type_
    summary = _channel_summary(kind, step) if is_channel else _summary(type_, step)
    return Outlined(
        ref=str(step.get("ref", "")),
        kind=kind,
        title=str(step.get("name") or "") or kind_title(kind),
        summary=str(step.get("description") or "") or summary,
        icon=kind_icon(kind),
        is_channel=is_channel,
        only_if=conditions(step.get("conditions")),
        arms=tuple(_arm(type_, arm) for arm in arms_of(step)),
    )


def _arm(type_: str, arm: JsonObject) -> Arm:
    wanted = conditions(arm.get("conditions"))
    when = f"if {wanted}" if wanted else ""
    if type_ == "random_cohort":
        when = f"{arm.get('percentage', 0)} % of recipients"
    return Arm(
        title=str(arm.get("name") or "Branch"),
        when=when or "in every other case",
        ends=bool(arm.get("terminates")),
        steps=tuple(_outlined(step) for step in steps_of(arm)),
    )


def _channel_summary(kind: str, step: JsonObject) -> str:
    template = _mapping(step.get("template"))
    text = next(
        (
            template[name]
            for name in ("subject", "title", "summary", "markdown_body", "text_body", "url")
            if isinstance(template.get(name), str) and template[name].strip()
        ),
        "",
    )
    where = str(step.get("channel_key") or step.get("channel_group_key") or "")
    said = shortened(plain(text), 90)
    return said or (f"through {where}" if where else channel_title(kind))


def _delay(s: Mapping[str, Any]) -> str:
    if path := s.get("delay_until_field_path"):
        shift = duration(s.get("delay_for"))
        side = "before" if shift.startswith("-") else "after"
        when = f"{shift.removeprefix('-')} {side} " if shift else ""
        return f"Wait until {when}{variable(path)}"
    return f"Wait {duration(s.get('delay_for')) or 'for a while'}"


def _batch(s: Mapping[str, Any]) -> str:
    window = duration(s.get("batch_window"))
    if path := s.get("batch_until_field_path"):
        text = f"Collect until {variable(path)}"
    else:
        text = f"Collect for {window or 'a while'}"
    if s.get("batch_window_type") == "sliding":
        text += ", longer with each arrival"
    return text + (f", one batch per {variable(s['batch_key'])}" if s.get("batch_key") else "")


def _throttle(s: Mapping[str, Any]) -> str:
    limit = s.get("throttle_limit") or 1
    path = s.get("throttle_window_field_path")
    window = duration(s.get("throttle_window")) or (f"until {variable(path)}" if path else "window")
    return f"At most {limit} in {window}"


def _branch(_: Mapping[str, Any]) -> str:
    return "Takes the first way whose conditions hold"


def _cohort(_: Mapping[str, Any]) -> str:
    return "Splits recipients by chance; each stays in the same group"


def _fetch(s: Mapping[str, Any]) -> str:
    return f"{str(s.get('method', 'get')).upper()} {shortened(str(s.get('url', '')), 80)}"


def _trigger(s: Mapping[str, Any]) -> str:
    return f"Starts {s.get('workflow_key') or 'another workflow'}"


def _update_data(s: Mapping[str, Any]) -> str:
    return f"Sets {_names(s.get('data'))} in the data"


def _update(whose: str) -> Callable[[Mapping[str, Any]], str]:
    """Write the summary of a step that updates a recipient; `whose` is the run's own one."""

    def write(s: Mapping[str, Any]) -> str:
        gid = str(s.get("recipient_gid") or "")
        named = gid and s.get("recipient_mode", "reference") == "reference"
        target = shortened(gid.removeprefix("gid://Object/"), 60) if named else whose
        return f"Sets {_names(s.get('update_properties'))} of {target}"

    return write


def _names(template: Any) -> str:
    """Name the keys of an object; those of a template are not known."""
    listed = ", ".join(template) if isinstance(template, Mapping) else ""
    return shortened(listed, 60) or "values"


_SUMMARIES: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "delay": _delay,
    "batch": _batch,
    "throttle": _throttle,
    "branch": _branch,
    "random_cohort": _cohort,
    "http_fetch": _fetch,
    "trigger_workflow": _trigger,
    "update_data": _update_data,
    "update_user": _update("the recipient"),
    "update_object": _update("an object"),
    "update_tenant": _update("the tenant"),
}


def _summary(type_: str, step: JsonObject) -> str:
    write = _SUMMARIES.get(type_)
    return write(_mapping(step.get("settings"))) if write else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
