"""Render the visual blocks of an e-mail to table rows.

Class names are what custom layouts style, so they are part of the contract.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from markupsafe import escape

from engine.liquid.markdown import compiled
from engine.liquid.placeholders import Placeholders
from engine.liquid.rendering import Rendering
from engine.liquid.urls import is_dangerous, scheme_of
from engine.render.fields import Fields

Block = Mapping[str, Any]

_TAG_LINE: Final = re.compile(r"^[ \t]+(?=\{%)", re.MULTILINE)
_HEX: Final = re.compile(r"#(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_WIDTH: Final = re.compile(r"\d{1,4}(?:px|%)?")
_BRANDING: Final = {
    "primary_color": "#000000",
    "primary_color_contrast": "#FFFFFF",
    "dark_primary_color": "#FFFFFF",
    "dark_primary_color_contrast": "#000000",
}
_SIZES: Final = {
    "sm": "font-size:14px;line-height:20px;padding:4px 8px;min-width:32px",
    "md": "font-size:16px;line-height:24px;padding:8px 16px",
    "lg": "font-size:18px;line-height:28px;padding:12px 24px",
}


class BlockRenderer:
    """Render blocks one after the other; what one assigns, the next sees."""

    def __init__(self, fields: Fields, rendering: Rendering, kept: Placeholders) -> None:
        """Render into the given HTML context."""
        self._fields = fields
        self._rendering = rendering
        self._kept = kept

    def render(self, blocks: list[Any]) -> str:
        """Return the rows of all blocks."""
        return "\n".join(
            self._row(block, f"visual_blocks[{index}]") for index, block in enumerate(blocks)
        )

    def markdown(self, source: object, field: str) -> str:
        """Return compiled markdown, with values still kept aside."""
        if isinstance(source, str):
            source = _outdented(source)
        return compiled(self.html(source, field))

    def html(self, source: object, field: str) -> str:
        """Return rendered HTML, with values still kept aside."""
        return self._fields.text(source, field, self._rendering)

    def _row(self, block: object, field: str) -> str:
        kind = block.get("type") if isinstance(block, Mapping) else None
        render = _BLOCKS.get(str(kind))
        if render is None or not isinstance(block, Mapping):
            known = ", ".join(sorted(_BLOCKS))
            self._fields.fault("syntax", f"expected a block of type {known}, found {kind!r}", field)
            return ""
        layout = _mapping(block.get("layout_attrs"))
        sides = ("top", "right", "bottom", "left")
        padding = " ".join(
            f"{_pixels(layout.get(f'padding_{side}'), default)}px"
            for side, default in zip(sides, (8, 4, 8, 4), strict=True)
        )
        align = layout.get("horizontal_align")
        aligned = f' align="{align}"' if align in ("left", "center", "right") else ""
        return (
            f'<table role="presentation" class="block-row block-row--{kind}-v1" width="100%"'
            ' cellpadding="0" cellspacing="0" border="0"><tr>'
            f'<td{aligned} style="padding:{padding}">{render(self, block, field)}</td>'
            "</tr></table>"
        )

    def _markdown(self, block: Block, field: str) -> str:
        body = self.markdown(block.get("content"), f"{field}.content")
        return f'<div class="block-markdown">{body}</div>'

    def _html(self, block: Block, field: str) -> str:
        return (
            f'<div class="block-html">{self.html(block.get("content"), f"{field}.content")}</div>'
        )

    def _divider(self, block: Block, field: str) -> str:
        return '<div class="block-divider"></div>'

    def _image(self, block: Block, field: str) -> str:
        url = self._text(block.get("url"), f"{field}.url")
        if is_dangerous(url) and not url.lstrip().lower().startswith("data:image/"):
            self._fields.warn(f"{field}.url: {scheme_of(url)} is not an image address; left out")
            url = ""
        width = str(_mapping(block.get("style_attrs")).get("width") or "")
        width = width if _WIDTH.fullmatch(width) else "100%"
        alt = self._aside(self._text(block.get("alt"), f"{field}.alt"))
        image = (
            f'<img class="block-image" src="{self._aside(url)}" alt="{alt}"'
            f' style="display:inline-block;max-width:100%;border:0;width:{width}">'
        )
        action = self._link(block.get("action"), f"{field}.action")
        return f'<a href="{self._aside(action)}">{image}</a>' if action else image

    def _button_set(self, block: Block, field: str) -> str:
        gap = _pixels(_mapping(block.get("layout_attrs")).get("column_gap"), 8)
        buttons = block.get("buttons")
        buttons = (
            [b for b in buttons if isinstance(b, Mapping)] if isinstance(buttons, list) else []
        )
        cells = []
        for index, button in enumerate(buttons):
            right = gap if index + 1 < len(buttons) else 0
            cells.append(self._button(button, f"{field}.buttons[{index}]", right))
        return (
            '<table role="presentation" cellpadding="0" cellspacing="0" border="0"><tr>'
            f"{''.join(cells)}</tr></table>"
        )

    def _button(self, button: Block, field: str, gap: int) -> str:
        label = self._aside(self._text(button.get("label"), f"{field}.label"))
        action = self._aside(self._link(button.get("action"), f"{field}.action"))
        variant = "outline" if button.get("variant") == "outline" else "solid"
        size_attrs = _mapping(button.get("size_attrs"))
        size = size_attrs.get("size")
        size = size if size in _SIZES else "md"
        style, background = self._button_style(_mapping(button.get("style_attrs")), variant)
        shape = "display:inline-block"
        if size_attrs.get("is_fullwidth"):
            shape = "display:block;width:100%;text-align:center"
        return (
            f'<td style="padding:0 {gap}px 0 0"{background}>'
            f'<a class="block-button block-button--{variant} block-button--{size}"'
            f' href="{action}" style="{shape};{_SIZES[size]};{style}">{label}</a></td>'
        )

    def _button_style(self, attrs: Block, variant: str) -> tuple[str, str]:
        radius, width = (
            _pixels(attrs.get("border_radius"), 4),
            _pixels(attrs.get("border_width"), 1),
        )
        main = self._colour(attrs.get("background_color"), "primary_color")
        if variant == "outline":
            text, border, fill = main, main, "transparent"
        else:
            text = self._colour(attrs.get("text_color"), "primary_color_contrast")
            border = self._colour(attrs.get("border_color"), "primary_color")
            fill = main
        style = (
            f"background-color:{fill};color:{text};"
            f"border:{width}px solid {border};border-radius:{radius}px"
        )
        return style, "" if fill == "transparent" or radius else f' bgcolor="{fill}"'

    def _colour(self, value: object, fallback: str) -> str:
        if isinstance(value, str) and _HEX.fullmatch(value):
            return value
        token = value if isinstance(value, str) and value else fallback
        branding = _mapping(_mapping(self._fields.scope.get("vars")).get("branding"))
        found = branding.get(token)
        if isinstance(found, str) and _HEX.fullmatch(found):
            return found
        return _BRANDING.get(token, _BRANDING[fallback])

    def _text(self, source: object, field: str) -> str:
        plain = self._fields.plain(self._rendering.assigned)
        return self._fields.line(source, field, plain)

    def _link(self, source: object, field: str) -> str:
        plain = self._fields.plain(self._rendering.assigned)
        return self._fields.link(source, field, plain)

    def _aside(self, text: str) -> str:
        return self._kept.keep(escape(text), text) if text else ""


_BLOCKS: Final[dict[str, Callable[[BlockRenderer, Block, str], str]]] = {
    "markdown": BlockRenderer._markdown,
    "html": BlockRenderer._html,
    "divider": BlockRenderer._divider,
    "image": BlockRenderer._image,
    "button_set": BlockRenderer._button_set,
}


@lru_cache(maxsize=256)
def _outdented(source: str) -> str:
    # An indented tag would turn what it prints into a code block.
    return _TAG_LINE.sub("", source)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _pixels(value: object, default: int) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return max(0, min(int(value), 600)) if is_number else default  # type: ignore[call-overload]  # checked above
