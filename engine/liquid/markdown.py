"""Compile markdown to HTML, and clean HTML that came from values.

Both are kept in memory by source text: a fan-out renders the same text for
many recipients.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt

_SCHEME_IN_LINK: Final = re.compile(
    r"""(?:href|src)\s*=\s*["']?\s*([a-z][a-z0-9+.\-]*):""", re.IGNORECASE
)
_SAFE_SCHEMES: Final = frozenset({"http", "https", "mailto", "tel"})
_NEVER: Final = frozenset(
    {"javascript", "vbscript", "data", "file", "blob", "filesystem", "about", "view-source"}
)
_TAGS: Final = {
    *("p", "br", "a", "strong", "em", "del", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "img", "hr", "span"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title", "width", "height"},
    "code": {"class"},
    "ol": {"start"},
    "th": {"style", "align", "colspan", "rowspan"},
    "td": {"style", "align", "colspan", "rowspan"},
}
# One line in which nothing means anything to markdown or HTML: most in-app texts are such.
# Compiling it costs 60 µs and changes nothing.
_PLAIN: Final = re.compile(r"[A-Za-z](?:[^\W_]|[ .,;:'?%$/()@#=+-])*(?<! )")
_KEPT: Final = 512
_KEPT_LENGTH: Final = 16 * 1024


@lru_cache(maxsize=1)
def _compiler() -> MarkdownIt:
    compiler = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    # `<s>` is not in the feed's allow-list; `<del>` says the same.
    compiler.add_render_rule("s_open", _del_open)
    compiler.add_render_rule("s_close", _del_close)
    return compiler


def _del_open(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    return "<del>"


def _del_close(self: Any, tokens: Any, index: int, options: Any, env: Any) -> str:
    return "</del>"


def compiled(source: str) -> str:
    """Return the HTML of markdown; HTML in the source passes through."""
    if len(source) > _KEPT_LENGTH:
        return _compile(source)
    return _compile_kept(source)


def cleaned(html: str) -> str:
    """Return HTML with only the tags, attributes and links a message may have."""
    if "<" not in html and "&" not in html and ">" not in html:
        return html
    # The cleaner knows no "all schemes but": app links are named to it one by one.
    named = {match.lower() for match in _SCHEME_IN_LINK.findall(html)} - _NEVER - _SAFE_SCHEMES
    return _cleaner(frozenset(named)).clean(html)


def compiled_clean(source: str) -> str:
    """Return the HTML of markdown whose author is not trusted."""
    if len(source) > _KEPT_LENGTH:
        return cleaned(_compile(source))
    # Matching is as quick as looking up, and leaves the memory to what is not plain.
    return f"<p>{source}</p>" if _PLAIN.fullmatch(source) else _clean_kept(source)


def _compile(source: str) -> str:
    if _PLAIN.fullmatch(source):
        return f"<p>{source}</p>"
    return str(_compiler().render(source)).rstrip("\n")


_compile_kept = lru_cache(maxsize=_KEPT)(_compile)


@lru_cache(maxsize=_KEPT)
def _clean_kept(source: str) -> str:
    return cleaned(_compile(source))


@lru_cache(maxsize=64)
def _cleaner(named: frozenset[str]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=set(_SAFE_SCHEMES | named),
        filter_style_properties={"text-align"},
        link_rel=None,
    )
