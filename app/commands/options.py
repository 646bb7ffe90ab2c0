"""What every command shares and that costs nothing to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from storage.errors import TocsinError

DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder; else TOCSIN_DATA, else ./data")
]


class Failed(TocsinError):
    """What was asked does not hold, or could not be done."""

    code = "failed"
