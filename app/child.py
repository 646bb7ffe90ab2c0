"""Be one process of a server: the web process, the executor, or both in one.

A child that a supervisor started dies with it: at once by the kernel's signal
where there is one, else when the pipe to the supervisor closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import structlog

from app.backups import back_up_regularly
from app.folder import DataFolder
from app.logging import set_up_logging
from app.settings import Settings, load_settings
from app.supervisor import HOPELESS
from storage.errors import TocsinError

ROLES: Final = ("web", "executor", "all")
_PR_SET_PDEATHSIG: Final = 1
# A batch of 128 runs makes some ten thousand objects that all live until it is committed.
_COLLECT_AFTER: Final = (20_000, 20, 50)
_log = structlog.get_logger("app.child")


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGKILL when the supervisor's main thread ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def watch_lifeline(handle: int) -> None:
    """End this process when the supervisor's end of the pipe closes."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(handle, 1):
                pass
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def steady_heap() -> None:
    """Keep the garbage collector from walking what was loaded at the start.

    Going through all modules again and again took a third of the processor time
    of a busy executor. The collector still frees what is made from now on.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


async def run_role(
    role: str,
    settings: Settings,
    folder: DataFolder,
    listener: socket.socket | None,
    ready: Callable[[], None],
    *,
    has_supervisor: bool,
) -> None:
    """Run a role until SIGTERM or SIGINT; `ready` is called when all of it is."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    waiting = {part for part in ("web", "executor") if role in (part, "all")}

    def part_ready(part: str) -> None:
        waiting.discard(part)
        if not waiting:
            steady_heap()
            ready()

    parts = []
    if role in ("web", "all") and listener is not None:
        from app.server import serve_web

        parts.append(
            serve_web(
                settings, folder, listener, stop, lambda: part_ready("web"),
                has_supervisor=has_supervisor,
            )
        )  # fmt: skip
    if role in ("executor", "all"):
        from app.executor import execute

        parts.append(execute(settings, folder, stop, lambda: part_ready("executor")))
    backups = None
    if role == "all":  # else the supervisor takes them
        backups = asyncio.create_task(back_up_regularly(settings, folder))
    try:
        await _all_or_stop(parts, stop, settings.drain_seconds)
    finally:
        if backups is not None:
            backups.cancel()


async def _all_or_stop(
    parts: Iterable[Coroutine[Any, Any, None]], stop: asyncio.Event, drain: float
) -> None:
    """Run the parts; the end of one ends the others, and draining has a limit."""
    tasks = [asyncio.create_task(part) for part in parts]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    _, late = await asyncio.wait(tasks, timeout=drain)
    for task in late:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def run_loop(
    role: str,
    settings: Settings,
    folder: DataFolder,
    listener: socket.socket | None,
    ready: Callable[[], None],
    *,
    has_supervisor: bool,
) -> None:
    """Run a role on a fresh loop of uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_role(role, settings, folder, listener, ready, has_supervisor=has_supervisor))


def main() -> int:
    """Run as a supervisor's child; what it needs stands in the arguments."""
    parser = argparse.ArgumentParser(prog="tocsin-child")
    parser.add_argument("role", choices=("web", "executor"))
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--ready", type=int, required=True)
    parser.add_argument("--listener", type=int)
    given = parser.parse_args()
    die_with_parent(given.parent)
    # Ctrl-C reaches the whole terminal; the supervisor alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = load_settings()
    set_up_logging(settings, given.role)
    try:
        # Each role loads its own part only: the executor never imports a page.
        module = importlib.import_module("app.server" if given.role == "web" else "app.executor")
        module.preload()
        if os.read(given.lifeline, 1) != b"g":
            return 1
        watch_lifeline(given.lifeline)
        listener = socket.socket(fileno=given.listener) if given.listener is not None else None

        def ready() -> None:
            os.write(given.ready, b"r")

        run_loop(
            given.role, settings, DataFolder(settings.data), listener, ready, has_supervisor=True
        )
    except TocsinError as error:
        _log.error("process.refused", error=error.message)
        return HOPELESS
    return 0


if __name__ == "__main__":
    sys.exit(main())
