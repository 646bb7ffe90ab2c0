"""Filters that make HTML."""

from __future__ import annotations

from markupsafe import Markup

from engine.liquid.filters.registry import filter
from engine.liquid.markdown import compiled_clean


@filter("from_markdown")
def from_markdown(value: str) -> Markup:
    """Return markdown as clean HTML that is not escaped again."""
    return Markup(compiled_clean(str(value)))  # noqa: S704  # cleaned by the allow-list
