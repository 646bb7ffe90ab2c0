"""Be one process of a server: the web process, the executor, or both in one.

A child that a supervisor started dies with it: at once by the kernel's signal
where there is one, else when the pipe to the supervisor closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Final

import orjson
import structlog

from app.folder import DataFolder
from app.heap import loading_heap, steady_heap
from app.logging import set_up_logging
from app.offspring import BEAT, BEAT_SECONDS, GO, PREPARED, READY, REFUSED
from app.settings import Settings, load_settings
from app.supervisor import HOPELESS
from storage.errors import TocsinError

ROLES: Final = ("web", "executor", "all")
_PR_SET_PDEATHSIG: Final = 1
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


async def run_role(
    role: str,
    settings: Settings,
    folder: DataFolder,
    listener: socket.socket | None,
    ready: Callable[[], None],
    *,
    has_supervisor: bool,
    beat: Callable[[], None] | None = None,
) -> None:
    """Run a role until SIGTERM or SIGINT; `ready` is called when all of it is.

    `beat` is called once a second by the loop itself: silence means that it hangs.
    """
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
    beside = []
    if role == "all":  # else the supervisor takes them
        from app.backups import back_up_regularly

        beside.append(asyncio.create_task(back_up_regularly(settings, folder)))
    if beat is not None:
        beside.append(asyncio.create_task(_keep_beating(beat)))
    try:
        await _all_or_stop(parts, stop, settings.drain_seconds)
    finally:
        for task in beside:
            task.cancel()


async def _keep_beating(beat: Callable[[], None]) -> None:
    while True:
        beat()
        await asyncio.sleep(BEAT_SECONDS)


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
    beat: Callable[[], None] | None = None,
) -> None:
    """Run a role on a fresh loop of uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            run_role(
                role, settings, folder, listener, ready, has_supervisor=has_supervisor, beat=beat
            )
        )


def _say(handle: int, kind: bytes, rest: bytes = b"") -> None:
    """Tell the supervisor all of it; only a beat that it has no room for is dropped."""
    word = kind + rest + b"\n"
    with contextlib.suppress(BrokenPipeError):
        while word:
            try:
                word = word[os.write(handle, word) :]
            except BlockingIOError:  # what a start found out may be more than a pipe holds
                if kind == BEAT:
                    return
                select.select([], [handle], [])


def _prepare(
    settings: Settings, given: argparse.Namespace, say: Callable[[bytes, bytes], None]
) -> bool:
    """Prepare the folder and tell what was found out; False if it cannot be served."""
    from app.start import make_ready_and_seed

    try:
        prepared = make_ready_and_seed(
            settings, may_migrate=not given.no_migrate, is_demo=given.demo
        )
    except TocsinError as error:
        say(REFUSED, orjson.dumps(error.message))
    except OSError as error:  # a full disk, a folder that may not be written
        say(REFUSED, orjson.dumps(f"{error.filename or 'A file'}: {error.strerror or error}."))
    else:
        say(PREPARED, prepared.as_line())
        return True
    return False


def main() -> int:
    """Run as a supervisor's child; what it needs stands in the arguments."""
    parser = argparse.ArgumentParser(prog="tocsin-child")
    parser.add_argument("role", choices=("web", "executor"))
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--listener", type=int)
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--no-migrate", action="store_true")
    given = parser.parse_args()
    loading_heap()
    die_with_parent(given.parent)
    # Ctrl-C reaches the whole terminal; the supervisor alone decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings = load_settings()
    set_up_logging(settings, given.role)
    say = partial(_say, given.words)
    try:
        if given.prepare and not _prepare(settings, given, say):
            return HOPELESS
        # Each role loads its own part only: the executor never imports a page.
        module = importlib.import_module("app.server" if given.role == "web" else "app.executor")
        module.preload()
        if os.read(given.lifeline, 1) != GO:
            return 1
        watch_lifeline(given.lifeline)
        listener = socket.socket(fileno=given.listener) if given.listener is not None else None
        run_loop(
            given.role, settings, DataFolder(settings.data), listener, lambda: say(READY),
            has_supervisor=True, beat=lambda: say(BEAT),
        )  # fmt: skip
    except TocsinError as error:
        _log.error("process.refused", error=error.message)
        return HOPELESS
    return 0


if __name__ == "__main__":
    sys.exit(main())
