"""Bring up beside the work what takes long to import: the pages, and the way to providers.

A server is of use before either is there. Whoever asks meanwhile waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

from app.dispatch import AsgiApp, Receive, Scope, Send, answer_json, live
from engine.net.exchange import (
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
)

if TYPE_CHECKING:
    from engine.net.transport import HttpTransport

# After a restart, the requests that waited for it come first; a page does not wait this long.
_PAGES_AFTER_SECONDS: Final = 2.0
_log = structlog.get_logger("app.late")


class LateApp:
    """An app that is imported and built when it is first asked for, or soon after the start.

    `load` only imports, on a thread; `build` then makes the app on the loop.
    """

    def __init__(
        self,
        load: Callable[[], object],
        build: Callable[[], AsgiApp],
        on_built: Callable[[], object] = lambda: None,
        *,
        after: float = _PAGES_AFTER_SECONDS,
    ) -> None:
        """Promise the app; nothing is imported before the lifespan begins."""
        self._load, self._build, self._on_built = load, build, on_built
        self._after = after
        self._asked = asyncio.Event()
        self._built: asyncio.Task[AsgiApp] | None = None
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._life: asyncio.Task[Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection once the app is there; the lifespan starts without it."""
        built = self._begin(scope)
        if scope["type"] == "lifespan":
            try:
                await live(receive, send)
            finally:
                await self._end(built)
            return
        self._asked.set()
        await asyncio.wait({built})
        if built.cancelled() or built.exception():
            await _unavailable(scope, send)
            return
        await built.result()(scope, receive, send)

    def _begin(self, scope: Scope) -> asyncio.Task[AsgiApp]:
        if self._built is None:
            self._built = asyncio.create_task(self._bring_up({**scope, "type": "lifespan"}))
            self._built.add_done_callback(_note_failure)
        return self._built

    async def _bring_up(self, scope: Scope) -> AsgiApp:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), self._after)
        await asyncio.to_thread(self._load)
        app = self._build()
        self._life = asyncio.create_task(self._inner_life(app, scope))
        self._events.put_nowait({"type": "lifespan.startup"})
        answer = await self._answers.get()
        if answer != "lifespan.startup.complete":
            raise RuntimeError(f"the pages answered their start with {answer}")
        self._on_built()
        return app

    async def _inner_life(self, app: AsgiApp, scope: Scope) -> None:
        async def receive() -> dict[str, Any]:
            return await self._events.get()

        async def send(message: Any) -> None:
            self._answers.put_nowait(str(message["type"]))

        try:
            await app(scope, receive, send)
        finally:
            self._answers.put_nowait("the end of its life")

    async def _end(self, built: asyncio.Task[AsgiApp]) -> None:
        """End the app's own life, if it began; an import under way ends with the process."""
        if self._life is None:
            built.cancel()
            return
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait({self._life})


def _note_failure(built: asyncio.Task[AsgiApp]) -> None:
    if not built.cancelled() and (error := built.exception()):
        _log.error("pages.failed", exc_info=error)


async def _unavailable(scope: Scope, send: Send) -> None:
    if scope["type"] == "http":
        message = "The pages could not be started; the server's log says why. The API works."
        await answer_json(send, 503, {"message": message})
    else:
        await send({"type": "websocket.close", "code": 1011})


class LateTransport:
    """A transport that is made on a thread; a call waits for it."""

    def __init__(self, make: Callable[[], HttpTransport]) -> None:
        """Begin to make it; needs a running loop."""
        self._made = asyncio.create_task(asyncio.to_thread(make))

    async def send(
        self,
        request: HttpRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the protocol's own parameter
        allow_private: bool = False,
    ) -> HttpAnswer | NetFailure:
        """Send as the made transport does."""
        transport = await asyncio.shield(self._made)
        return await transport.send(request, timeout=timeout, allow_private=allow_private)

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        """Hand over as the made transport does."""
        return await (await asyncio.shield(self._made)).mail(mail)

    async def aclose(self) -> None:
        """Close what was made."""
        await asyncio.wait({self._made})
        if not self._made.cancelled() and not self._made.exception():
            await self._made.result().aclose()
