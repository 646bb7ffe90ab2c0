"""Compose the executor: renderer, transport, data file, and the engine's loop on them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.clock import open_clock
from app.folder import DataFolder
from app.seals import open_sealer
from app.settings import Settings
from storage.db import Database
from storage.writer import DirectWriter

if TYPE_CHECKING:
    from engine.net.transport import HttpTransport


def discover_kinds() -> None:
    """Register every step type and provider; discovery is the composition root's business."""
    from engine.providers.base import discover_providers
    from engine.workflow.kinds import discover

    discover("engine.steps")
    discover_providers()


def preload() -> None:
    """Import what takes long, before the data folder is ready to be opened."""
    for name in ("engine.render.process", "engine.worker.loop"):
        importlib.import_module(name)
    discover_kinds()


def _make_transport(settings: Settings) -> HttpTransport:
    from engine.net.addresses import read_networks
    from engine.net.transport import HttpTransport

    return HttpTransport(allowed_networks=read_networks(settings.allowed_networks))


async def execute(
    settings: Settings, folder: DataFolder, stop: asyncio.Event, ready: Callable[[], Any]
) -> None:
    """Move due work until `stop` is set; `ready` is called when it moves."""
    from app.late import LateTransport
    from app.outcomes import CountingTransport, Outcomes
    from engine.render.process import ProcessRenderer
    from engine.worker.loop import run_executor
    from engine.worker.services import ExecutorServices

    discover_kinds()
    sealer = open_sealer(settings)
    database = Database(folder.database, checkpoints=True)
    renderer = ProcessRenderer()
    outcomes = Outcomes()
    # Started beside the loop: only the first message may have to wait for them.
    transport = LateTransport(lambda: _make_transport(settings))
    beside = [
        asyncio.create_task(asyncio.to_thread(renderer.start)),
        asyncio.create_task(outcomes.keep_publishing(folder, renderer)),
    ]
    try:
        services = ExecutorServices(
            database=database,
            writer=DirectWriter(database),
            clock=open_clock(database, settings.clock_rate),
            renderer=renderer,
            transport=CountingTransport(transport, outcomes),
            seal=sealer.seal,
            unseal=sealer.unseal,
            hint_path=folder.hint,
            retention_days=settings.log_days,
        )
        await run_executor(services, stop, ready)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        renderer.close()
        await transport.aclose()
        database.close()
        folder.hint.unlink(missing_ok=True)
        folder.figures.unlink(missing_ok=True)
