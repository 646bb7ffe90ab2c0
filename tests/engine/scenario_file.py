"""Read a scenario: its instants, its defaults, and what may stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from engine.timing.instants import format_instant, parse_instant

JsonObject = dict[str, Any]

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=400)
_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_OFFSET: Final = re.compile(r"\+(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

TOP: Final = frozenset(
    {
        "name", "now", "seed", "until", "environment", "users", "objects", "tenants",
        "subscriptions", "audiences", "schedules", "partials", "layouts", "translations",
        "workflows", "script", "expect", "retention",
    }
)  # fmt: skip
WORLD: Final = frozenset({"timezone", "variables", "preferences", "channels", "channel_groups"})
EXPECTED: Final = frozenset(
    {
        "messages", "message_count", "runs", "run_count", "skips", "rejected", "requests",
        "state",
    }
)  # fmt: skip


class ScenarioError(ValueError):
    """The file is wrong; the text names the place and the reason."""


def load(path: Path) -> JsonObject:
    """Read one file.

    Raises:
        ScenarioError: it is no JSON object, or a name in it is not known.
    """
    try:
        scenario = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"{path.name}: not JSON: {error}") from None
    if not isinstance(scenario, dict):
        raise ScenarioError(f"{path.name}: expected an object")
    check_names(scenario, TOP, path.name)
    check_names(scenario.get("environment", {}), WORLD, "environment")
    check_names(scenario.get("expect", {}), EXPECTED, "expect")
    return scenario


def check_names(found: Iterable[str], known: frozenset[str], where: str) -> None:
    """Refuse a name that is not known: a typo would silently check nothing."""
    unknown = sorted(set(found) - known)
    if unknown:
        raise ScenarioError(f"{where}: expected names out of {sorted(known)}, got {unknown}")


def start_of(scenario: JsonObject) -> datetime:
    """Give the instant from which offsets count."""
    return instant(scenario["now"], START) if "now" in scenario else START


def instant(text: Any, now: datetime) -> datetime:
    """Read `+1d2h` from `now`, or an ISO instant."""
    if isinstance(text, str) and text.startswith("+"):
        match = _OFFSET.fullmatch(text)
        if match and any(match.groups()):
            parts = zip(match.groups(), _UNITS.values(), strict=True)
            return now + timedelta(seconds=sum(int(n) * size for n, size in parts if n))
    else:
        found = parse_instant(text)
        if found is not None:
            return found
    raise ScenarioError(f"expected `+<n><s|m|h|d|w>` or an ISO instant, got {text!r}")


def offset(at: datetime | None, now: datetime) -> str | None:
    """Write an instant as `+1d2h3m4s`, zero parts left out; weeks count as days."""
    if at is None:
        return None
    left = int((at - now).total_seconds())
    if left < 0:
        return format_instant(at)
    text = ""
    for unit in "dhms":
        count, left = divmod(left, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return f"+{text or '0s'}"
