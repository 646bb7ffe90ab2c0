"""Format instants as Liquid's `date` filter does, on every platform alike."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Final

_DIRECTIVE: Final = re.compile(r"%([-0^#_]*)(\d{0,2})(:{0,2}[A-Za-z+%])")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


def _offset(moment: dt.datetime, separator: str, *, seconds: bool = False) -> str:
    offset = moment.utcoffset() or dt.timedelta()
    sign = "-" if offset < dt.timedelta() else "+"
    minutes, rest = divmod(int(abs(offset).total_seconds()), 60)
    text = f"{sign}{minutes // 60:02}{separator}{minutes % 60:02}"
    return f"{text}{separator}{rest:02}" if seconds else text


def _zone(moment: dt.datetime) -> str:
    name = moment.tzname() or ""
    return _offset(moment, ":") if name.startswith("UTC") and name != "UTC" else name


# Number directives: value, width, padding character.
_NUMBERS: Final[dict[str, tuple[Callable[[dt.datetime], int], int, str]]] = {
    "Y": (lambda m: m.year, 1, "0"),
    "C": (lambda m: m.year // 100, 2, "0"),
    "y": (lambda m: m.year % 100, 2, "0"),
    "m": (lambda m: m.month, 2, "0"),
    "d": (lambda m: m.day, 2, "0"),
    "e": (lambda m: m.day, 2, " "),
    "j": (lambda m: m.timetuple().tm_yday, 3, "0"),
    "H": (lambda m: m.hour, 2, "0"),
    "k": (lambda m: m.hour, 2, " "),
    "I": (lambda m: m.hour % 12 or 12, 2, "0"),
    "l": (lambda m: m.hour % 12 or 12, 2, " "),
    "M": (lambda m: m.minute, 2, "0"),
    "S": (lambda m: m.second, 2, "0"),
    "u": (lambda m: m.isoweekday(), 1, "0"),
    "w": (lambda m: m.isoweekday() % 7, 1, "0"),
    "G": (lambda m: m.isocalendar().year, 1, "0"),
    "g": (lambda m: m.isocalendar().year % 100, 2, "0"),
    "V": (lambda m: m.isocalendar().week, 2, "0"),
    "U": (lambda m: (m.timetuple().tm_yday + 6 - m.isoweekday() % 7) // 7, 2, "0"),
    "W": (lambda m: (m.timetuple().tm_yday + 6 - m.weekday()) // 7, 2, "0"),
    "s": (lambda m: int(m.timestamp()), 1, "0"),
}
_TEXTS: Final[dict[str, Callable[[dt.datetime], str]]] = {
    "A": lambda m: _DAYS[m.weekday()],
    "a": lambda m: _DAYS[m.weekday()][:3],
    "B": lambda m: _MONTHS[m.month - 1],
    "b": lambda m: _MONTHS[m.month - 1][:3],
    "h": lambda m: _MONTHS[m.month - 1][:3],
    "p": lambda m: "AM" if m.hour < 12 else "PM",
    "P": lambda m: "am" if m.hour < 12 else "pm",
    "Z": _zone,
    "z": lambda m: _offset(m, ""),
    ":z": lambda m: _offset(m, ":"),
    "::z": lambda m: _offset(m, ":", seconds=True),
    "%": lambda m: "%",
    "n": lambda m: "\n",
    "t": lambda m: "\t",
}
_COMPOSED: Final = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "x": "%m/%d/%y",
    "T": "%H:%M:%S",
    "X": "%H:%M:%S",
    "R": "%H:%M",
    "r": "%I:%M:%S %p",
    "v": "%e-%^b-%Y",
    "+": "%a %b %e %H:%M:%S %Z %Y",
}


def strftime(moment: dt.datetime, template: str) -> str:
    """Return the instant in the given format; unknown directives stay as they are."""
    return _DIRECTIVE.sub(lambda match: _one(moment, match), template)


def _one(moment: dt.datetime, match: re.Match[str]) -> str:
    flags, width, name = match[1], match[2], match[3]
    if name in _NUMBERS:
        value, default_width, padding = _NUMBERS[name]
        return _padded(str(value(moment)), flags, width or str(default_width), padding)
    if name == "L":
        return f"{moment.microsecond:06}"[: int(width or 3)]
    if name == "N":
        return f"{moment.microsecond:06}000"[: int(width or 9)]
    if name in _COMPOSED:
        text = strftime(moment, _COMPOSED[name])
    elif name in _TEXTS:
        text = _TEXTS[name](moment)
    else:
        return match[0]
    if "^" in flags:
        text = text.upper()
    elif "#" in flags:
        text = text.lower() if text.isupper() else text.upper()
    return text.rjust(int(width), "0" if "0" in flags else " ") if width else text


def _padded(digits: str, flags: str, width: str, padding: str) -> str:
    if "-" in flags:
        return digits
    if "_" in flags:
        padding = " "
    elif "0" in flags:
        padding = "0"
    return digits.rjust(int(width), padding)
