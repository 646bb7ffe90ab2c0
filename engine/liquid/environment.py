"""Parse Liquid templates and keep the parsed ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from typing import Any, Final

from liquid import BoundTemplate, Environment
from liquid.exceptions import LiquidError
from liquid.token import Token

from engine.liquid import patches
from engine.liquid.faults import at, translated
from engine.liquid.filters import register
from engine.liquid.limits import MAX_BLOCK_NESTING
from engine.liquid.nodes import TAGS
from engine.liquid.sandbox import SandboxContext
from engine.liquid.scan import scan, unclosed
from engine.liquid.values import Missing

# A syntax tree takes up to a hundred times the memory of its source, and what is
# compiled from it somewhat more, so the cache is bounded by source length as well as by
# number.
_CACHED_TEMPLATES: Final = 2048
_CACHED_CHARACTERS: Final = 512 * 1024

patches.install()


class SandboxTemplate(BoundTemplate):
    """Be a template whose partials, too, run in the sandbox."""

    context_class = SandboxContext

    def make_partial_namespace(self, partial: bool, render_args: Any) -> Any:
        """Add nothing: the library would hide a data key named `partial`."""
        return dict(render_args)


class SandboxEnvironment(Environment):
    """Configure the dialect: strict, limited, no access to an outer scope."""

    template_class = SandboxTemplate
    block_nesting_limit = MAX_BLOCK_NESTING

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the library's tags and filters, then ours over them."""
        super().setup_tags_and_filters(extra=extra)
        for tag in TAGS:
            self.add_tag(tag)
        del self.tags["include"]  # it would let a partial see and change the outer scope
        register(self)

    def error(self, exc: Any, msg: str | None = None, token: Token | None = None) -> None:
        """Raise, with the nearest position when the error has none."""
        if (
            isinstance(exc, LiquidError)
            and token is not None
            and token.start_index >= 0
            and (exc.token is None or exc.token.start_index < 0)
        ):
            exc.token = token
        super().error(exc, msg, token)


@lru_cache(maxsize=2)
def environment(*, html: bool = False) -> Environment:
    """Return the environment for plain text or for HTML, where values are escaped."""
    return SandboxEnvironment(undefined=Missing, autoescape=html)


class _Parsed:
    """Keep the most recently used syntax trees, within bounds."""

    def __init__(self) -> None:
        self._trees: OrderedDict[tuple[bool, str], BoundTemplate] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def get(self, source: str, *, html: bool) -> BoundTemplate:
        """Return the parsed template; parses at most once while it is kept."""
        key = (html, source)
        with self._lock:
            tree = self._trees.get(key)
            if tree is not None:
                self._trees.move_to_end(key)
                return tree
        tree = _parse(source, html=html)
        with self._lock:
            if key not in self._trees:
                self._trees[key] = tree
                self._characters += len(source)
            while len(self._trees) > _CACHED_TEMPLATES or (
                self._characters > _CACHED_CHARACTERS and len(self._trees) > 1
            ):
                (_, dropped), _tree = self._trees.popitem(last=False)
                self._characters -= len(dropped)
        return tree


_parsed = _Parsed()


def parsed(source: str, *, html: bool = False) -> BoundTemplate:
    """Return the parsed template, from memory when it was parsed before.

    Raises:
        TemplateError: the source is not valid; carries kind, line and column.
    """
    return _parsed.get(source, html=html)


def _parse(source: str, *, html: bool) -> BoundTemplate:
    tags = scan(source)
    try:
        return environment(html=html).from_string(source)
    except LiquidError as error:
        fault = translated(error)
        open_block = unclosed(tags) if fault.line is None else None
        if open_block is not None:
            fault = at(
                source,
                open_block.start,
                f"'{open_block.name}' is never closed; add {{% end{open_block.name} %}}",
            )
        raise fault from error
