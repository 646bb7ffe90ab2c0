"""Assemble the designer: its pages on NiceGUI, its files, and the guard before both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import FastAPI
from nicegui import Client, app, core, ui
from nicegui.storage import Storage
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from designer.guard import FAVICON, Guard, login_address, own_hosts
from designer.pages import inbox, messages, missing, overview, run, runs, workflow, workflows
from designer.pages.mail_frame import mail_frame_route
from designer.services import DesignerServices
from designer.theme import ASSET_ROUTE, ASSETS, DESIGNER_SHEETS, sheet
from designer.visit import Visit, open_visit
from storage.environments import list_environments
from storage.errors import StorageError

Build = Callable[[Visit], Awaitable[Response | None]]
UI_COOKIE: Final = "tocsin_interface"

PAGES: Final[tuple[tuple[str, Build], ...]] = (
    ("overview", overview.build),
    ("workflows", workflows.build),
    ("workflows/{key}", workflow.build),
    ("runs", runs.build),
    ("runs/{run_id}", run.build),
    ("messages", messages.build),
    ("messages/{message_id}", messages.build),
    ("inbox", inbox.build),
    ("inbox/{message_id}", inbox.build),
)
_FILES: Final = {"shell.js": "text/javascript", "logo.svg": "image/svg+xml"}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}


def create_designer(services: DesignerServices, storage_secret: str) -> ASGIApp:
    """Build the designer's ASGI app; it needs the lifespan events of its server.

    NiceGUI keeps one app per process, so this is called once.
    """
    keep_files_in(services.folder)
    register_pages(services)
    host = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    host.add_route(f"{ASSET_ROUTE}/{{name}}", serve_asset)
    host.add_route(FAVICON, serve_favicon)
    host.router.routes.append(mail_frame_route(services))
    # The library's bar for requests in the background has no name and nothing to say here.
    core.app.config.quasar_config["loadingBar"]["skipHijack"] = True
    is_https = any(origin.startswith("https://") for origin in services.origins)
    ui.run_with(
        host,
        root=lambda request: show_missing(services, request),
        title="Tocsin",
        favicon=ASSETS / "logo.svg",
        dark=None,
        language="en-US",
        tailwind=False,  # the sheet is ours; this saves a 66 KB runtime and a flash of layout
        show_welcome_message=False,
        storage_secret=storage_secret,
        session_middleware_kwargs={"session_cookie": UI_COOKIE, "https_only": is_https},
    )
    guard_socket(services)
    return Guard(host, services)


def keep_files_in(folder: Path) -> None:
    """Point NiceGUI's storage (interface preferences, nothing else) into the data folder."""
    folder.mkdir(parents=True, exist_ok=True)
    Storage.path = folder.resolve()
    app.storage = Storage()


def guard_socket(services: DesignerServices) -> None:
    """Let the live socket be opened from our own pages only, and obey only who is signed in."""

    def is_allowed(origin: str | None, environ: dict[str, Any]) -> bool:
        hosts = own_hosts(str(environ.get("HTTP_HOST", "")), services.origins)
        return origin is None or urlsplit(origin).netloc in hosts

    core.sio.eio.cors_allowed_origins = is_allowed
    handle = core.sio.handlers["/"]["event"]

    def when_signed_in(sid: str, message: dict[str, Any]) -> None:
        client = Client.instances.get(str(message.get("client_id")))
        # The page's request holds the cookie it was opened with: signing out ends its pages too.
        if client is not None and services.session_of(client.request.scope) is not None:
            handle(sid, message)

    core.sio.on("event", when_signed_in)


async def serve_favicon(_: Request) -> Response:
    """Serve the drawing of the browser's tab."""
    return FileResponse(ASSETS / "logo.svg", media_type="image/svg+xml", headers=_FOR_EVER)


async def serve_asset(request: Request) -> Response:
    """Serve a style sheet, script or drawing; its address changes with its content."""
    name = request.path_params["name"]
    if name == "designer.css":
        return Response(sheet(DESIGNER_SHEETS), media_type="text/css", headers=_FOR_EVER)
    if name in _FILES:
        return FileResponse(ASSETS / name, media_type=_FILES[name], headers=_FOR_EVER)
    return PlainTextResponse("There is no such file.", 404)


# ------------------------------------------------------------------ pages


def register_pages(services: DesignerServices) -> None:
    """Register every page with NiceGUI."""
    for path, build in PAGES:
        _register(services, path, build)

    @ui.page("/")
    async def start(request: Request) -> Response:
        first = next(iter(list_environments(services.database.read())), None)
        return RedirectResponse(f"/{first.key if first else 'development'}/overview", 303)

    @ui.page("/{environment}")
    async def environment_start(request: Request, environment: str) -> Response | None:
        if any(e.key == environment for e in list_environments(services.database.read())):
            return RedirectResponse(f"/{environment}/overview", 303)
        return await show_missing(services, request)


def _register(services: DesignerServices, path: str, build: Build) -> None:
    async def show(request: Request) -> Response | None:
        return await show_page(services, request, build)

    ui.page(f"/{{environment}}/{path}", response_timeout=20.0)(show)


async def show_page(services: DesignerServices, request: Request, build: Build) -> Response | None:
    """Check the session and the environment, then draw the page, or say what hinders it."""
    member = services.session_of(request.scope)
    if member is None:
        return RedirectResponse(login_address(request.scope), 303)
    try:
        visit = open_visit(services, request, member)
        if visit is None:
            return await show_missing(services, request)
        await services.keep_alive(request.scope)
        return await build(visit)
    except StorageError as error:
        ui.context.client.content.clear()
        ui.context.client.status_code = 503
        missing.unavailable(error.message)
    return None


async def show_missing(services: DesignerServices, request: Request) -> Response | None:
    """Draw the page for an address that leads nowhere."""
    if services.session_of(request.scope) is None:
        return RedirectResponse(login_address(request.scope), 303)
    ui.context.client.status_code = 404
    missing.not_found()
    return None
