"""Turn python-liquid's errors into `TemplateError` with a kind and a position."""

from __future__ import annotations

from liquid import exceptions as stock
from liquid.exceptions import LiquidError

from engine.errors import TemplateError

_KINDS: tuple[tuple[type[LiquidError], str], ...] = (
    (stock.UnknownFilterError, "unknown_filter"),
    (stock.LiquidValueError, "limit"),
    (stock.LiquidSyntaxError, "syntax"),
    (stock.DisabledTagError, "syntax"),
    (stock.UndefinedError, "undefined"),
    (stock.TemplateNotFoundError, "partial_not_found"),
    (stock.ContextDepthError, "depth"),
    (stock.BlockNestingError, "nesting"),
    (stock.ResourceLimitError, "limit"),
)
# What Python itself raises when a filter or an expression meets odd data.
DATA_ERRORS = (ArithmeticError, ValueError, TypeError, LookupError, AttributeError)


def position(source: str, index: int) -> tuple[int, int]:
    """Return line and column of a place in the source, both from 1."""
    return source.count("\n", 0, index) + 1, index - source.rfind("\n", 0, index)


def at(source: str, index: int, message: str, kind: str = "syntax") -> TemplateError:
    """Build the error for a place in the source."""
    line, column = position(source, index)
    return TemplateError(message, kind=kind, line=line, column=column)


def translated(error: LiquidError) -> TemplateError:
    """Return the `TemplateError` that says the same."""
    if isinstance(error.__cause__, RecursionError):
        return TemplateError("expressions are nested too deeply", kind="nesting")
    kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), "argument")
    message = str(error.message) if error.message else type(error).__name__
    if kind == "partial_not_found":
        message = f"no partial is named {message!r}"
    token = error.token
    if token is None or token.start_index < 0:
        return TemplateError(message, kind=kind)
    return at(token.source, token.start_index, message, kind)


def from_python(error: BaseException) -> TemplateError:
    """Return the `TemplateError` for an error of Python's own."""
    if isinstance(error, MemoryError):
        return TemplateError("the template needs too much memory", kind="limit")
    if isinstance(error, RecursionError):
        return TemplateError("the template or its data is nested too deeply", kind="nesting")
    return TemplateError(f"{type(error).__name__}: {error}", kind="argument")
