"""Hold a workflow's structure with no more than what compiling a plan reads.

networkx takes half a second to import. The executor needs none of its analysis:
it only asks what a node carries, what follows it and what leads to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Links:
    """A directed graph that is built once and then read, spelt like networkx's."""

    def __init__(self) -> None:
        """Start empty."""
        self.nodes: dict[str, dict[str, Any]] = {}
        self._out: dict[str, list[str]] = {}
        self._into: dict[str, list[str]] = {}

    def add_node(self, node: str, **data: Any) -> None:
        """Add a node, or more data to one that is there."""
        self.nodes.setdefault(node, {}).update(data)
        self._out.setdefault(node, [])
        self._into.setdefault(node, [])

    def add_edge(self, start: str, end: str) -> None:
        """Lead from one node to another; either is added if it is new."""
        self.add_node(start)
        self.add_node(end)
        if end not in self._out[start]:
            self._out[start].append(end)
            self._into[end].append(start)

    def successors(self, node: str) -> Iterator[str]:
        """Visit what follows a node, in the order in which it was added."""
        return iter(self._out[node])

    def predecessors(self, node: str) -> Iterator[str]:
        """Visit what leads to a node."""
        return iter(self._into[node])

    def __contains__(self, node: object) -> bool:
        return node in self.nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)
