"""Start the web process and the executor, keep both alive, end both in time.

This process loads next to nothing, so that its children start at once. The
first executor prepares the folder; what it found out comes back as a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from typing import Any, Final

import orjson

from app.folder import DataFolder, FolderLock, write_state
from app.offspring import (
    BEAT_SECONDS,
    PREPARED,
    READY,
    REFUSED,
    Child,
    is_stopped,
    start_child,
)
from app.prepared import Prepared
from app.settings import Settings
from storage.errors import TocsinError

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
# One that became ready has done work: it is waited for less long than one that cannot start.
_LONGEST_PAUSE_OF_READY: Final = 0.5
# A child that lived this long was well: its next pause is the first one again.
_STEADY_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 1.0
# Before the first `ready` nobody relies on the server: a clear end beats trying for ever.
_EARLY_DEATHS: Final = 3
# Backups begin once clients that waited for the start have been served.
_BACKUPS_AFTER_SECONDS: Final = 5.0
# How a child says that starting it again would not help.
HOPELESS: Final = 78
ROLES: Final = ("executor", "web")


class Hopeless(Exception):
    """A child cannot run: it said so itself, or it died again and again at the start."""


class Refused(TocsinError):
    """The folder could not be prepared; the message is the child's."""

    code = "start_refused"


class Supervisor:
    """The parent of one server's processes."""

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        lock: FolderLock,
        listener: socket.socket,
        *,
        may_migrate: bool = True,
        is_demo: bool = False,
    ) -> None:
        """Keep what every child inherits: settings, lock and listening socket."""
        self._settings = settings
        self._folder = folder
        self._lock = lock
        self._listener = listener
        self._prepare = ["--prepare", *(["--demo"] if is_demo else [])]
        self._prepare += [] if may_migrate else ["--no-migrate"]
        self._stop = asyncio.Event()
        self._children: dict[str, Child] = {}
        self._ready = {role: asyncio.Event() for role in ROLES}
        self._prepared: asyncio.Future[Prepared] | None = None
        self._may_go = False
        self._state = "starting"
        self._logger: Any = None

    async def run(self, on_ready: Callable[[Prepared], None]) -> None:
        """Serve until a signal comes.

        Raises:
            Refused: the folder cannot be prepared.
            Hopeless: a child cannot run at all; its log line says why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        self._prepared = loop.create_future()
        try:
            for role in ROLES:
                self._children[role] = await self._start(role)
            prepared = await self._preparation(self._prepared)
            if prepared is None:
                return
            self._may_go = True
            for child in self._children.values():
                child.let_go()
            await self._supervise(lambda: on_ready(prepared))
        finally:
            self._note("draining")
            await self._end_all()
            self._note("stopped")

    async def _preparation(self, prepared: asyncio.Future[Prepared]) -> Prepared | None:
        """Wait until the folder is prepared; None if the server is to stop before."""
        stopping = asyncio.create_task(self._stop.wait())
        deaths = 0
        try:
            while True:
                child = self._children["executor"]
                death = asyncio.create_task(child.process.wait())
                first: set[asyncio.Future[Any]] = {prepared, stopping, death}
                await asyncio.wait(first, return_when="FIRST_COMPLETED")
                death.cancel()
                child.listen()
                if prepared.done():
                    return prepared.result()
                if stopping.done():
                    return None
                deaths += 1
                # One that was killed may be tried again; one that failed would fail again.
                if (child.process.returncode or 0) >= 0 or deaths >= _EARLY_DEATHS:
                    raise Hopeless(child.role)
                child.close()
                self._children["executor"] = await self._start("executor")
        finally:
            stopping.cancel()

    async def _supervise(self, on_ready: Callable[[], None]) -> None:
        keepers = [asyncio.create_task(self._keep(role)) for role in self._children]
        keepers += [asyncio.create_task(self._watch()), asyncio.create_task(self._back_up())]
        readiness = asyncio.create_task(self._announce(on_ready))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *keepers}, return_when="FIRST_COMPLETED")
            for task in done - {stopping}:
                task.result()
        finally:
            for task in (readiness, stopping, *keepers):
                task.cancel()
            await asyncio.gather(readiness, stopping, *keepers, return_exceptions=True)

    async def _announce(self, on_ready: Callable[[], None]) -> None:
        for event in self._ready.values():
            await event.wait()
        self._note("serving")
        on_ready()

    async def _back_up(self) -> None:
        """Take backups at their pace; what that needs is loaded after the start."""
        await asyncio.sleep(_BACKUPS_AFTER_SECONDS)
        if not self._settings.backup_every_hours:
            await asyncio.Event().wait()
        self._log("debug", "backups.begin")
        from app.backups import back_up_regularly

        await back_up_regularly(self._settings, self._folder)

    # ---------------------------------------------------------------- one child

    async def _start(self, role: str) -> Child:
        arguments, handles = [], [self._lock.fileno()]
        if role == "web":
            handles.append(self._listener.fileno())
            arguments = ["--listener", str(self._listener.fileno())]
        elif not self._may_go:
            arguments = self._prepare
        return await start_child(
            role, self._settings, self._on_word, arguments=arguments, handles=handles
        )

    def _on_word(self, child: Child, kind: bytes, rest: bytes) -> None:
        child.silent_seconds = 0.0
        if kind == READY:
            child.is_ready = True
            self._ready[child.role].set()
            self._note(self._state)
        elif self._prepared is None or self._prepared.done():
            return
        elif kind == PREPARED:
            self._prepared.set_result(Prepared.from_line(rest))
        elif kind == REFUSED:
            self._prepared.set_exception(Refused(str(orjson.loads(rest))))

    async def _keep(self, role: str) -> None:
        """Start the role's process again whenever it ends, more slowly each time."""
        loop = asyncio.get_running_loop()
        pause, early_deaths = _FIRST_PAUSE, 0
        while True:
            child = self._children[role]
            status = await child.process.wait()
            self._ready[role].clear()
            early_deaths += self._state == "starting"
            if status == HOPELESS or early_deaths >= _EARLY_DEATHS:
                raise Hopeless(role)
            if loop.time() - child.started_at > _STEADY_SECONDS:
                pause = _FIRST_PAUSE
            elif child.is_ready:
                pause = min(pause, _LONGEST_PAUSE_OF_READY)
            self._note(self._state)
            self._log("error", "process.died", role=role, status=status, restart_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            fresh = await self._start(role)
            child.close()
            self._children[role] = fresh
            fresh.let_go()

    async def _watch(self) -> None:
        """Kill a child that lives and whose loop has not turned for long; it is started again.

        Silence is counted in our own ticks: if this process or the whole machine
        slept, nobody is blamed. Nor is a child that is starting, or that somebody stopped.
        """
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            for child in self._children.values():
                if not child.is_ready or child.process.returncode is not None:
                    continue
                child.silent_seconds += BEAT_SECONDS
                if child.silent_seconds <= self._settings.hang_seconds:
                    continue
                if is_stopped(child.process.pid):
                    child.silent_seconds = 0.0
                    continue
                self._log(
                    "error", "process.hangs", role=child.role, pid=child.process.pid,
                    silent_seconds=child.silent_seconds, then="it is killed and started again",
                )  # fmt: skip
                child.silent_seconds = 0.0
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()

    # ------------------------------------------------------------------- ending

    async def _end_all(self) -> None:
        """Ask every child to drain, and end those that take too long."""
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        waits = [asyncio.ensure_future(c.process.wait()) for c in self._children.values()]
        if not waits:
            return
        limit = self._settings.drain_seconds + _GRACE_SECONDS if self._may_go else 0.0
        _, late = await asyncio.wait(waits, timeout=limit)
        if late:
            for child in self._children.values():
                with contextlib.suppress(ProcessLookupError):
                    child.process.kill()
            await asyncio.wait(waits)
        for child in self._children.values():
            child.close()

    def _log(self, level: str, event: str, **facts: Any) -> None:
        """Write a log line; logging is loaded with the first one."""
        if self._logger is None:
            import structlog

            from app.logging import set_up_logging

            set_up_logging(self._settings, "supervisor")
            self._logger = structlog.get_logger("app.supervisor")
        getattr(self._logger, level)(event, **facts)

    def _note(self, state: str) -> None:
        self._state = state
        roles = {
            role: "running" if event.is_set() else "starting" for role, event in self._ready.items()
        }
        write_state(
            self._folder,
            state=state,
            url=self._settings.public_url,
            local_url=local_url(self._listener),
            pid=os.getpid(),
            processes={role: child.process.pid for role, child in self._children.items()},
            **roles,
        )


def local_url(listener: socket.socket) -> str:
    """Give the address under which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
