"""Preference sets of a scenario: channels go by their keys there, by ids in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.errors import Problem
from engine.recipients.preference_sets import read_set
from engine.recipients.preferences import DEFAULT, effective_set, effective_sets
from engine.simulate.faults import ScenarioError
from storage.records import USERS, JsonObject, RecipientRef
from storage.sql import Sql

_CHANNELS: Final = "channels"
_MAPS: Final = ("workflows", "categories")


def check_set(json: Any, path: str) -> None:
    """Refuse what the API would refuse as a preference set.

    Raises:
        ScenarioError: the first fault, with its path.
    """
    problems: list[Problem] = []
    read_set(json, path, problems)
    for problem in problems:
        raise ScenarioError(problem.path, problem.message)


def renamed(content: Any, names: Mapping[str, str]) -> Any:
    """Write a set with other names for its channels; unknown ones stay as they are."""
    if not isinstance(content, dict):
        return content
    found = _channels_renamed(content, names)
    for part in _MAPS:
        if isinstance(found.get(part), dict):
            found[part] = {
                key: _channels_renamed(entry, names) if isinstance(entry, dict) else entry
                for key, entry in found[part].items()
            }
    return found


def with_ids(inline: Any, ids: Mapping[str, str]) -> Any:
    """Let the sets that an inline recipient or tenant carries name channels by id."""
    if not isinstance(inline, dict):
        return inline
    found = dict(inline)
    sets, settings = found.get("preferences"), found.get("settings")
    if isinstance(sets, dict):
        found["preferences"] = {id: renamed(content, ids) for id, content in sets.items()}
    if isinstance(settings, dict) and "preference_set" in settings:
        held = renamed(settings["preference_set"], ids)
        found["settings"] = {**settings, "preference_set": held}
    return found


def sets_of(sql: Sql, environment: str, name: str, keys: Mapping[str, str]) -> JsonObject:
    """Show the sets of a recipient as the API reads them, over their defaults (E-147)."""
    collection, _, id_ = name.rpartition("/")
    ref = RecipientRef(collection or USERS, id_)
    found = effective_sets(sql, environment, [ref]).get(ref, {})
    if DEFAULT not in found:
        found = {**found, DEFAULT: effective_set(sql, environment, ref, DEFAULT)}
    return {set_id: renamed(content, keys) for set_id, content in found.items()}


def _channels_renamed(level: JsonObject, names: Mapping[str, str]) -> JsonObject:
    channels = level.get(_CHANNELS)
    if not isinstance(channels, dict):
        return dict(level)
    return {**level, _CHANNELS: {names.get(key, key): value for key, value in channels.items()}}
