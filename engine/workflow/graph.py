"""A workflow as a directed graph: how it is edited, analysed and compiled.

Node ids are step refs; structure lives only in the edges. Kinds of nodes:
`trigger` (carries `workflow`: the definition without steps), `end`, `step`
(`step`: wire dict without arms; containers also `join` and `arms`), `case`
(`<ref>/case<n>`, `case`: arm without steps, `order`), `join` (`<ref>/join`).
Dicts are shared with the definition: replace them, never change them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from engine.errors import GraphError
from engine.workflow.definition import arms_key, arms_of, steps_of, without
from engine.workflow.links import Links
from storage.records import JsonObject

if TYPE_CHECKING:
    import networkx as nx

TRIGGER: Final = "trigger"
END: Final = "end"
RESERVED: Final = frozenset({TRIGGER, END})
# Whatever only reads structure takes either form.
Structure: TypeAlias = "nx.DiGraph[str] | Links"


def to_graph(definition: Mapping[str, Any]) -> nx.DiGraph[str]:
    """Build the graph of a definition; `from_graph` gives the same JSON back.

    Raises:
        GraphError: a ref is missing, reserved or used twice.
    """
    # Here and not above: the executor compiles plans and never needs networkx.
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    _fill(graph, definition)
    return graph


def to_links(definition: Mapping[str, Any]) -> Links:
    """Build the same structure for compiling alone, without networkx.

    Raises:
        GraphError: a ref is missing, reserved or used twice.
    """
    links = Links()
    _fill(links, definition)
    return links


def _fill(graph: Structure, definition: Mapping[str, Any]) -> None:
    graph.add_node(
        TRIGGER,
        kind="trigger",
        workflow=without(definition, "steps"),
        steps_at=_position(definition, "steps"),
    )
    last = _add_chain(graph, TRIGGER, steps_of(definition))
    graph.add_node(END, kind="end")
    graph.add_edge(last, END)


def from_graph(graph: nx.DiGraph[str]) -> JsonObject:
    """Write the definition back, keys in the order they were read in."""
    node = graph.nodes[TRIGGER]
    return _with_key(node["workflow"], "steps", steps_from_graph(graph), node["steps_at"])


def steps_from_graph(graph: nx.DiGraph[str]) -> list[JsonObject]:
    """Write the `steps` JSON of a graph."""
    return _read_chain(graph, _successor(graph, TRIGGER), END)


def cases(graph: Structure, ref: str) -> list[str]:
    """List the case nodes of a container in order."""
    found = [n for n in graph.successors(ref) if graph.nodes[n]["kind"] == "case"]
    return sorted(found, key=lambda node: int(graph.nodes[node]["order"]))


def chain(graph: Structure, start: str, stop: str) -> Iterator[str]:
    """Visit the steps from `start` up to `stop`, passing over what containers hold."""
    node = start
    while node != stop:
        yield node
        node = _successor(graph, graph.nodes[node].get("join") or node)


def after(graph: Structure, node: str) -> str:
    """Name what follows a node; for a container, what follows its join."""
    return _successor(graph, graph.nodes[node].get("join") or node)


def is_terminating(graph: Structure, case: str) -> bool:
    """Tell whether a run ends at the end of this arm."""
    return graph.nodes[case]["case"].get("terminates") is True


def never_reached(graph: nx.DiGraph[str]) -> list[str]:
    """List the steps that no run can reach, because every way there has ended."""
    import networkx as nx

    alive: nx.DiGraph[str] = graph.copy()
    for case in nodes_of(graph, "case"):
        if is_terminating(graph, case):
            join = graph.nodes[next(iter(graph.predecessors(case)))]["join"]
            last = case
            for step in chain(graph, _successor(graph, case), join):
                last = graph.nodes[step].get("join") or step
            alive.remove_edge(last, join)
    reached = set(nx.dfs_preorder_nodes(alive, TRIGGER))
    return [ref for ref in nodes_of(graph, "step") if ref not in reached]


def nodes_of(graph: Structure, kind: str) -> list[str]:
    """List the nodes of one kind, in the order they were added."""
    return [node for node in graph if graph.nodes[node]["kind"] == kind]


def broken_invariants(graph: nx.DiGraph[str]) -> list[str]:
    """List what is wrong with a graph, in sentences; empty when it is sound."""
    import networkx as nx

    if TRIGGER not in graph or END not in graph:
        return ["The graph needs a trigger node and an end node."]
    found = []
    if not nx.is_directed_acyclic_graph(graph):
        found.append("The graph has a cycle.")
    everything = set(graph.nodes)
    reached: set[str] = set(nx.dfs_preorder_nodes(graph, TRIGGER))
    ending: set[str] = set(nx.dfs_preorder_nodes(graph.reverse(), END))
    found += [f"{n} cannot be reached from the trigger." for n in sorted(everything - reached)]
    found += [f"{n} does not lead to the end." for n in sorted(everything - ending)]
    for node, data in graph.nodes(data=True):
        found += _broken_at(graph, node, data)
    return found


def _broken_at(graph: nx.DiGraph[str], node: str, data: Mapping[str, Any]) -> Iterator[str]:
    import networkx as nx

    out = list(graph.successors(node))
    if "join" in data:
        if data["join"] not in graph:
            yield f"{node} lost its join."
        elif not all(graph.nodes[n]["kind"] == "case" for n in out) and out != [data["join"]]:
            yield f"{node} leads to something other than its cases."
        elif not all(nx.has_path(graph, n, data["join"]) for n in out):
            yield f"A case of {node} does not end in its join."
    elif node != END and len(out) != 1:
        yield f"{node} has {len(out)} successors instead of one."


def _add_chain(graph: Structure, previous: str, steps: list[JsonObject]) -> str:
    for step in steps:
        ref = step.get("ref")
        if not isinstance(ref, str) or not ref or "/" in ref or ref in RESERVED:
            raise GraphError(f"A step needs a ref that is a plain word; found {ref!r}.")
        if ref in graph:
            raise GraphError(f"Two steps have the ref {ref!r}; give one of them another.")
        key = arms_key(step)
        graph.add_node(ref, kind="step", step=without(step, key) if key else step)
        graph.add_edge(previous, ref)
        previous = _add_arms(graph, ref, step, key) if key else ref
    return previous


def _add_arms(graph: Structure, ref: str, step: JsonObject, key: str) -> str:
    join = f"{ref}/join"
    graph.nodes[ref].update(join=join, arms=key, arms_at=_position(step, key))
    arms = arms_of(step)
    for order, arm in enumerate(arms):
        case = f"{ref}/case{order + 1}"
        graph.add_node(
            case,
            kind="case",
            case=without(arm, "steps"),
            order=order,
            steps_at=_position(arm, "steps"),
        )
        graph.add_edge(ref, case)
        graph.add_edge(_add_chain(graph, case, steps_of(arm)), join)
    if not arms:
        graph.add_edge(ref, join)
    graph.nodes[join]["kind"] = "join"
    return join


def _read_chain(graph: nx.DiGraph[str], start: str, stop: str) -> list[JsonObject]:
    return [_read_step(graph, ref) for ref in chain(graph, start, stop)]


def _read_step(graph: nx.DiGraph[str], ref: str) -> JsonObject:
    node = graph.nodes[ref]
    step: JsonObject = node["step"]
    if "join" not in node:
        return step
    arms = []
    for case in cases(graph, ref):
        data = graph.nodes[case]
        steps = _read_chain(graph, _successor(graph, case), node["join"])
        arms.append(_with_key(data["case"], "steps", steps, data["steps_at"]))
    return _with_key(step, node["arms"], arms, node["arms_at"])


def _successor(graph: Structure, node: str) -> str:
    return next(iter(graph.successors(node)))


def _position(mapping: Mapping[str, Any], key: str) -> int | None:
    return list(mapping).index(key) if key in mapping else None


def _with_key(
    mapping: Mapping[str, Any], key: str, value: list[JsonObject], position: int | None
) -> JsonObject:
    """Put a key where it was; one that was absent stays so while it would be empty."""
    if position is None and not value:
        return dict(mapping)
    items = list(mapping.items())
    items.insert(len(items) if position is None else position, (key, value))
    return dict(items)
