"""What the designer is handed by the composition root; it reaches for nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from designer.catalog import Catalog
from engine.timing.clock import Clock
from storage.db import Database
from storage.members import Member
from storage.writer import Writer

Scope = Mapping[str, Any]


async def _nothing(_: Scope) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignerServices:
    """The long-lived parts the pages work with.

    `session_of` tells who is signed in behind an ASGI scope, `keep_alive`
    notes that the session is in use, `csrf_token` gives what the sign-out form
    must carry. `folder` is where NiceGUI may keep its files. `origins` are the
    addresses besides the request's own host that the dashboard may be opened
    from (the public base URL). `catalog` and `shared` are memories of the pages.
    """

    database: Database
    writer: Writer
    clock: Clock
    session_of: Callable[[Scope], Member | None]
    csrf_token: Callable[[Scope], str]
    folder: Path
    keep_alive: Callable[[Scope], Awaitable[None]] = _nothing
    settings: Any = None
    origins: tuple[str, ...] = ()
    catalog: Catalog = field(default_factory=Catalog)
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def clock_rate(self) -> float:
        """Say how fast the engine's clock runs; pages warn when it is not 1."""
        return float(getattr(self.clock, "rate", 1.0))
