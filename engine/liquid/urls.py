"""Tell links that may run code from links that only lead somewhere."""

from __future__ import annotations

import re
from typing import Final

DANGEROUS_SCHEMES: Final = frozenset({"javascript", "vbscript", "data"})
# Most links begin so; nothing that is taken out of them makes another scheme of it.
_HARMLESS: Final = ("https://", "http://", "/", "#")
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\ufeff]+")
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.\-]*)\s*:", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """Return the lower-case scheme, or nothing for a relative URL.

    Browsers ignore control characters and spaces inside a scheme, so they are
    taken out before looking.
    """
    match = _SCHEME.match(_CONTROL.sub("", url))
    return match[1].lower() if match else ""


def is_dangerous(url: str) -> bool:
    """Say whether following the URL could run a script."""
    if url.startswith(_HARMLESS):
        return False
    return scheme_of(url) in DANGEROUS_SCHEMES
