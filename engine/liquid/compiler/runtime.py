"""Hold what compiled templates call."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from liquid.builtin.expressions import logical
from markupsafe import Markup, escape

from engine.liquid import patches
from engine.liquid.limits import MAX_OUTPUT, MAX_STEPS, Budget
from engine.liquid.nodes import assign_captured, if_changed, next_of_cycle, printed
from engine.liquid.placeholders import Placeholders
from engine.liquid.values import to_markup, to_text

if TYPE_CHECKING:
    from engine.liquid.sandbox import SandboxContext

_TRUE: Final = frozenset({str, int, float, list, dict, Markup, tuple, range, Decimal})
_TEXT: Final = frozenset({str, Markup})


class Over(Exception):
    """Say that a limit was passed; the interpreter finds out where."""


def truthy(value: Any) -> bool:
    """Say whether a condition takes the value for true."""
    if value is None or value is False:
        return False
    return type(value) in _TRUE or logical.is_truthy(value)


def equal(left: object, right: object) -> bool:
    """Compare two values; texts, the most frequent, at once."""
    if type(left) in _TEXT and type(right) in _TEXT:
        return left == right
    return patches.equal(left, right)


def no_less(left: object, right: object) -> bool:
    """Compare as `>=` does."""
    return logical._le(right, left)


def kept(context: SandboxContext, values: Placeholders, budget: Budget, value: Any) -> str:
    """Return the word that stands for a value, as the interpreter's `printed` does."""
    if not context.autoescape:
        return printed(context, value)
    kind = type(value)
    if kind is str:
        text: str = value
        word = values.keep(escape(text), text)
    elif kind is Markup:
        text = value
        word = values.keep(text)
    elif kind is int or kind is float:
        text = str(value)
        word = values.keep(text, text)
    else:
        return printed(context, value)
    if not text:
        return ""
    budget.output += len(text)
    if budget.output > MAX_OUTPUT:
        raise Over
    return word


# What compiled source may mention; it has no builtins but these.
NAMES: Final[dict[str, object]] = {
    "__builtins__": {},
    "MAX_OUTPUT": MAX_OUTPUT,
    "MAX_STEPS": MAX_STEPS,
    "N": object(),
    "Over": Over,
    "assign_captured": assign_captured,
    "contains": patches.contains,
    "dict": dict,
    "equal": equal,
    "if_changed": if_changed,
    "kept": kept,
    "len": len,
    "less": patches.less,
    "list": list,
    "next_of_cycle": next_of_cycle,
    "no_less": no_less,
    "no_more": logical._le,
    "range": range,
    "reversed": reversed,
    "str": str,
    "to_markup": to_markup,
    "to_text": to_text,
    "truthy": truthy,
    "type": type,
}
