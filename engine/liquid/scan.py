"""Find a template's tags in linear time, before the tokeniser sees them.

The library's tokeniser is one regular expression that is quadratic for some
inputs (a few kilobytes of unclosed `{% raw %}` take minutes) and forgets the
position of what was never closed. This pass refuses the former and knows the
latter.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from engine.errors import TemplateError
from engine.liquid.faults import at
from engine.liquid.limits import MAX_SOURCE, MAX_TAG, MAX_TAG_BRACKETS, MAX_TAG_SPACES

_OPENING: Final = re.compile(r"\{\{|\{%")
_NAME: Final = re.compile(r"-?\s*(#|\w*)")
_SPACES: Final = re.compile(rf"\s{{{MAX_TAG_SPACES}}}")
_VERBATIM_END: Final = {
    name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")
}
_BLOCKS: Final = frozenset(
    {"if", "unless", "case", "for", "tablerow", "capture", "ifchanged", "comment", "raw", "doc"}
)


class Tag(NamedTuple):
    """Place and name of a tag; output statements have the name `{{`."""

    name: str
    start: int


def scan(source: str) -> list[Tag]:
    """Return the tags in order.

    Raises:
        TemplateError: a tag is not closed, or is too much for the tokeniser.
    """
    check_length(source)
    tags: list[Tag] = []
    place = 0
    while opening := _OPENING.search(source, place):
        start = opening.start()
        closing = "}}" if opening[0] == "{{" else "%}"
        end = source.find(closing, start + 2)
        if end < 0:
            raise at(source, start, f"expected '{closing}', found the end of the template")
        _check_tag(source, start, end)
        name = "{{" if closing == "}}" else _name(source, start)
        tags.append(Tag(name, start))
        place = end + 2
        if name in _VERBATIM_END:
            place = _after_verbatim(source, start, place, name)
            tags.append(Tag(f"end{name}", place))
    return tags


def check_length(source: str) -> None:
    """Refuse a source that is longer than templates may be."""
    if len(source) > MAX_SOURCE:
        raise TemplateError(
            f"the template has {len(source)} characters; {MAX_SOURCE} are allowed", kind="limit"
        )


def unclosed(tags: list[Tag]) -> Tag | None:
    """Return the innermost block that has no end, if there is one."""
    opened: list[Tag] = []
    for tag in tags:
        if opened and opened[-1].name == "comment" and tag.name not in ("comment", "endcomment"):
            continue
        if tag.name in _BLOCKS:
            opened.append(tag)
        elif tag.name.startswith("end") and opened and opened[-1].name == tag.name[3:]:
            opened.pop()
    return opened[-1] if opened else None


def _name(source: str, start: int) -> str:
    match = _NAME.match(source, start + 2)
    return match[1] if match else ""


def _after_verbatim(source: str, start: int, place: int, name: str) -> int:
    match = _VERBATIM_END[name].search(source, place)
    if match is None:
        raise at(source, start, f"'{name}' is never closed; add {{% end{name} %}}")
    return match.end()


def _check_tag(source: str, start: int, end: int) -> None:
    length = end - start
    if length < MAX_TAG_SPACES:
        return
    inner = source[start + 2 : end]
    if (
        length > MAX_TAG
        or _SPACES.search(inner)
        or inner.count("(") > MAX_TAG_BRACKETS
        or inner.count("[") > MAX_TAG_BRACKETS
    ):
        raise at(source, start, "this tag is too long, or has too many spaces or brackets", "limit")
