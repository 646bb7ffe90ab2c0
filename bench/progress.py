"""Tell on standard error how far a benchmark is; standard output is for its document."""

from __future__ import annotations

import sys
from collections.abc import Callable

Progress = Callable[[str], None]


def aloud(line: str) -> None:
    """Write the line."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def silent(line: str) -> None:
    """Drop the line."""
