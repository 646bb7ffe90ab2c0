"""Be the render process: read batches from standard input, answer on the same socket.

Started as `python -m engine.render.worker SECONDS BYTES`. The kernel ends the
process when one item takes longer than SECONDS, and refuses it memory past
BYTES more than it has after start-up; the parent sees the socket close and
knows what to do. It also ends when its parent is gone.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import resource
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

import orjson

from engine.render.core import render_one
from engine.render.frames import Receiver, send
from engine.render.requests import RenderRequest, RenderResult

# Results wait this long at most, so that a death costs little work.
_FLUSH_AFTER: Final = 0.02
_LOOK_FOR_PARENT: Final = 5.0


class Worker:
    """Hold the templates the parent has sent, and render with them."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        """Answer on `connection`; no item may take longer than `seconds`."""
        self._connection = connection
        self._receiver = Receiver(connection)
        self._seconds = seconds
        self._templates: dict[int, Any] = {}

    def serve(self) -> None:
        """Answer batches until the parent goes away."""
        parent = os.getppid()
        self._connection.settimeout(_LOOK_FOR_PARENT)
        send(self._connection, b"ready")
        while True:
            try:
                message = self._receiver.receive()
            except TimeoutError:
                # A fork of the parent may hold the socket open after it died.
                if os.getppid() != parent:
                    return
                continue
            if message is None:
                return
            self._answer(orjson.loads(message))

    def _answer(self, batch: dict[str, Any]) -> None:
        for key in batch["dropped"]:
            self._templates.pop(key, None)
        self._templates.update(batch["templates"])
        scopes = batch["scopes"]
        results: list[Any] = []
        flushed = time.monotonic()
        for kind, template, scope, strict, autoescape, now in batch["requests"]:
            # Its default action ends the process, even inside a C function.
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            request = RenderRequest(
                kind,
                self._templates[template],
                scopes[scope],
                strict,
                autoescape,
                dt.datetime.fromisoformat(now) if now else None,
            )
            results.append(as_wire(render_one(request)))
            if time.monotonic() - flushed > _FLUSH_AFTER:
                self._flush(results)
                results = []
                flushed = time.monotonic()
        self._flush(results)

    def _flush(self, results: list[Any]) -> None:
        # Waiting for a slow parent is nobody's fault.
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(self._connection, orjson.dumps(results))


def as_wire(result: RenderResult) -> list[Any]:
    """Return a result as the list that travels."""
    errors = [(e.kind, e.message, e.line, e.column, e.field) for e in result.errors]
    return [result.ok, result.output, errors, result.warnings]


def limit_memory(extra: int) -> None:
    """Refuse address space past `extra` bytes more than is in use now."""
    statm = Path("/proc/self/statm")
    used = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 0
    _limit(resource.RLIMIT_AS, used + extra)
    _limit(resource.RLIMIT_CORE, 0)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(kind, (value, value))
    except (ValueError, OSError):
        # Not every system limits address space; the deadline still holds there.
        return


def main() -> None:
    """Serve the socket that is standard input."""
    seconds, extra = float(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gc.collect()
    gc.freeze()
    limit_memory(extra)
    with socket.socket(fileno=0) as connection:
        try:
            Worker(connection, seconds).serve()
        except MemoryError:
            sys.exit(1)  # the parent finds out which item it was


if __name__ == "__main__":
    main()
