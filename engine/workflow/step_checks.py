"""Find what is wrong with one step: type, settings, conditions, template, channel.

Paths are relative to the step, since its ref names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from engine.conditions.model import group_problems, parse_group, referenced_steps
from engine.errors import ConditionError, DefinitionError, Problem
from engine.liquid.syntax import syntax_problems
from engine.workflow.definition import (
    MAX_ARMS,
    MAX_NESTING,
    MIN_ARMS,
    Place,
    arms_key,
    arms_of,
    without,
)
from engine.workflow.kinds import STEPS, Step, kind_of
from storage.records import JsonObject

# What a message cannot do without, by channel type (management B3).
_NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    "email": {"subject": "a subject"},
    "in_app_feed": {"markdown_body": "a text"},
    "sms": {"text_body": "a text"},
    "push": {"title": "a title", "text_body": "a text"},
    "http": {"method": "a method", "url": "a URL"},
}
_BODIES: Final[Mapping[str, tuple[str, ...]]] = {
    "email": ("html_body", "visual_blocks", "text_body"),
    "chat": ("markdown_body", "json_body"),
}
_NO_LIQUID: Final = frozenset({"ref", "type", "name", "description", "channel_key"})
_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "This is needed and not there.",
    "literal_error": "Expected {expected}, got {got}.",
    "greater_than_equal": "Expected {ge} or more, got {got}.",
    "less_than_equal": "Expected {le} or less, got {got}.",
    "int_parsing": "Expected a whole number, got {got}.",
    "int_type": "Expected a whole number, got {got}.",
    "int_from_float": "Expected a whole number, got {got}.",
    "bool_parsing": "Expected true or false, got {got}.",
    "bool_type": "Expected true or false, got {got}.",
    "string_type": "Expected text, got {got}.",
    "string_too_short": "This must not be empty.",
    "dict_type": "Expected an object, got {got}.",
    "list_type": "Expected a list, got {got}.",
    "model_type": "Expected an object, got {got}.",
    "model_attributes_type": "Expected an object, got {got}.",
}


def kind_problems(place: Place) -> Iterator[Problem]:
    """Check the type, then the settings by the model of that type."""
    step = place.step
    kind = STEPS.get(kind_of(step))
    if kind is None:
        yield _unknown_kind(step)
        return
    ref = place.ref or "step"
    plain = _without_nested_steps(step)
    try:
        kind.parse(ref, plain)
        found = kind.check(ref, plain)
    except ValidationError as error:
        found = settings_problems(error, kind, plain)
    except DefinitionError:
        found = []  # conditions of arms are reported by `conditions_problems`
    yield from found
    if step.get("conditions") and not kind.accepts_conditions:
        yield Problem(
            rule="step.no_conditions",
            path="conditions",
            message=f"This step ({kind.title.lower()}) takes no conditions of its own; "
            "put a branch before it that decides who gets here."
            if kind.type != "branch"
            else "A branch step takes no conditions of its own; put them on its branches.",
        )


def settings_problems(error: ValidationError, kind: type[Step], wire: JsonObject) -> list[Problem]:
    """Turn pydantic's findings into sentences with the path on the wire, one per field."""
    is_beside = kind.group == "channel"  # their fields stand beside `settings`
    root = wire if is_beside else wire.get("settings")
    found: dict[str, Problem] = {}
    for fault in error.errors():
        path = "" if is_beside else "settings"
        value: Any = root
        for number, part in enumerate(fault["loc"]):
            is_key = isinstance(value, dict) and (part in value or fault["type"] == "missing")
            if number and not is_key and not (isinstance(part, int) and isinstance(value, list)):
                continue  # the tag of a union is no part of the wire path
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
            value = _child(value, part)
        path = path.removeprefix(".")
        rule = "settings.invalid"
        found.setdefault(path, Problem(rule=rule, path=path, message=_sentence(dict(fault))))
    return list(found.values())


def conditions_problems(
    place: Place, refs: frozenset[str], *, path: str = "conditions"
) -> Iterator[Problem]:
    """Check the step's own conditions and those of its arms."""
    step = place.step
    key = arms_key(step)
    groups = [(path, step.get("conditions"))]
    groups += [(f"{key}[{n}].conditions", a.get("conditions")) for n, a in enumerate(arms_of(step))]
    for where, group in groups:
        yield from group_faults(group, where, refs, allow_message_status=True)


def group_faults(
    group: Any, path: str, refs: frozenset[str], *, allow_message_status: bool
) -> Iterator[Problem]:
    """Check one condition group, the steps that it looks at and the Liquid in it."""
    if group is None:
        return
    for problem in group_problems(group, path, allow_message_status=allow_message_status):
        yield replace(problem, message=_ended(problem.message))
    try:
        looked_at = referenced_steps(parse_group(group))
    except ConditionError:
        return
    for ref in sorted(looked_at - refs):
        close = get_close_matches(ref, refs, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        yield Problem(
            rule="condition.unknown_step",
            path=path,
            message=f"There is no step {ref!r} in this workflow.{hint}",
        )


def arms_problems(place: Place) -> Iterator[Problem]:
    """Check the arms of a container: how many, how deep, which have conditions."""
    step, key = place.step, arms_key(place.step)
    if key is None:
        return
    arms = step.get(key)
    if not isinstance(arms, list) or not all(isinstance(arm, dict) for arm in arms):
        yield _arms("branch.type", key, "Expected a list of branches.")
        return
    if place.depth >= MAX_NESTING:
        message = f"Branches nest {MAX_NESTING} deep at most; move this one further out."
        yield _arms("branch.nesting", key, message)
    if not MIN_ARMS <= len(arms) <= MAX_ARMS:
        message = f"Expected {MIN_ARMS} to {MAX_ARMS} branches, got {len(arms)}."
        yield _arms("branch.count", key, message)
    if key != "branches" or not arms:
        return
    for number, arm in enumerate(arms[:-1]):
        if not _has_conditions(arm):
            name = arm.get("name") or number + 1
            yield _arms(
                "branch.no_conditions",
                f"{key}[{number}].conditions",
                f"The branch {name!r} needs at least one condition; "
                "only the last one, the default, has none.",
            )
    if _has_conditions(arms[-1]):
        yield _arms(
            "branch.no_default",
            f"{key}[{len(arms) - 1}].conditions",
            "The last branch is the default and must have no conditions: "
            "add one without conditions at the end, it may be empty.",
        )


def channel_problems(place: Place, channels: Mapping[str, str] | None) -> Iterator[Problem]:
    """Check that a channel step names one way out, one that exists where that is known."""
    step = place.step
    if step.get("type") != "channel":
        return
    key, group = step.get("channel_key"), step.get("channel_group_key")
    if not isinstance(key or "", str):
        return  # the settings model says so
    if bool(key) == bool(group):
        yield Problem(
            rule="channel.both" if key else "channel.none",
            path="channel_key",
            message="Choose either a channel or a channel group, not both."
            if key
            else "Choose the channel that this step sends through.",
        )
    elif key and channels is not None and key not in channels:
        known = ", ".join(sorted(channels)) or "none yet"
        close = get_close_matches(str(key), channels, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        yield Problem(
            rule="channel.unknown",
            path="channel_key",
            message=f"There is no channel {key!r}; there is: {known}.{hint}",
        )
    elif key and channels is not None and channels[key] != step.get("channel_type"):
        yield Problem(
            rule="channel.type",
            path="channel_key",
            message=f"The channel {key!r} sends {channels[key]}, "
            f"but this step is of type {step.get('channel_type')}.",
        )


def template_problems(place: Place) -> Iterator[Problem]:
    """Check that the message has what its channel type needs."""
    step = place.step
    if step.get("type") != "channel":
        return
    type_, template = str(step.get("channel_type", "")), step.get("template")
    if not isinstance(template, dict):
        if type_ in {*_NEEDED, *_BODIES} and (type_ != "http" or template is not None):
            message = "This step has no message yet; write its template."
            yield Problem(rule="template.missing", path="template", message=message)
        return
    settings = template.get("settings")
    is_silent = isinstance(settings, dict) and settings.get("delivery_type") == "silent"
    for name, what in ({} if is_silent else _NEEDED.get(type_, {})).items():
        if template.get(name) in (None, ""):
            message = f"The message needs {what}."
            yield Problem(rule="template.needed", path=f"template.{name}", message=message)
    bodies = _BODIES.get(type_, ())
    if bodies and all(template.get(name) in (None, "", []) for name in bodies):
        message = f"The message is empty; fill in one of {', '.join(bodies)}."
        yield Problem(rule="template.empty", path="template", message=message)


def liquid_problems(place: Place) -> Iterator[Problem]:
    """Check the Liquid of every text in the step, conditions included."""
    for path, source in _texts(_without_nested_steps(place.step), ""):
        for error in syntax_problems(source):
            at = f" (line {error.line}, column {error.column})" if error.line else ""
            yield Problem(
                rule=f"liquid.{error.kind}",
                path=path,
                line=error.line,
                message=f"The template does not parse{at}: {_ended(error.message)}",
            )


def _unknown_kind(step: JsonObject) -> Problem:
    kind = kind_of(step)
    if not step.get("type"):
        message = "Say what this step does: its type is missing."
    else:
        # `channel` is written in files and is no kind: the channel type makes it one.
        close = get_close_matches(kind, ["channel", *STEPS], n=1)
        hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(sorted(STEPS))}."
        message = f"There is no step type {kind!r}. {hint}"
    path = "channel_type" if step.get("type") == "channel" else "type"
    return Problem(rule="step.unknown_type", path=path, message=message)


def _without_nested_steps(step: JsonObject) -> JsonObject:
    key = arms_key(step)
    if key is None:
        return step
    return {**step, key: [without(arm, "steps") for arm in arms_of(step)]}


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if path or key not in _NO_LIQUID:
                yield from _texts(item, f"{path}.{key}" if path else key)


def _has_conditions(arm: JsonObject) -> bool:
    try:
        return parse_group(arm.get("conditions")) is not None
    except ConditionError:
        return True  # there is something, and what is wrong with it is reported


def _arms(rule: str, path: str, message: str) -> Problem:
    return Problem(rule=rule, path=path, message=message)


def _child(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _sentence(fault: dict[str, Any]) -> str:
    pattern = _SENTENCES.get(fault["type"])
    if pattern is None:
        text = re.sub(r"^(Value|Assertion) error, ", "", str(fault["msg"]))
        return _ended(text[:1].upper() + text[1:])
    given = fault["input"]
    got = repr(given) if isinstance(given, (str, int, float)) else type(given).__name__
    return pattern.format(**{**fault.get("ctx", {}), "got": got[:60]})


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
