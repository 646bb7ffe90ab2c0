"""Turn rounds into medians, medians into gates, and all of it into one JSON document."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure and the bound that it has to keep."""

    name: str
    value: float | None
    bound: float
    kind: Literal["least", "most"]

    @property
    def holds(self) -> bool | None:
        """Tell whether the bound is kept; None where the figure could not be taken."""
        if self.value is None:
            return None
        return self.value >= self.bound if self.kind == "least" else self.value <= self.bound

    def as_json(self) -> dict[str, Any]:
        """Give the gate with its verdict."""
        return {**asdict(self), "holds": self.holds}


def median(values: Sequence[float | None]) -> float | None:
    """Give the median of what was taken, or None if nothing was."""
    taken = [value for value in values if value is not None]
    return round(statistics.median(taken), 4) if taken else None


def ratios(
    rounds: Sequence[dict[str, Any]], numerator: str, denominator: str
) -> list[float | None]:
    """Divide two figures of each round: both were taken under the same load."""
    found: list[float | None] = []
    for one in rounds:
        above, below = one.get(numerator), one.get(denominator)
        found.append(round(above / below, 4) if above and below else None)
    return found


def document(
    name: str,
    *,
    host: dict[str, Any],
    rounds: Sequence[dict[str, Any]],
    medians: dict[str, Any],
    gates: Sequence[Gate],
    remarks: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """Assemble the document; `ok` is false when a figure that was taken breaks its bound."""
    return {
        "bench": name,
        "ok": all(gate.holds is not False for gate in gates),
        "host": host,
        "gates": [gate.as_json() for gate in gates],
        "medians": medians,
        "remarks": list(remarks),
        **more,
        "rounds": list(rounds),
    }


def far_below(peer: str, rate: float | None, expected: tuple[float, float]) -> str | None:
    """Warn when a peer does far less than it is known to do: then the comparison is wrong."""
    if rate is None or rate >= 0.75 * expected[0]:
        return None
    return (
        f"{peer}: {rate:.0f}/s is far below the {expected[0]:.0f}-{expected[1]:.0f}/s that it does"
        " on a quiet machine of this kind; do not trust the ratio before that is explained"
    )


def sentence(bench: str, gate: dict[str, Any]) -> str:
    """Say in a line whether a gate holds."""
    verdict = {True: "holds", False: "DOES NOT HOLD", None: "not taken"}[gate["holds"]]
    bound = f"at {gate['kind']} {gate['bound']:g}"
    return f"{bench}: {gate['name']}: {gate['value']} ({bound}): {verdict}"
