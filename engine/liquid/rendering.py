"""Render templates on one scope.

`render_text` is the short way for one plain template; `Rendering` renders
several that share what they assign, as the parts of an e-mail do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from liquid import BoundTemplate
from liquid.exceptions import LiquidError, LiquidInterrupt

from engine.errors import TemplateError
from engine.liquid.compiler import program_of, run
from engine.liquid.environment import parsed
from engine.liquid.faults import DATA_ERRORS, at, from_python, translated
from engine.liquid.placeholders import PREFIX, Placeholders
from engine.liquid.sandbox import OutputBuffer, SandboxContext, Session
from engine.liquid.scan import check_length
from engine.liquid.values import without_surrogates


class Rendering:
    """Render templates one after the other in one context.

    What one assigns, the next sees. With `html`, values are escaped; with
    `placeholders`, they are kept aside and the caller fills them in.
    """

    def __init__(
        self,
        session: Session,
        *,
        html: bool = False,
        placeholders: Placeholders | None = None,
        assigned: Mapping[str, object] | None = None,
    ) -> None:
        """Start on the session's scope, with names that were assigned elsewhere."""
        self._session = session
        self._html = html
        self._placeholders = placeholders
        self._assigned = assigned or {}
        self._context: SandboxContext | None = None

    def render(self, source: str) -> str:
        """Return the output of a template.

        Raises:
            TemplateError: it does not parse or cannot be rendered.
        """
        try:
            if "{" not in source:
                check_length(source)
                self._session.budget.write(len(source))
                return without_surrogates(source)
            if self._placeholders is not None and PREFIX in source:
                source = source.replace(PREFIX, "")
            template = parsed(source, html=self._html)
            return without_surrogates(self._run(template, source))
        except LiquidError as error:
            raise translated(error) from error
        except (RecursionError, MemoryError) as error:
            raise from_python(error) from error

    @property
    def assigned(self) -> Mapping[str, object]:
        """Return the names that templates have assigned so far."""
        return self._context.locals if self._context else self._assigned

    def _run(self, template: BoundTemplate, source: str) -> str:
        context = self._context or self._begin(template)
        program = program_of(template, kept=self._placeholders is not None)
        if program is not None:
            text = run(program, context)
            if text is not None:
                return text
        buffer = OutputBuffer(self._session.budget)
        for node in template.nodes:
            try:
                node.render(context, buffer)
            except LiquidInterrupt as interrupt:
                raise at(
                    source, node.token.start_index, f"'{interrupt}' stands outside of a loop"
                ) from interrupt
            except LiquidError as error:
                if error.token is None:
                    error.token = node.token
                raise
            except DATA_ERRORS as error:
                message = f"{type(error).__name__}: {error}"
                raise at(source, node.token.start_index, message, "argument") from error
        return buffer.getvalue()

    def _begin(self, template: BoundTemplate) -> SandboxContext:
        context = SandboxContext(
            template,
            session=self._session,
            placeholders=self._placeholders,
            globals=self._session.scope,
        )
        context.locals.update(self._assigned)
        self._context = context
        return context


def render_text(
    source: str,
    scope: Mapping[str, object],
    *,
    strict: bool = False,
    now: dt.datetime | None = None,
) -> str:
    """Return the plain text of one template; with `strict`, missing values are errors.

    Raises:
        TemplateError: it does not parse or cannot be rendered.
    """
    return Rendering(Session(scope=scope, strict=strict, now=now)).render(source)


__all__ = ["Rendering", "Session", "TemplateError", "render_text"]
