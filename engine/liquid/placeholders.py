"""Keep values aside while the text around them is compiled.

In e-mail, markdown belongs to the author and values are literal. So every value
is written as a word of letters and digits, markdown is compiled, and the values
are put in afterwards. The text with placeholders is the same for all recipients
of a template, which also makes it a good cache key: the word therefore carries a
random part per process, not per rendering. It never appears in any output, and
nobody can write it into a value or a template beforehand.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from engine.liquid.urls import is_dangerous

PREFIX: Final = f"lq{secrets.token_hex(8)}x"
_HREF: Final = re.compile(r"""\bhref\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_ALONE: Final = re.compile(rf"<p>({PREFIX}(\d+)q)</p>")
_WORDS: Final = tuple(f"{PREFIX}{index}q" for index in range(256))
_KEPT_LENGTH: Final = 64 * 1024
_BLOCK: Final = re.compile(r"\s*<(?:p|h[1-6]|ul|ol|table|div|blockquote|pre|hr)\b", re.IGNORECASE)


class Captured(Markup):
    """Hold captured output, with the form that still has placeholders in it.

    Printed as it is, the placeholder form goes into the page, so markdown the
    author captured is compiled and values in it stay literal.
    """

    __slots__ = ("with_placeholders",)
    with_placeholders: str


class Placeholders:
    """Hold the values of one document until its text is compiled."""

    __slots__ = ("_blocks", "_html", "_plain", "has_unsafe_link")

    def __init__(self) -> None:
        """Start without values."""
        self._html: list[str] = []
        self._plain: list[str | None] = []
        self._blocks: set[int] = set()
        self.has_unsafe_link = False

    def keep(self, as_html: str, plain: str | None = None) -> str:
        """Keep a value and return the word that stands for it.

        `plain` is its text form; without it, it is derived from the HTML.
        """
        index = len(self._html)
        self._html.append(as_html)
        self._plain.append(plain)
        if plain is None and "<" in as_html and _BLOCK.match(as_html):
            self._blocks.add(index)
        return _WORDS[index] if index < len(_WORDS) else f"{PREFIX}{index}q"

    @property
    def size(self) -> int:
        """Return how many values are kept."""
        return len(self._html)

    def forget(self, size: int) -> None:
        """Drop every value but the first `size`."""
        del self._html[size:], self._plain[size:]
        self._blocks = {index for index in self._blocks if index < size}

    def fill(self, text: str) -> str:
        """Return HTML with the kept values in place of their words.

        A link target that turns out to run a script becomes `#`.
        """
        if PREFIX not in text:
            return text
        if self._blocks:
            text = _ALONE.sub(self._without_paragraph, text)
        for target in _open_targets(text):
            if is_dangerous(html.unescape(self._filled(target.strip("\"'")))):
                self.has_unsafe_link = True
                text = text.replace(target, '"#"')
        return self._filled(text)

    def fill_captured(self, text: str) -> str:
        """Return captured text with its values, links unchecked."""
        return self._filled(text)

    def fill_plain(self, text: str, convert: Callable[[str], str]) -> str:
        """Return text with values in plain form; `convert` makes text of HTML."""
        if PREFIX not in text:
            return text
        parts, holes = _cut(text)
        filled = list(parts)
        for place, index in holes:
            if index < len(self._html):
                plain = self._plain[index]
                filled[place] = convert(self._html[index]) if plain is None else plain
        return "".join(filled)

    def _filled(self, text: str) -> str:
        parts, holes = _cut(text)
        filled = list(parts)
        for place, index in holes:
            if index < len(self._html):
                filled[place] = self._html[index]
        return "".join(filled)

    def _without_paragraph(self, match: re.Match[str]) -> str:
        return match[1] if int(match[2]) in self._blocks else match[0]


def _cut(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Return a text in pieces, and which of them stand for which values."""
    return _pieces(text) if len(text) > _KEPT_LENGTH else _kept_pieces(text)


def _pieces(text: str) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    first, *rest = text.split(PREFIX)
    parts, holes = [first], []
    for part in rest:
        number, end, after = part.partition("q")
        if end and number.isdecimal():
            holes.append((len(parts), int(number)))
            parts += (f"{PREFIX}{number}q", after)
        else:
            parts.append(part)
    return tuple(parts), tuple(holes)


# The text around the values is the same for every recipient of a template.
_kept_pieces = lru_cache(maxsize=256)(_pieces)


@lru_cache(maxsize=256)
def _open_targets(text: str) -> tuple[str, ...]:
    """Return the link targets whose scheme depends on a value, quotes included."""
    targets = {match[1] for match in _HREF.finditer(text) if PREFIX in match[1]}
    return tuple(
        target for target in targets if not set(target[: target.index(PREFIX)]) & set("/?#")
    )
