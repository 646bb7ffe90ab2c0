"""The experiment step: a recipient always lands in the same cohort (engine E-85, E-86)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Any, Final

import orjson

from engine.conditions.values import shortened
from engine.errors import Problem
from engine.workflow.kinds import (
    Fail,
    Jump,
    Need,
    Outcome,
    Step,
    StepContext,
    StepSettings,
    step,
)
from engine.workflow.paths import MISSING, has_liquid, lookup
from storage.records import JsonObject

# Percentages have one decimal, so a thousand equal places hold any split exactly.
PLACES: Final = 1000


@step("random_cohort", title="Experiment", icon="science")
class RandomCohort(Step):
    """Pick one cohort by chance; the same key always lands in the same one."""

    accepts_conditions = False

    class Settings(StepSettings):
        """An experiment has cohorts and a key beside its type instead of settings."""

    def __init__(self, ref: str, settings: StepSettings, definition: JsonObject) -> None:
        """Work out once per version where each cohort's places end."""
        super().__init__(ref, settings, definition)
        self.key: str = str(definition.get("cohort_key") or "")
        arms = definition.get("cohort_branches") or ()
        self.names = tuple(str(arm.get("name") or "") for arm in arms)
        self.percentages = tuple(arm.get("percentage") for arm in arms)
        # What is no percentage gets no places; `check` has told the author.
        self.ends = tuple(accumulate(_tenths(p) or 0 for p in self.percentages))

    @classmethod
    def check(cls, ref: str, definition: JsonObject) -> list[Problem]:
        """Refuse percentages that are none, or that do not sum to 100."""
        arms = definition.get("cohort_branches") or ()
        problems = [
            Problem(
                rule="cohort.percentage",
                step_ref=ref,
                path=f"cohort_branches[{index}].percentage",
                message="Expected a percentage from 0 to 100 with one decimal at most, "
                f"got {_said(arm.get('percentage'))}.",
            )
            for index, arm in enumerate(arms)
            if _tenths(arm.get("percentage")) is None
        ]
        key = definition.get("cohort_key")
        if not isinstance(key, str | None):
            message = f"Expected a path such as data.plan, or a template; got {_said(key)}."
            problems.append(
                Problem(rule="cohort.key", step_ref=ref, path="cohort_key", message=message)
            )
        total = sum(_tenths(arm.get("percentage")) or 0 for arm in arms)
        if arms and not problems and total != PLACES:
            message = (
                f"The percentages sum to {Decimal(total) / 10} and must sum to exactly 100: "
                "change one of them."
            )
            problems.append(
                Problem(rule="cohort.sum", step_ref=ref, path="cohort_branches", message=message)
            )
        return problems

    def run(self, ctx: StepContext) -> Outcome:
        """Go into the cohort that holds the place of the key."""
        is_liquid = has_liquid(self.key)
        if is_liquid and ctx.render_error:
            return Fail(message=f"The cohort key did not render: {ctx.render_error}")
        if is_liquid and ctx.rendered is None:
            return Need(fields={"key": self.key})
        value = (ctx.rendered or {}).get("key") if is_liquid else lookup(ctx.scope, self.key)
        key = _text(ctx.recipient.id if not self.key else value) or ctx.recipient.id
        place = place_of(ctx.run.workflow, ctx.ref, key)
        arm = cohort_at(self.ends, place)
        shares = zip(self.names, self.percentages, strict=True)
        detail = {
            "cohort": self.names[arm],
            "key": shortened(key),
            "place": place,
            "distribution": [{"cohort": name, "percentage": share} for name, share in shares],
        }
        return Jump(arm=arm, detail=detail)


def place_of(workflow: str, ref: str, key: str) -> int:
    """Give the place of a key in one experiment, 0 to 999; no run changes it."""
    digest = hashlib.sha256(f"{workflow}:{ref}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % PLACES


def cohort_at(ends: Sequence[int], place: int) -> int:
    """Give the cohort whose consecutive places hold this one; `ends` are exclusive."""
    return next((index for index, end in enumerate(ends) if place < end), len(ends) - 1)


def _text(value: Any) -> str:
    if value is MISSING or value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _tenths(percentage: Any) -> int | None:
    """Give a percentage in tenths, None if it is not one."""
    if isinstance(percentage, bool) or not isinstance(percentage, (int, float)):
        return None
    # By its text: 33.3 has one decimal for its author, whatever binary makes of it.
    tenths = Decimal(str(percentage)) * 10
    is_share = tenths.is_finite() and 0 <= tenths <= PLACES and tenths == tenths.to_integral_value()
    return int(tenths) if is_share else None


def _said(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:60]
