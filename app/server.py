"""Compose the web process: services, API, sign-in, designer, and the loop that serves them."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
import uvicorn

from app.clock import open_clock
from app.dispatch import AsgiApp, Outer
from app.executor import discover_kinds
from app.folder import DataFolder
from app.health import Health, HealthApp, WatchedWriter
from app.heap import steady_heap
from app.hint import HintSender
from app.late import LateApp
from app.seals import open_sealer
from app.services import Services
from app.settings import Settings
from storage.db import Database
from storage.secrets import Sealer
from storage.writer import GroupWriter

_log = structlog.get_logger("app.server")
_KEEP_ALIVE_SECONDS: Final = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """A composed web process that is not yet listening."""

    app: AsgiApp
    services: Services
    health: Health


def preload() -> None:
    """Import what takes long, before the data folder is ready to be opened."""
    for name in ("app.api.app", "app.auth.login"):
        importlib.import_module(name)
    discover_kinds()


def load_pages() -> None:
    """Import the designer, which takes longer than everything else together."""
    importlib.import_module("designer.shell")


@asynccontextmanager
async def composed(
    settings: Settings, folder: DataFolder, *, has_supervisor: bool
) -> AsyncIterator[Web]:
    """Open the data file, build every app on it, and close all of it afterwards."""
    discover_kinds()
    sealer = open_sealer(settings)
    database = Database(folder.database)
    group = GroupWriter(database)
    hint = HintSender(folder.hint)
    try:
        health = Health(folder, needs_executor=has_supervisor)
        services = Services(
            database=database,
            writer=WatchedWriter(group, health),
            clock=open_clock(database, settings.clock_rate),
            settings=settings,
            hint=hint,
            sealer=sealer,
        )
        yield Web(app=build_app(services, folder, health, sealer), services=services, health=health)
    finally:
        group.close()
        hint.close()
        database.close()


def build_app(services: Services, folder: DataFolder, health: Health, sealer: Sealer) -> AsgiApp:
    """Join the apps of one web process behind the outer dispatcher; the pages come up later."""
    from app.api.app import create_api
    from app.auth.login import create_login_app

    token = services.settings.metrics_token
    return Outer(
        api=create_api(services),
        login=create_login_app(services),
        health=HealthApp(
            health,
            services.database,
            services.clock,
            folder.figures,
            token.get_secret_value() if token else None,
        ),
        designer=LateApp(
            load_pages, lambda: _designer(services, folder, sealer), on_built=steady_heap
        ),
    )


def _designer(services: Services, folder: DataFolder, sealer: Sealer) -> AsgiApp:
    from app.auth.sessions import csrf_token, keep_alive, session_of
    from designer.services import DesignerServices
    from designer.shell import create_designer

    settings = services.settings
    return create_designer(
        DesignerServices(
            database=services.database,
            writer=services.writer,
            clock=services.clock,
            session_of=lambda scope: session_of(scope, services),
            csrf_token=lambda scope: csrf_token(scope, settings),
            keep_alive=lambda scope: keep_alive(scope, services),
            folder=folder.interface,
            settings=settings,
            origins=(settings.public_url,),
        ),
        storage_secret=sealer.derive("interface").hex(),
    )


class _Server(uvicorn.Server):
    """A server that tells when it listens and leaves signals to its process."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


async def serve_web(
    settings: Settings,
    folder: DataFolder,
    listener: socket.socket,
    stop: asyncio.Event,
    ready: Callable[[], None],
    *,
    has_supervisor: bool,
) -> None:
    """Serve until `stop` is set; requests in hand are finished within the drain time."""
    async with composed(settings, folder, has_supervisor=has_supervisor) as web:

        def on_listening() -> None:
            web.health.is_ready = True
            ready()

        server = _Server(_configuration(settings, web.app), on_listening)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        web.health.is_draining = True
        server.should_exit = True
        stopping.cancel()
        await serving
    if not web.health.is_ready:
        raise RuntimeError("the web process could not start; its log says why")


def _configuration(settings: Settings, app: AsgiApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="websockets-sansio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.proxy_addresses,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(int(settings.drain_seconds) - 1, 1),
    )
