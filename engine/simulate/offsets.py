"""Read and write the instants of a scenario: `+1d2h` from its start, or ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.simulate.faults import ScenarioError
from engine.timing.instants import format_instant, parse_instant

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST: Final = timedelta(days=400)
_UNITS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_OFFSET: Final = re.compile(
    r"\+(?:(\d{1,9})w)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?"
)


def instant(text: Any, now: datetime, path: str = "") -> datetime:
    """Read `+1d2h` from `now`, or an ISO instant.

    Raises:
        ScenarioError: it is neither, or beyond the calendar; `path` is where it stands.
    """
    if isinstance(text, str) and text.startswith("+"):
        match = _OFFSET.fullmatch(text)
        if match and any(match.groups()):
            parts = zip(match.groups(), _UNITS.values(), strict=True)
            try:
                return now + timedelta(seconds=sum(int(n) * size for n, size in parts if n))
            except OverflowError:
                raise ScenarioError(path, f"{text} leads beyond the year 9999") from None
    else:
        found = parse_instant(text)
        if found is not None:
            return found
    raise ScenarioError(
        path,
        "expected an offset such as +10m or +1d2h (units w, d, h, m, s in this order) "
        f"or an ISO instant, got {text!r}",
    )


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
