"""Compile the nodes of a template to Python statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions.primitive import StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.inline_comment_tag import InlineCommentNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.unless_tag import UnlessNode

from engine.liquid.compiler.expressions import condition, value
from engine.liquid.compiler.source import Loop, Source, Unsupported
from engine.liquid.nodes import (
    ComparingIfChangedNode,
    KeepingCaptureNode,
    PrintCycleNode,
    PrintEchoNode,
    PrintNode,
)


def statements(source: Source, nodes: Iterable[Node]) -> None:
    """Write the code of nodes that follow each other."""
    for node in nodes:
        compile_node = _NODES.get(type(node))
        if compile_node is None:
            raise Unsupported(f"the compiler does not know {type(node).__name__}")
        compile_node(source, node)


def _block(source: Source, block: BlockNode) -> None:
    if block.blank:
        with source.writing(None):
            statements(source, block.nodes)
    else:
        statements(source, block.nodes)


def _content(source: Source, node: Any) -> None:
    source.write(node.text)


def _nothing(source: Source, node: Any) -> None:
    pass


def _print(source: Source, node: Any) -> None:
    _printed(source, value(source, node.expression))


def _printed(source: Source, found: str) -> None:
    name = source.variable("s")
    if source.kept:
        source.line(f"{name} = kept(X, K, B, {found})")
    elif source.html:
        source.line(f"{name} = to_markup({found})")
    else:
        source.line(f"{name} = {found}")
        source.line(f"if type({name}) is not str: {name} = to_text({name})")
    source.write_variable(name)


def _assign(source: Source, node: Any) -> None:
    source.changes = True
    name = source.constant(str(node.name))
    source.line(f"X.assign({name}, {value(source, node.expression)})")


def _capture(source: Source, node: Any) -> None:
    source.changes = True
    text = _inner(source, node.block)
    source.line(f"assign_captured(X, {source.constant(str(node.name))}, {text})")


def _inner(source: Source, block: BlockNode) -> str:
    """Write code that prints a block aside; returns the variable with its text."""
    parts, output, text = source.variable("o"), source.variable("w"), source.variable("s")
    source.settle()
    source.line(f"{parts} = []")
    source.line(f"{output} = {parts}.append")
    with source.writing(output):
        _block(source, block)
    source.line("if n > M: raise Over")
    source.line(f"{text} = ''.join({parts})")
    return text


def _if_changed(source: Source, node: Any) -> None:
    source.changes = True
    text = _inner(source, node.block)
    if source.output is None:
        source.line(f"if_changed(X, {text})")
        return
    with source.block(f"if if_changed(X, {text}):"):
        source.write_variable(text)


def _cycle(source: Source, node: Any) -> None:
    source.changes = True
    group = value(source, node.group) if node.group else "None"
    values = ", ".join(value(source, argument) for argument in node.args)
    found = source.variable()
    source.line(f"{found} = next_of_cycle(X, {group}, [{values}])")
    with source.block(f"if {found}:"):
        _printed(source, f"{found}[0]")


def _increment(source: Source, node: Any) -> None:
    _counted(source, "increment", node)


def _decrement(source: Source, node: Any) -> None:
    _counted(source, "decrement", node)


def _counted(source: Source, step: str, node: Any) -> None:
    source.changes = True
    name = source.variable("s")
    source.line(f"{name} = str(X.{step}({source.constant(str(node.name))}))")
    source.write_variable(name)


def _if(source: Source, node: Any) -> None:
    _conditional(source, node, f"if {condition(source, node.condition)}:")


def _unless(source: Source, node: Any) -> None:
    _conditional(source, node, f"if not {condition(source, node.condition)}:")


def _conditional(source: Source, node: Any, head: str) -> None:
    with source.block(head):
        _block(source, node.consequence)
    for alternative in node.alternatives:
        with source.block(f"elif {condition(source, alternative.expression)}:"):
            _block(source, alternative.block)
    if node.default:
        with source.block("else:"):
            _block(source, node.default)


def _case(source: Source, node: Any) -> None:
    otherwise = source.variable()
    source.line(f"{otherwise} = True")
    for block in node.blocks:
        if isinstance(block, MultiExpressionBlockNode):
            _when(source, block, otherwise)
        else:
            with source.block(f"if {otherwise}:"):
                _block(source, block)


def _when(source: Source, node: Any, otherwise: str) -> None:
    left = value(source, node.expression.left)
    wanted = [value(source, expression) for expression in node.expression.expressions]
    if len(wanted) == 1:
        with source.block(f"if equal({left}, {wanted[0]}):"):
            source.line(f"{otherwise} = False")
            _block(source, node.block)
        return
    # Liquid prints the block once for every value that matches.
    if _leaves_loop(node.block):
        raise Unsupported("a loop is left from where a block may be printed twice")
    subject, times = source.variable(), source.variable()
    source.line(f"{subject} = {left}")
    source.line(f"{times} = {' + '.join(f'equal({subject}, {one})' for one in wanted)}")
    with source.block(f"if {times}:"):
        source.line(f"{otherwise} = False")
        with source.block(f"for _ in range({times}):"):
            _block(source, node.block)


def _leaves_loop(node: Any) -> bool:
    if isinstance(node, (BreakNode, ContinueNode)):
        return True
    return any(_leaves_loop(child) for child in node.children(None))


def _break(source: Source, node: Any) -> None:
    _leave(source, "break")


def _continue(source: Source, node: Any) -> None:
    _leave(source, "continue")


def _leave(source: Source, how: str) -> None:
    if not source.loops:
        raise Unsupported("a loop is left where there is none")
    source.settle()
    source.line(how)


def _for(source: Source, node: Any) -> None:
    expression = node.expression
    if expression.identifier == "forloop":
        raise Unsupported("a loop's item has the name of the loop's own object")
    source.changes = True
    items, length, place = source.variable(), source.variable(), source.variable()
    itself = source.constant(expression)
    title = source.constant(f"{expression.identifier}-{expression.iterable}")
    source.settle()
    source.line(f"{items} = {value(source, expression.iterable)}")
    source.line(f"if type({items}) is list: {length} = len({items})")
    source.line(f"else: {items}, {length} = {itself}._to_iter({items}, X)")
    if expression.limit is None and expression.offset is None:
        source.line(f"X.tag_namespace['stopindex'][{title}] = {length}")
        if expression.reversed:
            source.line(f"{items} = reversed(list({items}))")
    else:
        limit = _whole(source, itself, expression.limit)
        offset = _offset(source, itself, expression.offset)
        source.line(
            f"{items}, {length} = {itself}._slice({items}, {length}, X,"
            f" limit={limit}, offset={offset})"
        )
    item = source.variable("v")
    with source.block(f"if {length}:"):
        source.line(f"{place} = -1")
        with source.block(f"for {item} in {items}:"):
            source.line("B.steps += 1")
            source.line("if B.steps > MAX_STEPS: raise Over")
            source.line(f"{place} += 1")
            name = str(expression.identifier)
            loop = Loop(name=name, item=item, place=place, length=length, title=title)
            source.loops.append(loop)
            _block(source, node.block)
            source.loops.pop()
    if node.default:
        with source.block("else:"):
            _block(source, node.default)


def _whole(source: Source, itself: str, expression: Any) -> str:
    if expression is None:
        return "None"
    token = source.constant(expression.token)
    return f"{itself}._to_int({value(source, expression)}, token={token})"


def _offset(source: Source, itself: str, expression: Any) -> str:
    if isinstance(expression, StringLiteral) and expression.value == "continue":
        return "'continue'"
    return _whole(source, itself, expression)


def _liquid(source: Source, node: Any) -> None:
    _block(source, node.block)


_NODES: Final[dict[type[Node], Callable[[Source, Any], None]]] = {
    ContentNode: _content,
    PrintNode: _print,
    PrintEchoNode: _print,
    AssignNode: _assign,
    KeepingCaptureNode: _capture,
    ComparingIfChangedNode: _if_changed,
    PrintCycleNode: _cycle,
    IncrementNode: _increment,
    DecrementNode: _decrement,
    IfNode: _if,
    UnlessNode: _unless,
    CaseNode: _case,
    ForNode: _for,
    BreakNode: _break,
    ContinueNode: _continue,
    LiquidNode: _liquid,
    CommentNode: _nothing,
    InlineCommentNode: _nothing,
    DocNode: _nothing,
}
