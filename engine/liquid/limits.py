"""Hold what one rendering may use up, and count it.

python-liquid multiplies the lengths of nested loops and never adds up loops that
follow each other, and its filters ignore every limit, so the counting is ours.
"""

from __future__ import annotations

from typing import Final

from liquid.exceptions import (
    LoopIterationLimitError,
    OutputStreamLimitError,
    ResourceLimitError,
)

MAX_SOURCE: Final = 512 * 1024
MAX_OUTPUT: Final = 2 * 1024 * 1024
MAX_STEPS: Final = 10_000
MAX_RANGE: Final = 10_000
MAX_LOCALS: Final = 1024 * 1024
MAX_ITEMS: Final = 100_000
MAX_NUMBER_BITS: Final = 1024
MAX_BLOCK_NESTING: Final = 30
MAX_SCOPE_DEPTH: Final = 64
MAX_PARTIAL_DEPTH: Final = 5
# One tag may not make the tokeniser's regular expressions run for seconds: they are
# quadratic in runs of white space, in brackets and in parentheses.
MAX_TAG: Final = 64 * 1024
MAX_TAG_SPACES: Final = 200
MAX_TAG_BRACKETS: Final = 200


class Budget:
    """Count the loop steps and characters of one request, over all its templates."""

    __slots__ = ("output", "steps")

    def __init__(self) -> None:
        """Start with nothing used."""
        self.steps = 0
        self.output = 0

    def step(self) -> None:
        """Count one turn of a loop."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise LoopIterationLimitError(
                f"the template took more than {MAX_STEPS} loop steps; loop over fewer items",
                token=None,
            )

    def write(self, length: int) -> None:
        """Count characters written to an output or a capture."""
        self.output += length
        if self.output > MAX_OUTPUT:
            raise OutputStreamLimitError(
                f"the output is longer than {MAX_OUTPUT} characters", token=None
            )


def check_result(value: object, name: str) -> None:
    """Refuse a filter's result that is too large to carry on with."""
    if isinstance(value, str):
        if len(value) > MAX_OUTPUT:
            raise too_large(name, f"{MAX_OUTPUT} characters")
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise too_large(name, f"{MAX_ITEMS} items")
    elif isinstance(value, int) and value.bit_length() > MAX_NUMBER_BITS:
        raise too_large(name, f"{MAX_NUMBER_BITS} bits")


def too_large(name: str, limit: str) -> ResourceLimitError:
    """Build the error of a filter whose result passes `limit`."""
    return ResourceLimitError(f"{name}: the result is larger than {limit}", token=None)
