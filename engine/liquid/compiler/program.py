"""Compile a template once, keep the function with it, and run it without traces of failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from engine.liquid.compiler.nodes import statements
from engine.liquid.compiler.runtime import NAMES, Over
from engine.liquid.compiler.source import Source, Unsupported
from engine.liquid.faults import DATA_ERRORS
from engine.liquid.sandbox import SandboxContext

_HEAD: Final = """\
def render(X):
 L = X.locals; G = X.globals; K = X.placeholders; B = X.session.budget
 M = MAX_OUTPUT - B.output; n = 0; o = []; w = o.append
"""
_TAIL: Final = """
 if n > M: raise Over
 B.output += n
 if B.output > MAX_OUTPUT: raise Over
 return ''.join(o)
"""
# Compiling takes as long as twenty renderings: a template has to come twice.
_COMPILED_AT: Final = 2
# What the interpreter makes a fault of; anything else would escape from it, too.
_FAULTS: Final = (Over, LiquidError, *DATA_ERRORS, RecursionError, MemoryError)
_UNCOMPILABLE: Final = (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Hold a compiled template; `changes` says that it binds or counts something."""

    render: Callable[[SandboxContext], str]
    changes: bool


def compile_program(template: BoundTemplate, *, kept: bool) -> Program:
    """Return the program of a template, for values set aside or printed in place.

    Raises:
        Unsupported: the template has something that only the interpreter knows.
    """
    source, text = written(template, kept=kept)
    names: dict[str, Any] = {**NAMES, **source.constants}
    try:
        exec(compile(text, "<template>", "exec"), names)  # noqa: S102  # no text of the template is in it
    except _UNCOMPILABLE as error:
        raise Unsupported(f"Python refuses it: {error}") from error
    return Program(render=names["render"], changes=source.changes)


def written(template: BoundTemplate, *, kept: bool) -> tuple[Source, str]:
    """Return the constants and the Python source of a template.

    Raises:
        Unsupported: the template has something that only the interpreter knows.
    """
    source = Source(template.env.filters, html=template.env.autoescape, kept=kept)
    try:
        statements(source, template.nodes)
    except RecursionError as error:
        raise Unsupported("the template is nested too deeply") from error
    source.settle()
    return source, f"{_HEAD}{source.text()}{_TAIL}"


def program_of(template: BoundTemplate, *, kept: bool) -> Program | None:
    """Return the program of a template that has come before, or None for the interpreter."""
    programs: dict[bool, Program | None] = vars(template).setdefault("programs", {})
    if kept in programs:
        return programs[kept]
    seen: dict[bool, int] = vars(template).setdefault("seen", {})
    seen[kept] = seen.get(kept, 0) + 1
    if seen[kept] < _COMPILED_AT:
        return None
    try:
        programs[kept] = compile_program(template, kept=kept)
    except Unsupported:
        programs[kept] = None
    return programs[kept]


def run(program: Program, context: SandboxContext) -> str | None:
    """Return the output, or None, with everything as before, when something went wrong."""
    session, placeholders = context.session, context.placeholders
    if type(context.globals) is not dict:
        return None
    before = (session.budget.steps, session.budget.output, len(session.warnings))
    size = placeholders.size if placeholders is not None else 0
    state = context.state() if program.changes else None
    try:
        return program.render(context)
    except _FAULTS:
        # The interpreter says what is wrong, and where; here it is only undone.
        session.budget.steps, session.budget.output, warnings = before
        del session.warnings[warnings:]
        if placeholders is not None:
            placeholders.forget(size)
        if state is not None:
            context.restore(state)
        return None
