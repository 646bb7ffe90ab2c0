"""Print values our way: JSON for mappings, placeholders in e-mail, limits everywhere."""

from __future__ import annotations

from io import StringIO
from typing import TextIO, cast

from liquid import RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.builtin.tags.cycle_tag import CycleNode, CycleTag
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.ifchanged_tag import IfChangedNode, IfChangedTag
from liquid.exceptions import LiquidError
from liquid.undefined import is_undefined
from markupsafe import Markup

from engine.liquid.placeholders import Captured
from engine.liquid.sandbox import SandboxContext
from engine.liquid.values import to_markup, to_text


def printed(context: RenderContext, value: object) -> str:
    """Return what goes into the output for a value."""
    sandbox = cast(SandboxContext, context)
    kept = sandbox.placeholders
    if kept is None:
        return to_markup(value) if context.autoescape else to_text(value)
    as_captured = getattr(value, "with_placeholders", None)
    if as_captured is not None:
        return cast(str, as_captured)
    if isinstance(value, Markup) or not context.autoescape:
        text = to_text(value)
        word = kept.keep(text)
    else:
        text = to_text(value)
        word = kept.keep(to_markup(value), text)
    if not text:
        return ""
    sandbox.session.budget.write(len(text))
    return word


def assign_captured(context: SandboxContext, name: str, text: str) -> None:
    """Bind captured output to a name."""
    if context.placeholders is None:
        # Values in it were escaped when they were printed.
        safe = Markup(text)  # noqa: S704  # see above
        context.assign(name, safe if context.autoescape else text)
        return
    captured = Captured(context.placeholders.fill_captured(text))
    captured.with_placeholders = text
    context.assign(name, captured)


def if_changed(context: SandboxContext, text: str) -> bool:
    """Say whether a text differs from the last one that was asked about."""
    kept = context.placeholders
    return context.ifchanged(text if kept is None else kept.fill_captured(text))


def next_of_cycle(context: RenderContext, group: object, values: list[object]) -> list[object]:
    """Return the value whose turn it is, in a list; no value if the cycle became shorter."""
    name = "" if group is None or is_undefined(group) else to_text(group)
    index = context.cycle(name or (name, repr(values)), len(values))
    return values[index : index + 1]


def _print(node: OutputNode, context: RenderContext, buffer: TextIO) -> int:
    try:
        return buffer.write(printed(context, node.expression.evaluate(context)))
    except LiquidError as error:
        if error.token is None:
            error.token = node.token
        raise


class PrintNode(OutputNode):
    """Print the value of an output statement."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value and return how much was written."""
        return _print(self, context, buffer)


class PrintEchoNode(EchoNode):
    """Print the value of an `echo` tag."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value and return how much was written."""
        return _print(self, context, buffer)


class KeepingCaptureNode(CaptureNode):
    """Capture output as text that filters can work on."""

    __slots__ = ()

    def _assign(self, context: RenderContext, buf: StringIO) -> None:
        assign_captured(cast(SandboxContext, context), self.name, buf.getvalue())


class ComparingIfChangedNode(IfChangedNode):
    """Print a block when it differs from the last time."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the block if it changed; two placeholders of one value are equal."""
        inner = context.get_buffer(buffer)
        self.block.render(context, inner)
        text = inner.getvalue()
        return buffer.write(text) if if_changed(cast(SandboxContext, context), text) else 0


class PrintCycleNode(CycleNode):
    """Print the next value of a cycle."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write the value whose turn it is."""
        group = self.group.evaluate(context) if self.group else None
        values = [argument.evaluate(context) for argument in self.args]
        found = next_of_cycle(context, group, values)
        return buffer.write(printed(context, found[0])) if found else 0


class PrintTag(Output):
    """Parse an output statement."""

    node_class = PrintNode


class PrintEchoTag(EchoTag):
    """Parse an `echo` tag."""

    node_class = PrintEchoNode


class KeepingCaptureTag(CaptureTag):
    """Parse a `capture` block."""

    node_class = KeepingCaptureNode


class ComparingIfChangedTag(IfChangedTag):
    """Parse an `ifchanged` block."""

    node_class = ComparingIfChangedNode


class PrintCycleTag(CycleTag):
    """Parse a `cycle` tag."""

    node_class = PrintCycleNode


TAGS = (PrintTag, PrintEchoTag, KeepingCaptureTag, ComparingIfChangedTag, PrintCycleTag)
