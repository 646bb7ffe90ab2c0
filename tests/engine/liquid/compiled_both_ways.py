"""Render one template with the interpreter and with the compiler, and keep all that shows."""

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

from engine.errors import TemplateError
from engine.liquid import rendering
from engine.liquid.compiler import Unsupported, compile_program, run
from engine.liquid.placeholders import Placeholders
from engine.liquid.rendering import Rendering, Session

NOW = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)


@dataclass
class Tally:
    """Count what the compiler took, refused and gave back."""

    compiled: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    given_back: int = 0


@contextmanager
def interpreted():
    """Let nothing be compiled."""
    with mock.patch.object(rendering, "program_of", return_value=None):
        yield


@contextmanager
def compiled(tally=None):
    """Let everything be compiled at once, and count."""
    tally = tally or Tally()
    programs = {}

    def program_of(template, *, kept):
        key = (id(template), kept)
        if key not in programs:
            try:
                programs[key] = (template, compile_program(template, kept=kept))
                tally.compiled += 1
            except Unsupported as error:
                programs[key] = (template, None)
                tally.refused[str(error)] = tally.refused.get(str(error), 0) + 1
        return programs[key][1]

    def counting(program, context):
        text = run(program, context)
        tally.given_back += text is None
        return text

    with (
        mock.patch.object(rendering, "program_of", program_of),
        mock.patch.object(rendering, "run", counting),
    ):
        yield tally


def outcome(sources, scope, *, strict=False, html=False, kept=False):
    """Return everything that rendering some templates one after the other left behind."""
    session = Session(scope=scope, strict=strict, now=NOW)
    placeholders = Placeholders() if kept else None
    one = Rendering(session, html=html, placeholders=placeholders)
    printed = []
    for source in sources:
        try:
            printed.append(one.render(source))
        except TemplateError as error:
            printed.append((error.kind, str(error), error.line, error.column))
    found = {
        "printed": printed,
        "assigned": {name: described(value) for name, value in one.assigned.items()},
        "warnings": list(session.warnings),
        "budget": (session.budget.steps, session.budget.output),
    }
    context = one._context
    if context is not None:
        found["counters"] = dict(context.counters)
        found["spaces"] = repr(context.tag_namespace)
        found["sizes"] = (context._size, dict(context._sizes))
    if placeholders is not None:
        found["kept"] = (placeholders._html, placeholders._plain, placeholders._blocks)
        found["filled"] = [placeholders.fill(p) for p in printed if isinstance(p, str)]
    return found


def described(value):
    """Return a value with its type, so that safe text differs from text."""
    return (type(value).__name__, repr(value), getattr(value, "with_placeholders", None))


MODES = [
    {"strict": strict, "html": html, "kept": kept}
    for strict in (False, True)
    for html, kept in ((False, False), (True, False), (True, True), (False, True))
]


def differences(sources, scope, tally=None, modes=MODES):
    """Return what the compiler does otherwise than the interpreter, mode by mode."""
    wrong = []
    for mode in modes:
        with interpreted():
            expected = outcome(sources, scope, **mode)
        with compiled(tally):
            found = outcome(sources, scope, **mode)
        wrong += [
            (mode, key, expected[key], found.get(key))
            for key in expected
            if expected[key] != found.get(key)
        ]
    return wrong


__all__ = ["MODES", "Tally", "compiled", "differences", "interpreted", "outcome"]
