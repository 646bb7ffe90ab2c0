"""Start the web process and the executor, keep both alive, end both in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from app.backups import back_up_regularly
from app.folder import DataFolder, FolderLock, write_state
from app.settings import Settings, as_environment

_ROOT: Final = Path(__file__).resolve().parent.parent
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
# A child that lived this long was well: its next pause is the first one again.
_STEADY_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 1.0
# Before the first `ready` nobody relies on the server: a clear end beats trying for ever.
_EARLY_DEATHS: Final = 3
# How a child says that starting it again would not help.
HOPELESS: Final = 78
ROLES: Final = ("executor", "web")
_log = structlog.get_logger("app.supervisor")


class Hopeless(Exception):
    """A child cannot run: it said so itself, or it died again and again at the start."""


@dataclass(slots=True, kw_only=True)
class _Child:
    role: str
    process: asyncio.subprocess.Process
    lifeline: int
    ready_pipe: int
    started_at: float


class Supervisor:
    """The parent of one server's processes."""

    def __init__(
        self, settings: Settings, folder: DataFolder, lock: FolderLock, listener: socket.socket
    ) -> None:
        """Keep what every child inherits: settings, lock and listening socket."""
        self._settings = settings
        self._folder = folder
        self._lock = lock
        self._listener = listener
        self._stop = asyncio.Event()
        self._children: dict[str, _Child] = {}
        self._ready = {role: asyncio.Event() for role in ROLES}
        self._may_go = False
        self._state = "starting"

    async def run(self, make_ready: Callable[[], Any], on_ready: Callable[[Any], None]) -> None:
        """Serve until a signal comes; the children load while `make_ready` works.

        Raises:
            Hopeless: a child cannot run at all; its log line says why.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        try:
            for role in ROLES:
                self._children[role] = await self._start(role)
            prepared = await asyncio.to_thread(make_ready)
            self._may_go = True
            for child in self._children.values():
                self._let_go(child)
            await self._supervise(lambda: on_ready(prepared))
        finally:
            self._note("draining")
            await self._end_all()
            self._note("stopped")

    async def _supervise(self, on_ready: Callable[[], None]) -> None:
        keepers = [asyncio.create_task(self._keep(role)) for role in self._children]
        keepers.append(asyncio.create_task(back_up_regularly(self._settings, self._folder)))
        readiness = asyncio.create_task(self._announce(on_ready))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *keepers}, return_when=asyncio.FIRST_COMPLETED)
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

    # ---------------------------------------------------------------- one child

    async def _start(self, role: str) -> _Child:
        loop = asyncio.get_running_loop()
        lifeline_read, lifeline_write = os.pipe()
        ready_read, ready_write = os.pipe()
        inherited = [lifeline_read, ready_write, self._lock.fileno()]
        command = [sys.executable, "-m", "app.child", role, "--parent", str(os.getpid())]
        command += ["--lifeline", str(lifeline_read), "--ready", str(ready_write)]
        if role == "web":
            inherited.append(self._listener.fileno())
            command += ["--listener", str(self._listener.fileno())]
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        process = await asyncio.create_subprocess_exec(
            *command,
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            process_group=0,
            env={**os.environ, **as_environment(self._settings), "PYTHONPATH": path},
        )
        os.close(lifeline_read)
        os.close(ready_write)
        child = _Child(
            role=role, process=process, lifeline=lifeline_write, ready_pipe=ready_read,
            started_at=loop.time(),
        )  # fmt: skip
        loop.add_reader(ready_read, self._on_ready_pipe, child)
        _log.debug("process.started", role=role, pid=process.pid)
        return child

    def _let_go(self, child: _Child) -> None:
        with contextlib.suppress(BrokenPipeError):  # it is dead already; its keeper notices
            os.write(child.lifeline, b"g")

    def _on_ready_pipe(self, child: _Child) -> None:
        asyncio.get_running_loop().remove_reader(child.ready_pipe)
        if os.read(child.ready_pipe, 1):
            self._ready[child.role].set()
            self._note(self._state)

    def _forget(self, child: _Child) -> None:
        asyncio.get_running_loop().remove_reader(child.ready_pipe)
        os.close(child.ready_pipe)
        os.close(child.lifeline)

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
            _log.error("process.died", role=role, status=status, restart_in=pause)
            self._note(self._state)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            fresh = await self._start(role)
            self._forget(child)
            self._children[role] = fresh
            if self._may_go:
                self._let_go(fresh)

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
            self._forget(child)

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
