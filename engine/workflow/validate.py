"""List everything that is wrong with a workflow, in sentences for its author.

Each problem has a stable rule id (`branch.no_default`), the step's ref and the
path of the field in it. A workflow without problems compiles and can run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson
from jsonschema import Draft202012Validator, SchemaError

from engine.errors import GraphError, Problem
from engine.workflow.definition import (
    FREQUENCIES,
    MAX_DEPTH,
    MAX_DESCRIPTION,
    MAX_STEPS,
    Place,
    is_too_deep,
    refs_of,
    steps_of,
    walk,
)
from engine.workflow.graph import RESERVED, never_reached, to_graph
from engine.workflow.layout import WORKFLOW_FILE, file_of, is_key
from engine.workflow.project import WORKFLOWS, Project, WorkflowSource
from engine.workflow.step_checks import (
    arms_problems,
    channel_problems,
    conditions_problems,
    group_faults,
    kind_problems,
    liquid_problems,
    template_problems,
)
from engine.workflow.unknown_fields import unknown_fields

MAX_BYTES: Final = 5 * 1024 * 1024
MAX_NAME: Final = 255


def workflow_problems(
    key: str, definition: Any, *, channels: Mapping[str, str] | None = None
) -> list[Problem]:
    """List the problems of a definition; `channels` maps the known keys to types.

    Without `channels` it is not checked whether the channels exist.
    """
    if not isinstance(definition, dict):
        return [Problem(rule="workflow.type", message="Expected a JSON object for the workflow.")]
    if is_too_deep(definition):
        message = f"The workflow is nested more than {MAX_DEPTH} levels deep; flatten it."
        return [Problem(rule="workflow.depth", message=message)]
    places = list(walk(steps_of(definition)))
    found = [*_head_problems(key, definition), *_size_problems(definition, places)]
    if len(places) > MAX_STEPS:
        return found
    refs = frozenset(refs_of(definition))
    found += [*_schema_problems(definition), *_steps_problems(definition)]
    group = definition.get("conditions")
    found += group_faults(group, "conditions", refs, allow_message_status=False)
    seen: set[str] = set()
    for place in places:
        found += [*_ref_problems(place, seen), *_step_problems(place, refs, channels)]
    return found + _unreachable(definition)


def project_problems(
    project: Project, *, channels: Mapping[str, str] | None = None
) -> list[Problem]:
    """List the problems of a project, each with the file that it is in."""
    found = list(project.problems)
    for source in project.workflows.values():
        for problem in workflow_problems(source.key, source.definition, channels=channels):
            found.append(_in_file(project, source, problem))
    return found


def project_warnings(project: Project) -> list[Problem]:
    """List what is probably a slip in a project, though nothing stops it from running."""
    found = list(project.warnings)
    for source in project.workflows.values():
        found += [_in_file(project, source, p) for p in unknown_fields(source.definition)]
    return found


def _in_file(project: Project, source: WorkflowSource, problem: Problem) -> Problem:
    file, path, line = WORKFLOW_FILE, problem.path, None
    for place in walk(steps_of(source.definition)):
        if place.ref is not None and place.ref == problem.step_ref:
            file, path = file_of(place.step, problem.path)
            # A line counts in the text; that is a line of the file only if the text is the file.
            line = problem.line if file != WORKFLOW_FILE and not path else None
            break
    shown = project.path_of(WORKFLOWS, source.key, file)
    return replace(problem, file=shown, path=problem.path or path, line=line)


def _head_problems(key: str, definition: Mapping[str, Any]) -> Iterator[Problem]:
    if not is_key(key):
        yield _head("key", "", f"{key!r} cannot be a key: use letters, digits, - and _.")
    name = definition.get("name")
    if not isinstance(name, str) or not name.strip():
        yield _head("name", "name", "Give the workflow a name.")
    elif len(name) > MAX_NAME:
        yield _head("name", "name", f"A name has {MAX_NAME} characters at most; shorten it.")
    description = definition.get("description")
    if description is not None and not isinstance(description, str):
        yield _head("description", "description", "Expected text for the description.")
    elif description and len(description) > MAX_DESCRIPTION:
        yield _head(
            "description",
            "description",
            f"A description has {MAX_DESCRIPTION} characters at most; "
            f"this one has {len(description)}.",
        )
    for field in ("categories", "tags"):
        value = definition.get(field)
        if value is not None and not (
            isinstance(value, list) and all(isinstance(item, str) for item in value)
        ):
            yield _head(field, field, f"Expected a list of texts for {field}.")
    frequency = definition.get("trigger_frequency")
    if frequency is not None and frequency not in FREQUENCIES:
        known = ", ".join(FREQUENCIES)
        yield _head(
            "frequency", "trigger_frequency", f"Expected one of {known}; got {frequency!r}."
        )
    yield from _switch_problems(definition.get("settings"))


def _switch_problems(settings: Any) -> Iterator[Problem]:
    if settings is not None and not isinstance(settings, dict):
        yield _head("settings", "settings", "Expected an object for the settings.")
        return
    for name in ("override_preferences", "is_commercial"):
        value = (settings or {}).get(name)
        if value is not None and not isinstance(value, bool):
            yield _head("settings", f"settings.{name}", f"Expected true or false; got {value!r}.")


def _size_problems(definition: Mapping[str, Any], places: list[Place]) -> Iterator[Problem]:
    if len(places) > MAX_STEPS:
        message = f"A workflow has {MAX_STEPS} steps at most; this one has {len(places)}."
        yield _head("too_many_steps", "steps", message)
    size = len(orjson.dumps(definition))
    if size > MAX_BYTES:
        yield _head(
            "too_large",
            "",
            f"A workflow may be {MAX_BYTES // 1024**2} MB large with its templates; "
            f"this one is {size / 1024**2:.1f} MB.",
        )


def _schema_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    schema = definition.get("trigger_data_json_schema")
    if schema is None:
        return
    path = "trigger_data_json_schema"
    if not isinstance(schema, dict):
        yield _head("schema", path, "Expected a JSON Schema, which is an object.")
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        message = f"This is not a valid JSON Schema (draft 2020-12): {error.message}."
        yield _head("schema", f"{path}{where}", message)


def _steps_problems(definition: Mapping[str, Any]) -> Iterator[Problem]:
    steps = definition.get("steps")
    if not isinstance(steps, list):
        yield _head("steps", "steps", "Expected a list of steps; it may be empty.")
        return
    for path, number in _odd_items(steps, "steps"):
        yield _head("steps", f"{path}[{number}]", "Expected an object for each step.")
    for place in walk(steps_of(definition)):
        for key in ("branches", "cohort_branches"):
            arms = place.step.get(key)
            for index, arm in enumerate(arms if isinstance(arms, list) else ()):
                inner = arm.get("steps") if isinstance(arm, dict) else None
                where = f"{place.path}.{key}[{index}].steps"
                if inner is not None and not isinstance(inner, list):
                    yield _head("steps", where, "Expected a list of steps; it may be empty.")
                for path, number in _odd_items(inner, where):
                    yield _head("steps", f"{path}[{number}]", "Expected an object for each step.")


def _odd_items(steps: Any, path: str) -> Iterator[tuple[str, int]]:
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        if not isinstance(step, dict):
            yield path, number


def _ref_problems(place: Place, seen: set[str]) -> Iterator[Problem]:
    ref = place.step.get("ref")
    where = f"{place.path}.ref"
    if place.ref is None:
        yield Problem(
            rule="step.no_ref",
            path=where,
            message="Every step needs a ref, a name of its own such as email_1.",
        )
    elif ref in seen:
        message = f"Another step has the ref {ref!r} already; give one of them another."
        yield Problem(rule="step.duplicate_ref", path=where, step_ref=place.ref, message=message)
    elif not is_key(place.ref) or "." in place.ref or ref in RESERVED:
        message = f"{ref!r} cannot be a ref: use letters, digits, - and _, but not trigger or end."
        yield Problem(rule="step.bad_ref", path=where, step_ref=place.ref, message=message)
    seen.add(place.ref or "")


def _step_problems(
    place: Place, refs: frozenset[str], channels: Mapping[str, str] | None
) -> Iterator[Problem]:
    channel = list(channel_problems(place, channels))
    # The settings model says the same of a step without a channel, less clearly.
    kind = [p for p in kind_problems(place) if p.path or not channel]
    for problem in (
        *kind,
        *channel,
        *arms_problems(place),
        *conditions_problems(place, refs),
        *template_problems(place),
        *liquid_problems(place),
    ):
        if place.ref is None:
            yield replace(problem, path=f"{place.path}.{problem.path}".rstrip("."))
        else:
            yield replace(problem, step_ref=place.ref)


def _unreachable(definition: Mapping[str, Any]) -> list[Problem]:
    try:
        refs = never_reached(to_graph(definition))
    except GraphError:
        return []  # its refs are wrong, which is reported
    return [
        Problem(
            rule="step.unreachable",
            step_ref=ref,
            message="This step can never run, because every branch before it ends the workflow. "
            "Move it into a branch, or let one branch go on.",
        )
        for ref in refs
    ]


def _head(rule: str, path: str, message: str) -> Problem:
    return Problem(rule=f"workflow.{rule}", path=path, message=message)
