"""Judge a template without rendering it: what is wrong, what it refers to."""

from __future__ import annotations

from engine.errors import TemplateError
from engine.liquid.environment import parsed
from engine.liquid.faults import at, from_python


def syntax_problems(source: str) -> list[TemplateError]:
    """Return what is wrong with a template: bad syntax, unknown tags and filters.

    Each carries line and column. The parser stops at its first fault, so a
    template with bad syntax has one problem; unknown filters are all listed.
    """
    try:
        template = parsed(source)
        used = template.analyze(include_partials=False).filters
    except TemplateError as error:
        return [error]
    except RecursionError as error:
        return [from_python(error)]
    known = template.env.filters
    unknown = [(span.index, name) for name in used if name not in known for span in used[name]]
    return [
        at(source, index, f"unknown filter '{name}'", "unknown_filter")
        for index, name in sorted(unknown)
    ]


def variables(source: str) -> list[str]:
    """Return the paths a template reads from its scope, each once, sorted.

    Names that the template assigns itself are left out.

    Raises:
        TemplateError: the source is not valid.
    """
    found = parsed(source).analyze(include_partials=False).globals
    return sorted({str(variable) for uses in found.values() for variable in uses})
