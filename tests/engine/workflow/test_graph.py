from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from step_trees import definitions

from engine.errors import GraphError
from engine.workflow.definition import refs_of
from engine.workflow.graph import (
    broken_invariants,
    cases,
    from_graph,
    never_reached,
    steps_from_graph,
    to_graph,
    to_links,
)


def step(ref: str, type_: str = "delay", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "ref": ref, **fields}


def arm(*steps: dict[str, Any], ends: bool = False, **fields: Any) -> dict[str, Any]:
    return {"name": "arm", "terminates": ends, "steps": list(steps), **fields}


@given(definitions())
@settings(max_examples=150, deadline=None)
def test_any_definition_comes_back_from_its_graph_byte_for_byte(definition: dict[str, Any]) -> None:
    graph = to_graph(definition)
    assert orjson.dumps(from_graph(graph)) == orjson.dumps(definition)
    assert steps_from_graph(graph) == definition.get("steps", [])


@given(definitions())
@settings(max_examples=100, deadline=None)
def test_the_graph_of_any_definition_is_sound(definition: dict[str, Any]) -> None:
    graph = to_graph(definition)
    assert broken_invariants(graph) == []
    kinds = dict(graph.nodes(data="kind"))
    assert [n for n, kind in kinds.items() if kind == "step"] == refs_of(definition)


def test_nodes_carry_what_the_designer_reads() -> None:
    branch = step("b", "branch", branches=[arm(step("x"), conditions={"all": []}), arm()])
    graph = to_graph({"name": "W", "steps": [branch, step("last")]})
    assert graph.nodes["trigger"]["workflow"] == {"name": "W"}
    assert graph.nodes["b"]["join"] == "b/join"
    assert graph.nodes["b"]["arms"] == "branches"
    assert "branches" not in graph.nodes["b"]["step"]
    assert cases(graph, "b") == ["b/case1", "b/case2"]
    assert graph.nodes["b/case1"]["case"] == {
        "name": "arm",
        "terminates": False,
        "conditions": {"all": []},
    }
    assert set(graph.edges) == {
        ("trigger", "b"),
        ("b", "b/case1"),
        ("b/case1", "x"),
        ("x", "b/join"),
        ("b", "b/case2"),
        ("b/case2", "b/join"),
        ("b/join", "last"),
        ("last", "end"),
    }


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        ([{"type": "delay"}], "needs a ref"),
        ([step("a"), step("a")], "Two steps have the ref 'a'"),
        ([step("trigger")], "needs a ref"),
        ([step("a/join")], "needs a ref"),
        ([step("b", "branch", branches=[arm(step("b"))])], "Two steps"),
    ],
)
def test_a_ref_that_cannot_be_a_node_is_refused_in_a_sentence(steps: Any, word: str) -> None:
    with pytest.raises(GraphError, match=word):
        to_graph({"steps": steps})


def test_steps_after_a_branch_whose_arms_all_end_are_never_reached() -> None:
    both_end = step("b", "branch", branches=[arm(step("x"), ends=True), arm(ends=True)])
    inner = step("o", "branch", branches=[arm(both_end, step("dead")), arm(step("alive"))])
    graph = to_graph({"steps": [inner, step("last")]})
    assert never_reached(graph) == ["dead"]
    graph = to_graph({"steps": [both_end, step("dead"), step("dead_2")]})
    assert never_reached(graph) == ["dead", "dead_2"]


def test_an_arm_that_ends_in_a_branch_that_ends_is_dead_only_behind_it() -> None:
    nested = step("n", "branch", branches=[arm(ends=True), arm(ends=True)])
    outer = step("o", "branch", branches=[arm(nested, ends=True), arm(step("x"))])
    assert never_reached(to_graph({"steps": [outer, step("last")]})) == []


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda g: g.remove_edge("a", "b"), "cannot be reached"),
        (lambda g: g.remove_edge("b/case1", "b/join"), "does not lead to the end"),
        (lambda g: g.add_edge("b/join", "a"), "cycle"),
        (lambda g: g.add_edge("a", "end"), "2 successors"),
        (lambda g: g.add_edge("b", "end"), "other than its cases"),
    ],
)
def test_a_damaged_graph_is_told_apart(damage: Any, word: str) -> None:
    graph = to_graph({"steps": [step("a"), step("b", "branch", branches=[arm(), arm()])]})
    damage(graph)
    assert word in " ".join(broken_invariants(graph))


@given(definitions())
@settings(max_examples=60, deadline=None)
def test_what_plans_are_compiled_from_links_as_the_graph_does(definition: dict[str, Any]) -> None:
    graph, links = to_graph(definition), to_links(definition)
    assert list(links) == list(graph)
    for node in graph:
        assert links.nodes[node] == graph.nodes[node]
        assert list(links.successors(node)) == list(graph.successors(node))
        assert list(links.predecessors(node)) == list(graph.predecessors(node))
