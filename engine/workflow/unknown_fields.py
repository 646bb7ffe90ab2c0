"""Find the fields of a workflow that nothing reads: misspelt, most likely.

The official tools write fields that only they read, and newer ones than are
known here, so an unknown name is worth a warning and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from engine.errors import Problem
from engine.workflow.definition import Place, arms_key, arms_of, is_too_deep, steps_of, walk
from engine.workflow.kinds import STEPS, kind_of

# The fields of an object, each with those of what it holds; None: whatever it likes.
Shape = Mapping[str, Any]

_MANY: Final = 20  # warnings of one workflow; more say nothing new


def _leaves(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split())


_CONDITIONS: Final[dict[str, Any]] = _leaves("variable property operator argument")
_CONDITIONS.update(dict.fromkeys(("all", "any", "conditions"), _CONDITIONS))  # groups nest
_DURATION: Final = _leaves("unit value")
_PAIR: Final = _leaves("key value")
_WORKFLOW: Final[Shape] = {
    **_leaves("name description categories tags trigger_frequency trigger_data_json_schema steps"),
    # What the server owns; the files of the official tools hold some of it.
    **_leaves("key active valid sha environment created_at updated_at deleted_at"),
    **_leaves("created_by updated_by"),
    "settings": _leaves("override_preferences is_commercial"),
    "goal_attachment": _leaves("goal_key attribution_window_days"),
    "conditions": _CONDITIONS,
}
_STEP: Final[Shape] = {**_leaves("type ref name description"), "conditions": _CONDITIONS}
_OVERRIDES: Final = _leaves(
    "from_address from_name to_address cc_address bcc_address reply_to_address json_overrides "
    "link_tracking open_tracking token_deregistration email_based_user_id_resolution"
)
_CHANNEL_STEP: Final[Shape] = {
    **_STEP,
    **_leaves("channel_type channel_key channel_group_key guide_key template"),
    "channel_overrides": _OVERRIDES,
    "send_windows": _leaves("day type from until"),
}
_BLOCK: Final[Shape] = {
    **_leaves("id type version content variant url alt action key name attrs"),
    "layout_attrs": _leaves(
        "padding_top padding_right padding_bottom padding_left column_gap horizontal_align"
    ),
    "style_attrs": _leaves("width"),
    "buttons": {
        **_leaves("label action variant"),
        "size_attrs": _leaves("size is_fullwidth"),
        "style_attrs": _leaves(
            "background_color border_color border_radius border_width text_color"
        ),
    },
}
_TEMPLATES: Final[Mapping[str, Shape]] = {
    "email": {
        **_leaves("subject html_body text_body is_mjml"),
        "visual_blocks": _BLOCK,
        "settings": _leaves("layout_key pre_content attachment_key"),
    },
    "in_app_feed": {
        **_leaves("markdown_body action_url"),
        "action_buttons": _leaves("label action"),
    },
    "sms": {**_leaves("text_body"), "settings": _leaves("to_number payload_overrides")},
    "push": {
        **_leaves("title text_body"),
        "settings": _leaves("delivery_type payload_overrides"),
    },
    "chat": _leaves("markdown_body json_body summary"),
    "http": {**_leaves("method url body"), "headers": _PAIR, "query_params": _PAIR},
}
# Function steps name their settings themselves; these are the ones that hold objects.
_INSIDE: Final[Mapping[str, Shape]] = {
    "delay_for": _DURATION,
    "batch_window": _DURATION,
    "batch_window_extension_limit": _DURATION,
    "throttle_window": _DURATION,
    "headers": _PAIR,
    "query_params": _PAIR,
}
# What containers have beside their arms.
_BESIDE: Final[Mapping[str, Shape]] = {"random_cohort": _leaves("cohort_key")}
_ARM: Final[Shape] = {**_leaves("name percentage steps terminates"), "conditions": _CONDITIONS}


def unknown_fields(definition: Any) -> list[Problem]:
    """Name every field that no one reads, with the known one closest to it."""
    if not isinstance(definition, dict) or is_too_deep(definition):
        return []
    found = list(_unknown(definition, _WORKFLOW, ""))
    for place in walk(steps_of(definition)):
        for problem in _in_step(place):
            if place.ref is None:
                found.append(replace(problem, path=f"{place.path}.{problem.path}"))
            else:
                found.append(replace(problem, step_ref=place.ref))
    return found[:_MANY]


def _in_step(place: Place) -> Iterator[Problem]:
    kind = STEPS.get(kind_of(place.step))
    if kind is None:
        return  # its type is reported, and what it may hold is not known
    if kind.group == "channel":
        template = _TEMPLATES.get(str(place.step.get("channel_type")))
        yield from _unknown(place.step, {**_CHANNEL_STEP, "template": template}, "")
        return
    settings = {name: _INSIDE.get(name) for name in kind.Settings.model_fields}
    arms = arms_key(place.step)
    own = {**_leaves(arms), **_BESIDE.get(kind.type, {})} if arms else {"settings": settings}
    shape = {**_STEP, **own}
    yield from _unknown(place.step, shape, "")
    for number, arm in enumerate(arms_of(place.step)):
        yield from _unknown(arm, _ARM, f"{arms}[{number}]")


def _unknown(value: Any, shape: Shape, path: str) -> Iterator[Problem]:
    """Compare an object, or each object of a list, with its shape."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unknown(item, shape, f"{path}[{number}]")
        return
    for name, item in value.items() if isinstance(value, dict) else ():
        here = f"{path}.{name}" if path else name
        # `field@` names the file that holds `field`, which then stands beside it.
        field = name.removesuffix("@")
        if field in shape:
            if shape[field] is not None and field == name:
                yield from _unknown(item, shape[field], here)
        elif not name.startswith(("$", "__")) and (field == name or field not in value):
            yield Problem(rule="field.unknown", path=here, message=_sentence(name, field, shape))


def _sentence(name: str, field: str, shape: Shape) -> str:
    close = get_close_matches(field, shape, n=1)
    if not close:  # `layout` for `layout_key`: closer to a reader than to a spelling checker
        close = [known for known in shape if known.startswith(f"{field}_")][:1]
    hint = f"Did you mean {close[0]!r}?" if close else f"Known are {', '.join(sorted(shape))}."
    return f"There is no field {name!r} here, so it is ignored. {hint}"
