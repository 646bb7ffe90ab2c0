"""Turn a committed version into the flat table that runs execute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import networkx as nx
from pydantic import ValidationError

from engine.conditions.model import parse_group
from engine.errors import DefinitionError
from engine.workflow.definition import steps_of, walk, without
from engine.workflow.graph import END as END_NODE
from engine.workflow.graph import TRIGGER, after, cases, chain, is_terminating, to_graph
from engine.workflow.kinds import STEPS, Step, kind_of
from engine.workflow.plan import END, Plan, PlanStep
from storage.records import JsonObject, WorkflowVersion

_STATUSES: Final = ("status", "delivery_status", "engagement_status")


def compile_plan(version: WorkflowVersion) -> Plan:
    """Compile one version; every run of it shares the result.

    Raises:
        DefinitionError: a step's type is unknown or its settings do not parse.
    """
    definition = version.definition
    graph = to_graph(definition)
    table = _Table(graph)
    return Plan(
        environment=version.environment,
        key=version.key,
        name=str(definition.get("name") or version.key),
        version=version.number,
        version_id=version.id,
        categories=tuple(definition.get("categories") or ()),
        settings=dict(definition.get("settings") or {}),
        trigger_frequency=definition.get("trigger_frequency") or "every_trigger",
        conditions=_group(definition.get("conditions")),
        steps=tuple(table.row(ref) for ref in table.order),
        index_by_ref=dict(table.index),
        first=table.landing(TRIGGER),
        needs_statuses=needs_statuses(definition),
        data_schema=definition.get("trigger_data_json_schema"),
    )


def needs_statuses(definition: Mapping[str, Any]) -> bool:
    """Tell whether any condition asks how far an earlier message of the run got."""
    groups = [definition.get("conditions")]
    for place in walk(steps_of(definition)):
        groups.append(place.step.get("conditions"))
        groups += [arm.get("conditions") for arm in place.step.get("branches") or ()]
    return any(_asks_status(variable) for variable in _variables(groups))


class PlanCache:
    """Keep the plans of recently used versions; a version never changes."""

    def __init__(self, limit: int = 500) -> None:
        """Keep up to `limit` plans, dropping the one unused for longest."""
        self._limit = limit
        self._plans: OrderedDict[tuple[str, str, int], Plan] = OrderedDict()
        self._guard = threading.Lock()

    def get(
        self,
        environment: str,
        workflow: str,
        version: int,
        load: Callable[[], WorkflowVersion | None],
    ) -> Plan | None:
        """Return the plan, loading and compiling it at first use; None if unknown."""
        key = (environment, workflow, version)
        with self._guard:
            if key in self._plans:
                self._plans.move_to_end(key)
                return self._plans[key]
        found = load()
        if found is None:
            return None
        plan = compile_plan(found)
        with self._guard:
            self._plans[key] = plan
            while len(self._plans) > self._limit:
                self._plans.popitem(last=False)
        return plan

    def __len__(self) -> int:
        return len(self._plans)


class _Table:
    """Number the steps in reading order and resolve where each one leads."""

    def __init__(self, graph: nx.DiGraph[str]) -> None:
        self.graph = graph
        self.order: list[str] = []
        self._case: dict[str, str | None] = {}  # node -> the arm that it stands in
        self._add(after(graph, TRIGGER), END_NODE, None)
        self.index = {ref: index for index, ref in enumerate(self.order)}

    def _add(self, start: str, stop: str, case: str | None) -> None:
        for ref in chain(self.graph, start, stop):
            self.order.append(ref)
            self._case[ref] = case
            for arm in self._arms(ref):
                self._add(after(self.graph, arm), self.graph.nodes[ref]["join"], arm)

    def _arms(self, ref: str) -> list[str]:
        return cases(self.graph, ref) if "join" in self.graph.nodes[ref] else []

    def landing(self, node: str) -> int:
        """Give the index of the step that a run executes after this node."""
        target = after(self.graph, node)
        kind = self.graph.nodes[target]["kind"]
        if kind == "step":
            return self.index[target]
        if kind == "end":
            return END
        # A join: leave the arm, unless the run ends there.
        case = node if self.graph.nodes[node]["kind"] == "case" else self._case[node]
        if case is None or is_terminating(self.graph, case):
            return END
        return self.landing(next(iter(self.graph.predecessors(case))))

    def row(self, ref: str) -> PlanStep:
        wire: JsonObject = self.graph.nodes[ref]["step"]
        step = _parse(ref, wire, self.graph.nodes[ref].get("arms"), self._wire_arms(ref))
        conditions = wire.get("conditions") if step.accepts_conditions else None
        arms = self._arms(ref)
        data = [self.graph.nodes[arm]["case"] for arm in arms]
        return PlanStep(
            index=self.index[ref],
            ref=ref,
            kind=kind_of(wire),
            step=step,
            next=self.landing(ref),
            conditions=_group(conditions),
            arms=tuple(self.landing(arm) for arm in arms),
            arm_conditions=tuple(_group(case.get("conditions")) for case in data),
            arm_names=tuple(str(case.get("name") or "") for case in data),
        )

    def _wire_arms(self, ref: str) -> list[JsonObject]:
        return [self.graph.nodes[arm]["case"] for arm in self._arms(ref)]


def _parse(ref: str, wire: JsonObject, key: str | None, arms: Iterable[JsonObject]) -> Step:
    kind = STEPS.get(kind_of(wire))
    if kind is None:
        raise DefinitionError(f"Step {ref}: there is no step type {kind_of(wire)!r}.")
    # Containers see their arms (names, percentages) without the steps inside.
    definition = {**wire, key: [without(arm, "steps") for arm in arms]} if key else wire
    try:
        return kind.parse(ref, definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"Step {ref}, {where}: {first['msg']}.") from error


def _group(conditions: Any) -> Any:
    return parse_group(conditions) if conditions else None


def _variables(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
    elif isinstance(value, dict):
        yield str(value.get("variable", ""))
        yield from _variables(value.get("all"))
        yield from _variables(value.get("any"))


def _asks_status(variable: str) -> bool:
    parts = variable.split(".")
    return parts[0] == "refs" and parts[-1] in _STATUSES
