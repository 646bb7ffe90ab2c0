from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field
from sound_workflow import committed

from engine.errors import DefinitionError
from engine.workflow.compile import PlanCache, compile_plan
from engine.workflow.kinds import STEPS, Step, StepSettings
from engine.workflow.plan import END, Plan
from storage.records import WorkflowVersion

PRO = {"all": [{"variable": "data.plan", "operator": "equal_to", "argument": "pro"}]}
UNSEEN = {
    "all": [{"variable": "refs.feed.status", "operator": "less_than", "argument": "$message.seen"}]
}


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(StepSettings):
        days: int = Field(default=1)

    class Plain(Step):
        pass

    class Container(Step):
        accepts_conditions = False

    Plain.Settings = Container.Settings = Settings
    for type_ in ("delay", "batch", "channel:sms", "channel:email"):
        monkeypatch.setitem(STEPS, type_, Plain)
    monkeypatch.setitem(STEPS, "branch", Container)


def version(*steps: dict[str, Any], number: int = 1, **fields: Any) -> WorkflowVersion:
    return committed({"name": "W", "steps": list(steps), **fields}, number)


def step(ref: str, type_: str = "delay", **fields: Any) -> dict[str, Any]:
    return {"type": type_, "ref": ref, **fields}


def channel(ref: str, type_: str, **fields: Any) -> dict[str, Any]:
    return {"type": "channel", "channel_type": type_, "ref": ref, **fields}


def arm(name: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": name, "steps": list(steps), **fields}


def leads(plan: Plan) -> dict[str, Any]:
    def name(index: int) -> str:
        return "end" if index == END else plan.steps[index].ref

    return {
        row.ref: [name(row.next), *[name(a) for a in row.arms]] if row.arms else name(row.next)
        for row in plan.steps
    }


def test_a_line_of_steps_runs_in_order_and_ends() -> None:
    plan = compile_plan(version(step("a"), step("b")))
    assert leads(plan) == {"a": "b", "b": "end"}
    assert plan.first == 0
    assert dict(plan.index_by_ref) == {"a": 0, "b": 1}


def test_a_workflow_without_steps_ends_at_once() -> None:
    assert compile_plan(version()).first == END


def test_every_arm_goes_on_behind_the_branch() -> None:
    branch = step(
        "b",
        "branch",
        branches=[arm("pro", step("x"), conditions=PRO), arm("p", step("y")), arm("else")],
    )
    plan = compile_plan(version(branch, channel("mail", "email")))
    assert leads(plan) == {
        "b": ["mail", "x", "y", "mail"],
        "x": "mail",
        "y": "mail",
        "mail": "end",
    }
    row = plan.steps[0]
    assert row.arm_names == ("pro", "p", "else")
    assert row.arm_conditions[0] is not None
    assert row.arm_conditions[2] is None


def test_an_arm_that_terminates_ends_the_run_behind_its_last_step() -> None:
    branch = step(
        "b",
        "branch",
        branches=[
            arm("stop", channel("text", "sms"), terminates=True, conditions=PRO),
            arm("stop at once", terminates=True, conditions=PRO),
            arm("else"),
        ],
    )
    plan = compile_plan(version(branch, channel("mail", "email")))
    assert leads(plan) == {"b": ["mail", "text", "end", "mail"], "text": "end", "mail": "end"}


def test_nested_arms_leave_one_branch_after_the_other() -> None:
    inner = step("in", "branch", branches=[arm("x", step("x"), conditions=PRO), arm("else")])
    stops = arm("stops", inner, terminates=True, conditions=PRO)
    outer = step("out", "branch", branches=[stops, arm("goes on", inner | {"ref": "in2"})])
    second = outer["branches"][1]["steps"][0]
    second["branches"] = [arm("y", step("y"), conditions=PRO), arm("else")]
    plan = compile_plan(version(outer, step("last")))
    assert leads(plan) == {
        "out": ["last", "in", "in2"],
        "in": ["end", "x", "end"],
        "x": "end",
        "in2": ["last", "y", "last"],
        "y": "last",
        "last": "end",
    }


def test_the_plan_carries_what_the_trigger_needs() -> None:
    plan = compile_plan(
        version(
            step("a", conditions=PRO),
            conditions=PRO,
            categories=["news"],
            settings={"is_commercial": True},
            trigger_frequency="once_per_recipient",
            trigger_data_json_schema={"type": "object"},
        )
    )
    assert plan.categories == ("news",)
    assert plan.settings == {"is_commercial": True}
    assert plan.trigger_frequency == "once_per_recipient"
    assert plan.data_schema == {"type": "object"}
    assert plan.conditions is not None
    assert plan.steps[0].conditions is not None


def test_a_branch_ignores_conditions_of_its_own() -> None:
    plan = compile_plan(version(step("b", "branch", conditions=PRO, branches=[arm("else")])))
    assert plan.steps[0].conditions is None


@pytest.mark.parametrize(
    ("steps", "needed"),
    [
        ([step("a", conditions=PRO)], False),
        ([step("a", conditions=UNSEEN)], True),
        ([step("a", conditions={"any": [PRO, UNSEEN]})], True),
        ([step("b", "branch", branches=[arm("x", conditions=UNSEEN), arm("else")])], True),
        ([step("b", "branch", branches=[arm("x", step("a", conditions=UNSEEN))])], True),
    ],
)
def test_statuses_are_read_only_where_a_condition_asks_for_them(steps: Any, needed: bool) -> None:
    assert compile_plan(version(*steps)).needs_statuses is needed


def test_an_unknown_type_and_bad_settings_name_the_step() -> None:
    with pytest.raises(DefinitionError, match="Step a: there is no step type 'fax'"):
        compile_plan(version(step("a", "fax")))
    with pytest.raises(DefinitionError, match=r"Step a, days: .*integer"):
        compile_plan(version(step("a", settings={"days": "soon"})))


def test_the_cache_loads_a_version_once_and_drops_the_oldest() -> None:
    loads: list[int] = []

    def load(number: int) -> Any:
        def read() -> WorkflowVersion | None:
            loads.append(number)
            return version(step("a"), number=number) if number < 9 else None

        return read

    cache = PlanCache(limit=2)
    first = cache.get("development", "w", 1, load(1))
    assert cache.get("development", "w", 1, load(1)) is first
    cache.get("development", "w", 2, load(2))
    cache.get("development", "w", 3, load(3))
    assert len(cache) == 2
    cache.get("development", "w", 1, load(1))
    assert loads == [1, 2, 3, 1]
    assert cache.get("development", "w", 9, load(9)) is None


def test_a_condition_that_cannot_be_read_names_its_step() -> None:
    broken = {"all": [{"variable": "data.plan", "operator": "is_like", "argument": "x"}]}
    with pytest.raises(DefinitionError, match=r"Step a: .*operator"):
        compile_plan(version(step("a", conditions=broken)))
