"""Bring channel data into the one shape that is stored and answered, by channel type."""

from __future__ import annotations

from typing import Any, Final

from engine.errors import Problem
from storage.records import JsonObject

MOST_ITEMS: Final = 1000


def normalise(channel_type: str, data: JsonObject, path: str) -> JsonObject | Problem:
    """Check the lists that sending reads; push gets both views of its devices (E-106)."""
    if channel_type == "push":
        return _push(data, path)
    if channel_type == "chat":
        return _chat(data, path)
    return data


def _push(data: JsonObject, path: str) -> JsonObject | Problem:
    if "player_ids" in data:
        return _strings(data, "player_ids", path) or data
    plural, single = ("tokens", "token")
    if "target_arns" in data or _has_arns(data.get("devices")):
        plural, single = ("target_arns", "target_arn")
    if plural not in data and "devices" not in data:
        return _expected(path, "`tokens`, `devices`, `target_arns` or `player_ids`")
    fault = _strings(data, plural, path) or _devices(data, single, path)
    if fault is not None:
        return fault
    devices: dict[str, JsonObject] = {}
    for device in data.get("devices") or ():
        devices[device[single]] = {
            single: device[single],
            "locale": device.get("locale"),
            "timezone": device.get("timezone"),
        }
    for token in data.get(plural) or ():
        devices.setdefault(token, {single: token, "locale": None, "timezone": None})
    return {**data, plural: list(devices), "devices": list(devices.values())}


def _chat(data: JsonObject, path: str) -> JsonObject | Problem:
    connections = data.get("connections")
    if connections is not None and (
        not isinstance(connections, list)
        or len(connections) > MOST_ITEMS
        or not all(isinstance(item, dict) for item in connections)
    ):
        return _expected(f"{path}.connections", f"an array of at most {MOST_ITEMS} objects")
    token = data.get("token")
    if token is not None and not isinstance(token, dict):
        return _expected(f"{path}.token", "an object with `access_token`")
    return data


def _has_arns(devices: Any) -> bool:
    return isinstance(devices, list) and any(
        isinstance(device, dict) and "target_arn" in device for device in devices
    )


def _strings(data: JsonObject, key: str, path: str) -> Problem | None:
    values = data.get(key)
    if values is None:
        return None
    if (
        not isinstance(values, list)
        or len(values) > MOST_ITEMS
        or not all(isinstance(value, str) and value for value in values)
    ):
        return _expected(f"{path}.{key}", f"an array of at most {MOST_ITEMS} strings")
    return None


def _devices(data: JsonObject, single: str, path: str) -> Problem | None:
    devices = data.get("devices")
    if devices is None:
        return None
    if not isinstance(devices, list) or len(devices) > MOST_ITEMS:
        return _expected(f"{path}.devices", f"an array of at most {MOST_ITEMS} devices")
    for index, device in enumerate(devices):
        token = device.get(single) if isinstance(device, dict) else None
        if not isinstance(token, str) or not token:
            return _expected(f"{path}.devices[{index}]", f"an object with `{single}`")
        for key in ("locale", "timezone"):
            if not isinstance(device.get(key), (str, type(None))):
                return _expected(f"{path}.devices[{index}].{key}", "a string or null")
    return None


def _expected(path: str, what: str) -> Problem:
    return Problem(path=path, message=f"expected {what}", rule="type")
