"""Read the four forms in which a caller names a recipient, and tenants.

A string is a user id, `{id, collection}` points at an object, `{id, …}` is an
inline user and `{id, collection, …}` an inline object (engine E-3). The inline
forms carry an identity that is to be stored before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.errors import InvalidInput, Problem
from engine.recipients.ids import check_id
from engine.recipients.preference_sets import PreferenceChange, read_sets
from engine.recipients.properties import check_system_properties
from storage.records import TENANTS, USERS, JsonObject, RecipientRef

TRIGGER_DATA: Final = "$trigger_data"
# Written by us, or not a property: an answer that is sent back is not stored into itself.
_NOT_STORED: Final = frozenset(
    {"id", "__typename", "__cursor", "updated_at", "channel_data", "preferences", TRIGGER_DATA}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a call says about a recipient: to be merged into what is stored.

    `channel_data` is by channel id or key, `preferences` by set id.
    `tenant_preferences` change a tenant's own default set.
    """

    ref: RecipientRef
    properties: JsonObject = field(default_factory=dict)
    channel_data: Mapping[str, JsonObject] = field(default_factory=dict)
    preferences: Mapping[str, PreferenceChange] = field(default_factory=dict)
    tenant_preferences: PreferenceChange | None = None


@dataclass(slots=True, kw_only=True)  # not frozen: that doubles what making one costs
class Reference:
    """A named recipient; `identity` is given where the form was an inline one."""

    ref: RecipientRef
    identity: Identity | None = None
    trigger_data: JsonObject | None = None


def parse_reference(json: Any, path: str) -> Reference | Problem:
    """Read one recipient, actor or subscriber; `path` is its place in the body."""
    if isinstance(json, str):
        return check_id(json, path) or Reference(ref=RecipientRef(USERS, json))
    if not isinstance(json, dict):
        return _expected(path, "a user id or an object with an `id`")
    collection = json.get("collection", USERS)
    fault = check_id(json.get("id"), f"{path}.id")
    fault = fault or check_collection(collection, f"{path}.collection")
    trigger_data = json.get(TRIGGER_DATA)
    if fault is None and trigger_data is not None and not isinstance(trigger_data, dict):
        fault = _expected(f"{path}.{TRIGGER_DATA}", "an object")
    if fault is not None:
        return fault
    ref = RecipientRef(collection, json["id"])
    rest = {k: v for k, v in json.items() if k not in ("id", "collection", TRIGGER_DATA)}
    if "collection" in json and not rest:
        return Reference(ref=ref, trigger_data=trigger_data)
    try:
        identity = parse_identity(ref, rest, path)
    except InvalidInput as error:
        return error.problems[0]
    return Reference(ref=ref, identity=identity, trigger_data=trigger_data)


def parse_references(json: Any, path: str, *, most: int, least: int = 1) -> list[Reference]:
    """Read a list of `least` to `most` recipients.

    Raises:
        InvalidInput: every fault found, each with its place.
    """
    if not isinstance(json, list):
        raise InvalidInput(problems=[_expected(path, "an array of recipients")])
    if not least <= len(json) <= most:
        message = f"expected {least} to {most} recipients, got {len(json)}"
        raise InvalidInput(problems=[Problem(path=path, message=message, rule="length")])
    read = [parse_reference(item, f"{path}[{index}]") for index, item in enumerate(json)]
    problems = [item for item in read if isinstance(item, Problem)]
    if problems:
        raise InvalidInput(problems=problems)
    return [item for item in read if isinstance(item, Reference)]


def parse_tenant(json: Any, path: str) -> Reference | Problem:
    """Read a tenant: a string id, or an inline tenant with an `id`.

    Either way the tenant is to be found or created, so both have an identity.
    """
    inline = json if isinstance(json, dict) else {}
    id = inline.get("id") if isinstance(json, dict) else json
    fault = check_id(id, f"{path}.id" if isinstance(json, dict) else path)
    if fault is not None:
        return fault
    ref = RecipientRef(TENANTS, str(id))
    rest = {k: v for k, v in inline.items() if k not in ("id", "collection")}
    try:
        return Reference(ref=ref, identity=parse_identity(ref, rest, path))
    except InvalidInput as error:
        return error.problems[0]


def parse_identity(ref: RecipientRef, json: JsonObject, path: str = "") -> Identity:
    """Read what a call says about `ref`; unknown fields are custom properties.

    Raises:
        InvalidInput: every fault found, each with its place.
    """
    prefix = f"{path}." if path else ""
    properties = {k: v for k, v in json.items() if k not in _NOT_STORED}
    problems = check_system_properties(properties, prefix)
    channel_data = _channel_data(json.get("channel_data"), f"{prefix}channel_data", problems)
    preferences = read_sets(json.get("preferences"), f"{prefix}preferences", problems)
    tenant_preferences = None
    if ref.collection == TENANTS:
        tenant_preferences = _take_tenant_preferences(properties, prefix, problems)
    if problems:
        raise InvalidInput(problems=problems)
    return Identity(
        ref=ref,
        properties=properties,
        channel_data=channel_data,
        preferences=preferences,
        tenant_preferences=tenant_preferences,
    )


def check_collection(value: Any, path: str) -> Problem | None:
    """Tell what is wrong with a collection's name; names with `$` are ours."""
    fault = check_id(value, path)
    if fault is None and value.startswith("$") and value not in (USERS, TENANTS):
        message = "a collection may not start with `$`, except `$tenants`"
        return Problem(path=path, message=message, rule="collection.reserved")
    return fault


def _channel_data(json: Any, path: str, problems: list[Problem]) -> dict[str, JsonObject]:
    if json is None:
        return {}
    if not isinstance(json, dict):
        problems.append(_expected(path, "an object by channel id"))
        return {}
    for channel, data in json.items():
        if not isinstance(data, dict):
            problems.append(_expected(f"{path}.{channel}", "an object"))
    return json


def _take_tenant_preferences(
    properties: JsonObject, prefix: str, problems: list[Problem]
) -> PreferenceChange | None:
    settings = properties.get("settings")
    if not isinstance(settings, dict):
        if settings is not None:
            problems.append(_expected(f"{prefix}settings", "an object"))
        return None
    branding = settings.get("branding")
    if branding is not None and not isinstance(branding, dict):
        problems.append(_expected(f"{prefix}settings.branding", "an object"))
    if settings.get("preference_set") is None:
        return None
    path = f"{prefix}settings.preference_set"
    change = read_sets({"default": settings["preference_set"]}, path, problems, is_named=False)
    # Taken out: the set follows rules of its own, the rest is deep-merged.
    properties["settings"] = {k: v for k, v in settings.items() if k != "preference_set"}
    return change.get("default")


def _expected(path: str, what: str) -> Problem:
    return Problem(path=path, message=f"expected {what}", rule="type")
