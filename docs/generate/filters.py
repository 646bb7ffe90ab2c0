"""The page of the Liquid filters and tags."""

from __future__ import annotations

from typing import Final

from docs.generate.markdown import code, first_line, sections, table
from engine.liquid import limits
from engine.liquid.environment import environment
from engine.liquid.filters import FAMILIES
from engine.liquid.filters.registry import FILTERS

_INTRODUCTION: Final = """
# Liquid filters

Templates are written in Liquid, rendered by python-liquid in a process of their own. A value that
is not there prints nothing. In HTML, values are escaped unless a template says `safe`. A template
reads plain data only; there is no way from it to the server.
"""


def page() -> str:
    """Write the page."""
    return sections(
        _INTRODUCTION,
        "## Tocsin's own filters",
        "Some of them take the place of a standard filter of the same name.",
        *(_family(module) for module in FAMILIES),
        "## Standard filters",
        "These do what Liquid's documentation says: "
        + ", ".join(code(name) for name in sorted(set(environment().filters) - set(FILTERS)))
        + ".",
        "## Tags",
        ", ".join(code(name) for name in sorted(environment().tags))
        + ". There is no `include`, which would let a partial change the template around it.",
        _limits(),
    )


def names() -> list[str]:
    """List every filter that a template can use."""
    return sorted({*environment().filters, *FILTERS})


def _family(module: object) -> str:
    here = getattr(module, "__name__", "")
    own = {name: f for name, f in FILTERS.items() if f.__module__ == here}
    rows = [(code(name), first_line(function)) for name, function in sorted(own.items())]
    title = here.rpartition(".")[2].capitalize()
    return sections(f"### {title}", table(("Filter", "Result"), rows))


def _limits() -> str:
    rows = [
        ("Length of a template", f"{limits.MAX_SOURCE // 1024:,} kB"),
        ("Length of what it prints", f"{limits.MAX_OUTPUT // 1024:,} kB"),
        ("Turns of all loops together", f"{limits.MAX_STEPS:,}"),
        ("Numbers in a range", f"{limits.MAX_RANGE:,}"),
        ("Items of a list that a filter gives", f"{limits.MAX_ITEMS:,}"),
        ("Nesting of blocks", f"{limits.MAX_BLOCK_NESTING}"),
        ("Nesting of partials", f"{limits.MAX_PARTIAL_DEPTH}"),
    ]
    return sections(
        "## Limits",
        "A template that passes one of them fails with `limit_exceeded`; its neighbours go on.",
        table(("What", "At most"), rows),
    )
