"""Correct python-liquid where its parser offers no hook.

The parser builds comparison and range expressions by their module-level names,
so the corrected ones are put under those names, once, when the environment is
imported. Each corrects something that was measured to be wrong for us:
comparing text with a number ended the whole rendering, `nil == blank` was
false, and a range of a hundred million numbers was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from liquid.builtin.expressions import logical
from liquid.builtin.expressions.primitive import Blank, RangeLiteral
from liquid.builtin.tags import case_tag
from liquid.exceptions import LiquidTypeError, ResourceLimitError
from liquid.undefined import is_undefined

from engine.liquid.limits import MAX_RANGE
from engine.liquid.values import to_text

if TYPE_CHECKING:
    from engine.liquid.sandbox import SandboxContext

_stock_eq = logical._eq
_stock_lt = logical._lt
_stock_range = RangeLiteral._make_range


def equal(left: object, right: object) -> bool:
    """Compare as Liquid does: nil, false and undefined are blank too."""
    if isinstance(right, Blank):
        left, right = right, left
    if isinstance(left, Blank) and (right is None or right is False or is_undefined(right)):
        return True
    return bool(_stock_eq(left, right))


def less(
    context: SandboxContext,
    expression: logical.LtExpression | logical.GtExpression,
    left: object,
    right: object,
) -> bool:
    """Compare as `<` does; values of different kinds are never less, with a warning."""
    try:
        return bool(_stock_lt(expression.token, left, right))
    except LiquidTypeError:
        context.warn(
            f"'{expression}' compares {type(left).__name__} with {type(right).__name__};"
            " taken as false"
        )
        return False


def contains(
    context: SandboxContext, expression: logical.ContainsExpression, left: object, right: object
) -> bool:
    """Look for an item, a key or a piece of text; anything odd is false with a warning."""
    if not logical.is_truthy(left) or not logical.is_truthy(right):
        return False
    if isinstance(left, str):
        return to_text(right) in left
    if isinstance(left, (list, tuple, range)):
        return right in left
    if isinstance(left, Mapping):
        return isinstance(right, str) and right in left
    context.warn(f"'{expression}' looks into a {type(left).__name__}; taken as false")
    return False


class LtExpression(logical.LtExpression):
    """Compare with `<`; values of different kinds are never less."""

    __slots__ = ()

    def evaluate(self, context: Any) -> object:
        """Return whether left is less than right."""
        return less(context, self, self.left.evaluate(context), self.right.evaluate(context))


class GtExpression(logical.GtExpression):
    """Compare with `>`; values of different kinds are never greater."""

    __slots__ = ()

    def evaluate(self, context: Any) -> object:
        """Return whether left is greater than right."""
        return less(context, self, self.right.evaluate(context), self.left.evaluate(context))


class ContainsExpression(logical.ContainsExpression):
    """Look for an item, a key or a piece of text."""

    __slots__ = ()

    def evaluate(self, context: Any) -> object:
        """Return whether left holds right; anything odd is false with a warning."""
        return contains(context, self, self.left.evaluate(context), self.right.evaluate(context))


def _make_range(self: RangeLiteral, start: Any, stop: Any) -> range:
    try:
        made: range = _stock_range(self, start, stop)
    except OverflowError:  # an infinite float
        made = range(MAX_RANGE + 1)
    if made.stop - made.start > MAX_RANGE:
        raise ResourceLimitError(
            f"{self}: a range may hold at most {MAX_RANGE} numbers", token=self.token
        )
    return made


def install() -> None:
    """Put the corrected expressions in place of the library's."""
    replacements: dict[str, object] = {
        "_eq": equal,
        "LtExpression": LtExpression,
        "GtExpression": GtExpression,
        "ContainsExpression": ContainsExpression,
    }
    for name, replacement in replacements.items():
        setattr(logical, name, replacement)
    vars(case_tag)["_eq"] = equal
    RangeLiteral._make_range = _make_range  # type: ignore[method-assign]  # no hook, see above
