"""Random workflows for property tests: nested containers, odd keys, any key order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PLAIN = ("delay", "batch", "channel", "http_fetch", "throttle")
CONTAINERS = (("branch", "branches"), ("random_cohort", "cohort_branches"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a definition whose refs are unique."""
    counter = iter(range(10_000))
    steps = _steps(draw, counter, depth=0)
    fields = {"name": draw(st.text(max_size=5)), "note": draw(json_values)}
    if draw(st.booleans()) or steps:
        fields["steps"] = steps
    return _shuffled(draw, fields)


def _steps(draw: st.DrawFn, counter: Any, depth: int) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 3 if depth < 3 else 1))
    return [_step(draw, counter, depth) for _ in range(count)]


def _step(draw: st.DrawFn, counter: Any, depth: int) -> dict[str, Any]:
    ref = f"s_{next(counter)}"
    fields: dict[str, Any] = {"ref": ref, "settings": draw(json_values)}
    if depth < 3 and draw(st.booleans()):
        type_, key = draw(st.sampled_from(CONTAINERS))
        arms = [_arm(draw, counter, depth) for _ in range(draw(st.integers(0, 3)))]
        fields["type"] = type_
        if arms or draw(st.booleans()):
            fields[key] = arms
    else:
        fields["type"] = draw(st.sampled_from(PLAIN))
    return _shuffled(draw, fields)


def _arm(draw: st.DrawFn, counter: Any, depth: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": draw(st.text(max_size=3)), "terminates": draw(st.booleans())}
    steps = _steps(draw, counter, depth + 1)
    if steps or draw(st.booleans()):
        fields["steps"] = steps
    return _shuffled(draw, fields)


def _shuffled(draw: st.DrawFn, fields: dict[str, Any]) -> dict[str, Any]:
    order = draw(st.permutations(list(fields)))
    return {key: fields[key] for key in order}
