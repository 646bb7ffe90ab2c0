"""Compile Liquid expressions to Python expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from liquid.builtin.expressions import filtered, logical
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import (
    Blank,
    Empty,
    FalseLiteral,
    FloatLiteral,
    IntegerLiteral,
    Nil,
    RangeLiteral,
    StringLiteral,
    TrueLiteral,
)
from liquid.expression import Expression
from markupsafe import Markup

from engine.liquid import patches
from engine.liquid.compiler.source import Loop, Source, Unsupported

_DEEPEST: Final = 40
_RESERVED: Final = frozenset({"context", "environment"})
_FORLOOP: Final[dict[str, Callable[[Loop], str]]] = {
    "name": lambda loop: loop.title,
    "length": lambda loop: loop.length,
    "index": lambda loop: f"({loop.place} + 1)",
    "index0": lambda loop: loop.place,
    "rindex": lambda loop: f"({loop.length} - {loop.place})",
    "rindex0": lambda loop: f"({loop.length} - {loop.place} - 1)",
    "first": lambda loop: f"({loop.place} == 0)",
    "last": lambda loop: f"({loop.place} == {loop.length} - 1)",
}
_SYMMETRIC: Final[dict[type[Expression], str]] = {
    logical.EqExpression: "equal({left}, {right})",
    logical.NeExpression: "(not equal({left}, {right}))",
    logical.LeExpression: "no_more({left}, {right})",
    logical.GeExpression: "no_less({left}, {right})",
}
# Each warns in the expression's own words, so the expression goes with it.
_WORDED: Final[dict[type[Expression], str]] = {
    patches.LtExpression: "less(X, {self}, {left}, {right})",
    patches.GtExpression: "less(X, {self}, {right}, {left})",
    patches.ContainsExpression: "contains(X, {self}, {left}, {right})",
}
_CONJUNCTIONS: Final[dict[type[Expression], str]] = {
    logical.LogicalAndExpression: "and",
    logical.LogicalOrExpression: "or",
}


def value(source: Source, expression: Expression, depth: int = 0) -> str:
    """Return Python that gives what the expression evaluates to."""
    if depth > _DEEPEST:
        raise Unsupported("an expression is nested too deeply")
    kind = type(expression)
    simple = _VALUES.get(kind)
    if simple is not None:
        return simple(source, expression, depth)
    if kind in _CONJUNCTIONS or kind is logical.BooleanExpression:
        return condition(source, expression, depth)
    template = _SYMMETRIC.get(kind) or _WORDED.get(kind)
    if template is None:
        raise Unsupported(f"the compiler does not know {kind.__name__}")
    operands: Any = expression
    return template.format(
        self=source.constant(expression) if kind in _WORDED else "",
        left=value(source, operands.left, depth + 1),
        right=value(source, operands.right, depth + 1),
    )


def condition(source: Source, expression: Any, depth: int = 0) -> str:
    """Return Python that is true or false as the expression is."""
    if depth > _DEEPEST:
        raise Unsupported("a condition is nested too deeply")
    kind = type(expression)
    if kind is logical.BooleanExpression:
        return condition(source, expression.expression, depth + 1)
    word = _CONJUNCTIONS.get(kind)
    if word is not None:
        left = condition(source, expression.left, depth + 1)
        return f"({left} {word} {condition(source, expression.right, depth + 1)})"
    found = value(source, expression, depth + 1)
    return found if kind in _SYMMETRIC or kind in _WORDED else f"truthy({found})"


def _filtered(source: Source, expression: Any, depth: int) -> str:
    found = value(source, expression.left, depth + 1)
    for used in expression.filters or ():
        function = _function(source, used.name)
        arguments = [found]
        for argument in used.args:
            given = value(source, argument.value, depth + 1)
            name = getattr(argument, "name", None)
            if name in _RESERVED:
                raise Unsupported("a filter's argument has a name of ours")
            arguments.append(f"**{{{source.constant(str(name))}: {given}}}" if name else given)
        if getattr(source.constants[function], "with_context", False):
            arguments.append("context=X")
        # Python wants positional arguments before the named ones.
        arguments.sort(key=lambda argument: argument.startswith(("**", "context=")))
        found = f"{function}({', '.join(arguments)})"
    return found


def _function(source: Source, name: str) -> str:
    """Return the constant that holds a filter's function."""
    function = source.filters.get(name)
    if function is None:
        raise Unsupported(f"there is no filter {name!r}")
    return source.constant(function)


def _path(source: Source, expression: Path, depth: int) -> str:
    root, *rest = expression.path
    if not isinstance(root, str):
        raise Unsupported("a name is computed")
    item = None
    for loop in reversed(source.loops):
        if root == "forloop":
            return _of_forloop(source, [*rest])
        if root == loop.name:
            item = loop.item
            break
    segments = [
        value(source, part, depth + 1) if isinstance(part, Path) else source.constant(part)
        for part in expression.path
    ]
    if any(isinstance(part, Path) for part in rest):
        path = f"[{', '.join(segments)}]"
    else:
        path = source.constant(_plain(expression.path))
    token = source.constant(expression.token)
    if item is not None:
        slow = f"X.walk({item}, {path}, {token})"
        return _walked(source, item, rest, segments, slow) if rest else item
    slow = f"X.get({path}, token={token})"
    name = segments[0]
    if not rest:
        return f"(L[{name}] if {name} in L else G[{name}] if {name} in G else {slow})"
    return _walked(source, f"(L[{name}] if {name} in L else G.get({name}))", rest, segments, slow)


def _plain(path: list[Any]) -> list[Any]:
    """Return the segments as plain values."""
    return [str(part) if isinstance(part, str) else part for part in path]


def _walked(source: Source, start: str, rest: list[Any], segments: list[str], slow: str) -> str:
    """Go through plain mappings; whatever else comes up, the context knows."""
    if any(isinstance(part, Path) for part in rest):
        return slow
    tests = []
    found = start
    for segment in segments[1:-1]:
        holder = source.variable()
        tests.append(f"type({holder} := {found}) is dict")
        found = f"{holder}.get({segment})"
    holder, member = source.variable(), source.variable()
    tests.append(f"type({holder} := {found}) is dict")
    tests.append(f"({member} := {holder}.get({segments[-1]}, N)) is not N")
    return f"({member} if {' and '.join(tests)} else {slow})"


def _of_forloop(source: Source, rest: list[Any]) -> str:
    loops = source.loops
    while rest[:1] == ["parentloop"] and len(loops) > 1:
        loops, rest = loops[:-1], rest[1:]
    member = _FORLOOP.get(rest[0]) if len(rest) == 1 and isinstance(rest[0], str) else None
    if member is None:
        raise Unsupported("a loop's own object is used as a value")
    return member(loops[-1])


def _range(source: Source, expression: Any, depth: int) -> str:
    start = value(source, expression.start, depth + 1)
    stop = value(source, expression.stop, depth + 1)
    return f"{source.constant(expression)}._make_range({start}, {stop})"


def _literal(source: Source, expression: Any, depth: int) -> str:
    found = expression.value
    if isinstance(expression, StringLiteral) and source.html:
        found = Markup(found)  # noqa: S704  # the author's own text
    return source.constant(found)


_VALUES: Final[dict[type[Expression], Callable[[Source, Any, int], str]]] = {
    filtered.FilteredExpression: _filtered,
    Path: _path,
    RangeLiteral: _range,
    StringLiteral: _literal,
    IntegerLiteral: _literal,
    FloatLiteral: _literal,
    TrueLiteral: lambda source, expression, depth: "True",
    FalseLiteral: lambda source, expression, depth: "False",
    Nil: lambda source, expression, depth: "None",
    Empty: lambda source, expression, depth: source.constant(expression),
    Blank: lambda source, expression, depth: source.constant(expression),
}
