"""Read, write and store instants: aware UTC datetimes, ISO 8601 text, integer microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# The longest legal form has 35 characters: nine fraction digits and an offset with a colon.
_MAX_LENGTH: Final = 40

_ISO: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def parse_instant(value: object) -> datetime | None:
    """Read an ISO 8601 date or datetime; anything else gives None, never an error.

    Without an offset the text means UTC; a date alone means its midnight.
    Digits beyond microseconds are dropped.
    """
    if not isinstance(value, str) or len(value) > _MAX_LENGTH or not _ISO.fullmatch(value):
        return None
    try:
        read = datetime.fromisoformat(value.upper())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_instant(instant: datetime) -> str:
    """Write `2026-06-03T12:00:00.123456Z`; microseconds are left out when zero."""
    if instant.tzinfo is not UTC:
        instant = require_aware(instant).astimezone(UTC)
    return instant.isoformat().removesuffix("+00:00") + "Z"


def to_micros(instant: datetime) -> int:
    """Count the microseconds since 1970, exactly: the stored form."""
    since = require_aware(instant) - _EPOCH
    # Integers throughout: `timestamp()` is a float and loses microseconds.
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """Give back the instant that `to_micros` counted."""
    return _EPOCH + timedelta(microseconds=micros)


def require_aware(instant: datetime) -> datetime:
    """Pass an aware datetime through.

    Raises:
        ValueError: it is naive, so nobody can say which instant it means.
    """
    if instant.tzinfo is None:
        raise ValueError(f"expected a datetime with a zone, got the naive {instant.isoformat()}")
    return instant
