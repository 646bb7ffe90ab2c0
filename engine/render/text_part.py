"""Write the text form of an HTML e-mail."""

from __future__ import annotations

import re
from functools import lru_cache
from html.parser import HTMLParser
from typing import Final

_HIDDEN: Final = frozenset({"style", "script", "head", "title", "template", "noscript"})
_PARAGRAPHS: Final = frozenset(
    {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table", "pre"}
)
_LINES: Final = frozenset({"div", "tr", "li", "section", "header", "footer", "body", "center"})
_SPACES: Final = re.compile(r"[ \t\r\n\f]+")
_KEPT: Final = 256
_KEPT_LENGTH: Final = 64 * 1024


class _Writer(HTMLParser):
    """Collect lines: an empty one between paragraphs, a prefix in quotes and lists."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._marker = ""
        self._prefixes: list[str] = []
        self._lists: list[int] = []
        self._links: list[tuple[str, int]] = []
        self._hidden = 0
        self._verbatim = 0
        self._has_gap = True

    def text(self) -> str:
        """Return what was collected."""
        self.close()
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif self._hidden:
            return
        elif tag == "br":
            self._end_line(even_empty=True)
        elif tag == "hr":
            self._end_paragraph()
            self._line = "---"
            self._end_paragraph()
        elif tag == "img":
            self._add(dict(attrs).get("alt") or "")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._line)))
        elif tag in ("td", "th"):
            if self._line and not self._line.endswith(" "):
                self._line += " "
        else:
            self._open_block(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif self._hidden:
            return
        elif tag == "a":
            self._end_link()
        elif tag in _PARAGRAPHS or tag in _LINES:
            self._close_block(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._add(data)

    def _open_block(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            nested = tag in ("ul", "ol", "p") and self._lists
            self._end_line() if nested else self._end_paragraph()
        elif tag in _LINES:
            self._end_line()
        if tag == "blockquote":
            self._prefixes.append("> ")
        elif tag == "pre":
            self._verbatim += 1
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            self._open_item()

    def _open_item(self) -> None:
        if self._lists and self._lists[-1] >= 0:
            self._lists[-1] += 1
            self._marker = f"{self._lists[-1]}. "
        else:
            self._marker = "- "
        self._prefixes.append(" " * len(self._marker))

    def _close_block(self, tag: str) -> None:
        inner = tag in ("ul", "ol") and len(self._lists) > 1
        inside_item = tag == "p" and self._lists
        if tag in _PARAGRAPHS and not inner and not inside_item:
            self._end_paragraph()
        else:
            self._end_line()
        if tag in ("ul", "ol"):
            del self._lists[-1:]
        elif tag == "pre":
            self._verbatim = max(0, self._verbatim - 1)
        elif tag in ("blockquote", "li"):
            del self._prefixes[-1:]
            self._marker = ""
            if self._has_gap and self._lines:
                self._lines[-1] = "".join(self._prefixes).rstrip()

    def _add(self, data: str) -> None:
        if self._verbatim:
            *full, last = data.split("\n")
            for part in full:
                self._line += part
                self._end_line(even_empty=True)
            self._line += last
            return
        text = _SPACES.sub(" ", data)
        if not self._line or self._line.endswith(" "):
            text = text.lstrip(" ")
        self._line += text

    def _end_link(self) -> None:
        if not self._links:
            return
        url, start = self._links.pop()
        label = self._line[start:].strip()
        bare = url.removeprefix("mailto:").removeprefix("tel:")
        if not url or url.startswith("#") or label == bare:
            return
        self._line = f"{self._line.rstrip()} ({bare})" if label else f"{self._line}{bare}"

    def _end_line(self, *, even_empty: bool = False) -> None:
        line = self._line if self._verbatim else self._line.strip(" ")
        self._line = ""
        if not line and not even_empty:
            return
        prefix = "".join(self._prefixes)
        if self._marker:
            prefix = prefix[: -len(self._marker)] + self._marker
            self._marker = ""
        self._lines.append(f"{prefix}{line}".rstrip())
        self._links = [(url, 0) for url, _ in self._links]
        self._has_gap = False

    def _end_paragraph(self) -> None:
        self._end_line()
        if self._lines and not self._has_gap:
            self._lines.append("".join(self._prefixes).rstrip())
            self._has_gap = True


def _write(html: str) -> str:
    writer = _Writer()
    writer.feed(html)
    return writer.text()


_write_kept = lru_cache(maxsize=_KEPT)(_write)


def text_of(html: str) -> str:
    """Return HTML as text: links as `label (url)`, bullets, `> ` for quotes."""
    if "<" not in html and "&" not in html:
        return _SPACES.sub(" ", html).strip(" ").rstrip()
    return _write(html) if len(html) > _KEPT_LENGTH else _write_kept(html)
