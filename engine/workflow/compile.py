"""Turn a committed version into the flat table that runs execute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from pydantic import ValidationError

from engine.conditions.model import needs_statuses, parse_group
from engine.errors import ConditionError, DefinitionError
from engine.workflow.graph import END as END_NODE
from engine.workflow.graph import TRIGGER, after, cases, chain, is_terminating, to_links
from engine.workflow.kinds import STEPS, Step, kind_of
from engine.workflow.links import Links
from engine.workflow.plan import END, Plan, PlanStep
from storage.records import JsonObject, WorkflowVersion


def compile_plan(version: WorkflowVersion) -> Plan:
    """Compile one version; every run of it shares the result.

    Raises:
        DefinitionError: a step's type is unknown or its settings do not parse.
    """
    definition = version.definition
    table = _Table(to_links(definition))
    steps = tuple(table.row(ref) for ref in table.order)
    return Plan(
        environment=version.environment,
        key=version.key,
        name=str(definition.get("name") or version.key),
        version=version.number,
        version_id=version.id,
        categories=tuple(definition.get("categories") or ()),
        settings=dict(definition.get("settings") or {}),
        trigger_frequency=definition.get("trigger_frequency") or "every_trigger",
        conditions=parse_group(definition.get("conditions")),
        steps=steps,
        index_by_ref=dict(table.index),
        first=table.landing(TRIGGER),
        needs_statuses=any(
            needs_statuses(group)
            for row in steps
            for group in (row.conditions, *row.arm_conditions)
        ),
        data_schema=definition.get("trigger_data_json_schema"),
    )


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

    def __init__(self, graph: Links) -> None:
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
        """Build the table's row of one step.

        Raises:
            DefinitionError: the step cannot be executed; the message names it.
        """
        try:
            return self._row(ref)
        except ConditionError as error:
            raise DefinitionError(f"Step {ref}: {error.message}.", error.problems) from error

    def _row(self, ref: str) -> PlanStep:
        wire: JsonObject = self.graph.nodes[ref]["step"]
        arms = self._arms(ref)
        cases = [self.graph.nodes[arm]["case"] for arm in arms]
        step = _parse(ref, wire, self.graph.nodes[ref].get("arms"), cases)
        return PlanStep(
            index=self.index[ref],
            ref=ref,
            kind=kind_of(wire),
            step=step,
            next=self.landing(ref),
            conditions=parse_group(wire.get("conditions")) if step.accepts_conditions else None,
            arms=tuple(self.landing(arm) for arm in arms),
            arm_conditions=tuple(parse_group(case.get("conditions")) for case in cases),
            arm_names=tuple(str(case.get("name") or "") for case in cases),
        )


def _parse(ref: str, wire: JsonObject, key: str | None, arms: Iterable[JsonObject]) -> Step:
    kind = STEPS.get(kind_of(wire))
    if kind is None:
        raise DefinitionError(f"Step {ref}: there is no step type {kind_of(wire)!r}.")
    # A container sees its arms (names, conditions, percentages) without the steps inside.
    definition = {**wire, key: list(arms)} if key else wire
    try:
        return kind.parse(ref, definition)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"Step {ref}, {where}: {first['msg']}.") from error
