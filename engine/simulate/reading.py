"""Read a scenario and refuse what is wrong with it, with the place and what was expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import orjson
from pydantic import BaseModel, ValidationError

from engine.errors import Problem
from engine.simulate.faults import ScenarioError
from engine.simulate.model import ENTRIES, NOT_YET, ScenarioFile
from engine.simulate.offsets import START, instant
from engine.simulate.preferences import check_set
from engine.simulate.store import CHANNEL_TYPES
from engine.timing.zones import is_zone
from engine.workflow.definition import refs_of
from engine.workflow.kinds import discover
from engine.workflow.project import read_project
from engine.workflow.step_checks import group_faults
from engine.workflow.validate import project_problems, workflow_problems
from storage.records import JsonObject

_DICTIONARY: Final = re.compile(r"a valid dictionary(?: or instance of \w+)?")
# Whatever a workflow adds to or takes from an instant stays within the calendar.
_YEARS: Final = (1970, 8999)
_NOT_YET_FIELDS: Final[Mapping[str, Callable[[JsonObject], Any]]] = {
    "environment.channel_groups": lambda s: s.get("environment", {}).get("channel_groups"),
    **{
        name: lambda s, name=name: s.get(name)  # type: ignore[misc]  # the default binds the name
        for name in ("audiences", "schedules", "partials", "layouts", "translations", "retention")
    },
    **{
        f"expect.state.{name}": lambda s, name=name: (  # type: ignore[misc]  # as above
            s.get("expect", {}).get("state", {}).get(name)
        )
        for name in ("audiences", "schedules", "feeds")
    },
}


def read_scenario(path: Path) -> JsonObject:
    """Read one file; only its JSON is checked, the rest is `check_scenario`'s.

    Raises:
        ScenarioError: it cannot be read, or is no JSON object.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ScenarioError("", f"cannot be read: {error.strerror or error}") from None
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"line {error.lineno}, column {error.colno}", error.msg) from None
    if not isinstance(found, dict):
        raise ScenarioError("", f"expected a JSON object, got {type(found).__name__}")
    return found


def check_scenario(scenario: JsonObject) -> None:
    """Refuse what cannot be played.

    Raises:
        ScenarioError: the first fault, with its path; how many more there are.
    """
    discover("engine.steps")
    _check(ScenarioFile, scenario, "")
    _refuse_not_yet(scenario)
    now = start_of(scenario)
    until = scenario.get("until")
    if until is not None and instant(until, now, "until") < now:
        raise ScenarioError("until", f"{until} is before `now`")
    _check_environment(scenario.get("environment", {}))
    for key, definition in scenario.get("workflows", {}).items():
        check_workflow(f"workflows.{key}", key, definition)
    for number, entry in enumerate(scenario.get("script", ())):
        _check_entry(entry, f"script[{number}]", now)
    _check_times(scenario.get("expect", {}), now)
    for name in scenario.get("expect", {}).get("state", {}).get("objects", {}):
        if not all(name.partition("/")):
            raise ScenarioError("expect.state.objects", f"expected collection/id, got {name!r}")


def check_workflow(path: str, key: str, definition: JsonObject) -> None:
    """Refuse a workflow that could not be saved."""
    problems = workflow_problems(key, definition)
    if problems:
        raise ScenarioError(path, "; ".join(_sentence(problem) for problem in problems))


def with_project(scenario: JsonObject, folder: Path) -> JsonObject:
    """Add the workflows of a project folder that the scenario does not carry itself.

    Raises:
        ScenarioError: the folder is no project, or one of those it needs is wrong.
    """
    if not folder.is_dir():
        raise ScenarioError("", "is not a folder; name one that holds workflows", str(folder))
    discover("engine.steps")
    project = read_project(folder)
    problems = project_problems(project)
    if problems:
        reason = "; ".join(f"{p.file}: {_sentence(p)}" for p in problems)
        raise ScenarioError("", reason, str(folder))
    found = {key: source.definition for key, source in project.workflows.items()}
    return {**scenario, "workflows": {**found, **scenario.get("workflows", {})}}


def check_names(scenario: JsonObject) -> None:
    """Refuse entries that name a workflow, step or channel that is nowhere defined.

    A trigger of an unknown workflow is played: it is rejected, as by the server.
    """
    defined: dict[str, set[str]] = {
        key: set(refs_of(definition)) for key, definition in scenario.get("workflows", {}).items()
    }
    script = scenario.get("script", ())
    for entry in script:
        commit = entry.get("commit")
        if commit:
            defined.setdefault(commit["workflow"], set()).update(refs_of(commit["definition"]))
    given = scenario.get("environment", {}).get("channels")
    channels = CHANNEL_TYPES if given is None else [channel["key"] for channel in given]
    for number, entry in enumerate(script):
        for path, what, name, known in _named(entry, defined, channels):
            if name is not None and name not in known:
                listed = f"{_hint(name, known)}Known are {', '.join(sorted(known))}"
                raise ScenarioError(
                    f"script[{number}].{path}",
                    f"unknown {what} {name!r}; {listed if known else 'none is defined'}",
                )


def start_of(scenario: JsonObject) -> datetime:
    """Give the instant from which offsets count."""
    if scenario.get("now") is None:
        return START
    now = instant(scenario["now"], START, "now")
    if not _YEARS[0] <= now.year <= _YEARS[1]:
        raise ScenarioError("now", f"expected a year from {_YEARS[0]} to {_YEARS[1]}")
    return now


def _named(
    entry: JsonObject, defined: Mapping[str, set[str]], channels: Iterable[str]
) -> Iterator[tuple[str, str, str | None, list[str]]]:
    keys = list(defined)
    for kind in ("cancel", "set_status"):
        if kind in entry:
            yield f"{kind}.workflow", "workflow", entry[kind]["workflow"], keys
    if "provider" in entry:
        yield "provider.channel", "channel", entry["provider"]["channel"], list(channels)
    if "message" in entry:
        match = entry["message"]["match"]
        workflow = match.get("workflow")
        yield "message.match.workflow", "workflow", workflow, keys
        steps = set().union(*(defined[key] for key in keys if workflow in (None, key)))
        yield "message.match.step", "step", match.get("step"), sorted(steps)
        yield "message.match.channel", "channel", match.get("channel"), list(channels)


def _check_environment(around: JsonObject) -> None:
    check_set(around.get("preferences") or {}, "environment.preferences")
    zone = around.get("timezone", "Etc/UTC")
    if not is_zone(zone):
        raise ScenarioError("environment.timezone", f"expected an IANA time zone, got {zone!r}")
    seen: set[tuple[str, str]] = set()
    for index, channel in enumerate(around.get("channels") or ()):
        path = f"environment.channels[{index}]"
        for name in ("key", "id"):
            value = channel.get(name)
            if value is not None and (name, value) in seen:
                raise ScenarioError(f"{path}.{name}", f"another channel has the {name} {value!r}")
            seen.add((name, value))
        for problem in group_faults(
            channel.get("conditions"), "conditions", frozenset(), allow_message_status=False
        ):
            raise ScenarioError(f"{path}.{problem.path}", problem.message)


def _check_entry(entry: JsonObject, path: str, now: datetime) -> None:
    kinds = [name for name in entry if name != "at"]
    known = ", ".join(ENTRIES)
    if "at" not in entry:
        raise ScenarioError(path, "expected `at`, the instant of the entry")
    instant(entry["at"], now, f"{path}.at")
    if len(kinds) != 1:
        raise ScenarioError(path, f"expected `at` and one of {known}; got {', '.join(entry)}")
    (kind,) = kinds
    if kind in NOT_YET:
        raise ScenarioError(f"{path}.{kind}", "this release of the engine does not have this yet")
    if kind not in ENTRIES:
        hint = _hint(kind, list(ENTRIES))
        raise ScenarioError(f"{path}.{kind}", f"unknown entry; {hint}Known are {known}")
    value, model = entry[kind], ENTRIES[kind]
    if issubclass(model, BaseModel):
        _check(model, value, f"{path}.{kind}")
    elif not isinstance(value, model):
        wanted = "an object" if model is dict else "a text"
        raise ScenarioError(f"{path}.{kind}", f"expected {wanted}, got {value!r}")
    _check_entry_more(kind, value, f"{path}.{kind}", now)


def _check_entry_more(kind: str, value: Any, path: str, now: datetime) -> None:
    if kind == "commit":
        check_workflow(f"{path}.definition", value["workflow"], value["definition"])
    elif kind == "downtime":
        instant(value["until"], now, f"{path}.until")
    elif kind == "message" and value["match"].get("at") is not None:
        instant(value["match"]["at"], now, f"{path}.match.at")
    elif kind == "set_preferences":
        check_set(value["preferences"], f"{path}.preferences")


def _check_times(expected: JsonObject, now: datetime) -> None:
    for name in ("messages", "runs", "skips", "rejected", "requests"):
        for index, entry in enumerate(expected.get(name, ())):
            for field in ("at", "started", "ended", "sent_at", "scheduled_at"):
                if entry.get(field) is not None:
                    instant(entry[field], now, f"expect.{name}[{index}].{field}")


def _refuse_not_yet(scenario: JsonObject) -> None:
    for path, look in _NOT_YET_FIELDS.items():
        if not _is_empty(look(scenario)):
            raise ScenarioError(path, "this release of the engine does not have this yet")


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    return value is None or value is False or value == []


def _check(model: type[BaseModel], value: Any, path: str) -> None:
    try:
        model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        where = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in faults[0]["loc"]
        )
        raise ScenarioError(
            f"{path}{where}".lstrip("."), _reason(faults[0], len(faults) - 1)
        ) from None


def _reason(fault: Mapping[str, Any], more: int) -> str:
    message = fault["msg"]
    if fault["type"] == "missing":
        message = "expected this field, which is missing"
    elif message.startswith(("Input should be", "List should", "Dictionary")):
        message = _DICTIONARY.sub("an object", message.replace("Input should be", "expected", 1))
        message = f"{message}, got {_shown(fault['input'])}"
    return f"{message} (and {more} more)" if more else message


def _hint(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"did you mean {near[0]}? " if near else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sentence(problem: Problem) -> str:
    where = " ".join(part for part in (problem.step_ref, problem.path) if part)
    return f"{where}: {problem.message}" if where else problem.message
