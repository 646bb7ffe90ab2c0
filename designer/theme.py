"""Serve the look: style sheets joined and named by their content, the theme cookie.

Knows nothing of NiceGUI, so that the sign-in pages, which do without it, look
the same.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

ASSETS: Final = Path(__file__).with_name("assets")
ASSET_ROUTE: Final = "/_tocsin"
THEME_COOKIE: Final = "tocsin_theme"
Theme = Literal["system", "light", "dark"]

DESIGNER_SHEETS: Final = (
    "tokens.css",
    "icons.css",
    "base.css",
    "frame.css",
    "parts.css",
    "pages.css",
    "inbox.css",
)
# Roboto comes with the interface library; its address names the library's version.
FONT_SHEET: Final = f"/_nicegui/{metadata.version('nicegui')}/static/fonts.css"
LOGIN_SHEETS: Final = ("tokens.css", "login.css")


@functools.cache
def asset(name: str) -> str:
    """Read one text file of the assets."""
    return (ASSETS / name).read_text(encoding="utf-8")


@functools.cache
def sheet(names: tuple[str, ...]) -> str:
    """Join style sheets in this order."""
    return "\n".join(asset(name) for name in names)


@functools.cache
def version_of(content: str) -> str:
    """Name a content by its hash, so that a browser may keep it for ever."""
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def theme_of(cookies: Mapping[str, str]) -> Theme:
    """Read the wanted theme; anything unknown follows the system."""
    wanted = cookies.get(THEME_COOKIE)
    if wanted == "light":
        return "light"
    return "dark" if wanted == "dark" else "system"
