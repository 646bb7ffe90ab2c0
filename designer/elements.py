"""Draw semantic HTML: one thin element, and the few shapes every page repeats.

NiceGUI's own widgets are used where they bring behaviour (dialogs, code
editors). Everything that only shows something is a plain element with our own
style sheet, so pages are light, accessible and look like one product. Text is
always set as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from nicegui import ui

from designer.times import exact, relative

Handler = Callable[[], Awaitable[None] | None]
_CAMEL: Final = {"for_": "for", "type_": "type", "is_": "is"}


class Tag(ui.element):
    """One HTML element with text, classes and attributes."""

    def __init__(self, name: str, text: str | None = None, cls: str = "", /, **attrs: Any) -> None:
        super().__init__(name)
        self._text = text
        if cls:
            self.classes(cls)
        for key, value in attrs.items():
            if value is not None and value is not False:
                plain = _CAMEL.get(key, key.replace("_", "-"))
                self._props[plain] = "" if value is True else value

    @property
    def text(self) -> str:
        """Give the text that is shown."""
        return self._text or ""

    def set_text(self, text: str) -> None:
        """Show another text; the browser is told only about a change."""
        if text != self._text:
            self._text = text
            self.update()

    def set(self, **attrs: Any) -> Tag:
        """Change attributes; None removes one."""
        for key, value in attrs.items():
            plain = _CAMEL.get(key, key.replace("_", "-"))
            if value is None or value is False:
                self._props.pop(plain, None)
            else:
                self._props[plain] = "" if value is True else value
        self.update()
        return self

    def _displayed_contents(self, *, only_visible: bool = False) -> list[Any]:
        return [self._text, self._props.get("aria-label"), self._props.get("placeholder")]


def tag(name: str, text: str | None = None, cls: str = "", /, **attrs: Any) -> Tag:
    """Add any element; use it as a context to put others inside."""
    return Tag(name, text, cls, **attrs)


def div(cls: str = "", /, **attrs: Any) -> Tag:
    """Add a block."""
    return Tag("div", None, cls, **attrs)


def span(text: str, cls: str = "", /, **attrs: Any) -> Tag:
    """Add a piece of text."""
    return Tag("span", text, cls, **attrs)


def para(text: str, cls: str = "", /, **attrs: Any) -> Tag:
    """Add a paragraph."""
    return Tag("p", text, cls, **attrs)


def link(text: str | None, href: str, cls: str = "", /, **attrs: Any) -> Tag:
    """Add a link to a page of this server; `href` is ours, never a user's."""
    return Tag("a", text, cls, href=href, **attrs)


def icon(name: str, cls: str = "") -> Tag:
    """Add a drawing of `icons.css`; decoration only, the text beside it says the same."""
    return Tag("i", None, f"icon icon-{name} {cls}".strip(), aria_hidden="true")


def button(
    text: str, on_click: Handler | None = None, *, kind: str = "", symbol: str = "", **attrs: Any
) -> Tag:
    """Add a button; `kind`: `primary`, `danger`, `quiet` or nothing."""
    found = Tag("button", None, f"button {kind}".strip(), type_="button", **attrs)
    with found:
        if symbol:
            icon(symbol)
        span(text)
    if on_click is not None:
        found.on("click", lambda: on_click())
    return found


def copyable(code: str, caption: str, *, name: str = "") -> Tag:
    """Add a block of code under a bar with its caption and a button that copies it.

    `name` tells screen readers what it is, where the caption is only a language.
    """
    with div("code-block") as block:
        with div("code-bar"):
            span(caption)
            with Tag("button", None, "copy", type_="button", data_copy=code):
                icon("copy")
                span("Copy")
                visually_hidden(name or caption)
        with Tag("pre", None, "code", tabindex="0", role="region", aria_label=name or caption):
            Tag("code", code)
    return block


def badge(text: str, tone: str, symbol: str = "") -> Tag:
    """Add a state in words with a colour: ok, info, wait, bad, idle."""
    with Tag("span", None, f"badge {tone}") as found:
        if symbol:
            icon(symbol)
        else:
            Tag("i", None, "dot", aria_hidden="true")
        span(text)
    return found


class Moment(Tag):
    """An instant as people say it, with the exact one on hover and for machines."""

    def __init__(self, instant: datetime, now: datetime, zone: str, cls: str = "") -> None:
        super().__init__(
            "time",
            relative(instant, now),
            cls or "moment",
            datetime=instant.isoformat(),
            title=exact(instant, zone),
        )
        self.instant = instant

    def follow(self, now: datetime) -> None:
        """Say it anew, as seen from `now`."""
        self.set_text(relative(self.instant, now))


def visually_hidden(text: str) -> Tag:
    """Add text for screen readers only."""
    return span(text, "visually-hidden")
