"""What the executor needs; the composition root builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.net.exchange import Transport
from engine.render.requests import Renderer
from engine.timing.clock import Clock
from engine.workflow.compile import PlanCache
from storage.db import Database
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorServices:
    """The long-lived parts of one executor.

    `unseal(sealed, row)` opens a channel's or variable's secrets; `seal(value, row)`
    closes what a request holds until it is made.
    `claim_limit` 1 with `step_limit` 1 is the benchmark's commit-per-step rival.
    """

    database: Database
    writer: Writer
    clock: Clock
    renderer: Renderer
    transport: Transport
    seal: Callable[[Any, str], bytes]
    unseal: Callable[[bytes, str], Any]
    hint_path: Path | None = None
    allow_private_network: bool = False
    claim_limit: int = 128
    step_limit: int | None = None
    lanes: int = 2
    retention_days: int = 30
    plans: PlanCache = field(default_factory=PlanCache)
