"""Render in one long-lived process that may be killed without harm.

Whole batches go over a socket pair: scopes once each, templates once per
content for as long as the process lives. When it dies, what has not been
answered is sent again item by item, so the guilty one is known and becomes a
`limit` fault; searching by halves would kill a process per half.

The process also ends by itself: an alarm of the kernel ends an item that takes
too long, and the socket closes with the parent. `PR_SET_PDEATHSIG` is not used:
it fires when the *thread* that started the process ends, and batches are
rendered from pool threads.
"""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from engine.errors import TocsinError
from engine.render.frames import Receiver, send
from engine.render.outbox import Outbox
from engine.render.requests import RenderFault, RenderRequest, RenderResult, limit_fault

_MEMORY: Final = 256 * 1024 * 1024
_DEADLINE: Final = 2.0
_START_TIMEOUT: Final = 60.0
# The kernel's alarm comes first; this is for a process that was stopped.
_GRACE: Final = 5.0
# Deaths that one call may cost: each takes seconds, and the starting of a process.
_MOST_KILLS: Final = 4
_ROOT: Final = Path(__file__).resolve().parents[2]


class RendererDown(TocsinError):
    """The render process cannot be started; nothing was rendered."""

    code = "renderer_down"
    http_status = 503
    is_retryable = True


class _Child:
    """Own one render process and the socket to it."""

    def __init__(self, seconds: float, memory: int) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "engine.render.worker", str(seconds), str(memory)]
        with theirs:
            # No inherited environment: secrets in it must not be near templates.
            self.process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=_ROOT,
                env={"PYTHONPATH": str(_ROOT), "LC_ALL": "C.UTF-8"},
            )
        self._connection = ours
        self._receiver = Receiver(ours)
        ours.settimeout(_START_TIMEOUT)
        if self._receive() != b"ready":
            self.end()
            raise RendererDown(
                f"the render process did not start (exit status {self.process.returncode});"
                " see its output above"
            )
        ours.settimeout(seconds + _GRACE)

    def answers(self, message: bytes, count: int) -> Iterator[list[Any]]:
        """Yield results as they come; ends early when the process dies."""
        try:
            send(self._connection, message)
        except OSError:
            return
        while count:
            answer = self._receive()
            if answer is None:
                return
            results = orjson.loads(answer)
            count -= len(results)
            yield results

    def end(self) -> None:
        """Kill the process if it still runs, and wait for it."""
        self._connection.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _receive(self) -> bytes | None:
        try:
            return self._receiver.receive()
        except TimeoutError:
            return None


class ProcessRenderer:
    """Render batches in a process with a memory cap and a deadline per item.

    `kills` counts the processes that died at work, `rendered` the results
    returned. Threads may share it; they take turns.
    """

    def __init__(self, *, deadline: float = _DEADLINE, memory: int = _MEMORY) -> None:
        """Start nothing yet: the first batch starts the process."""
        self.kills = 0
        self.rendered = 0
        self._deadline = deadline
        self._memory = memory
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._outbox = Outbox()
        self._closed = False
        self._timed_out = False

    @property
    def pid(self) -> int | None:
        """Return the process id of the render process, if one runs."""
        return self._child.process.pid if self._child else None

    def start(self) -> None:
        """Start the process now, so that the first batch need not wait."""
        with self._lock:
            self._running()

    def render(
        self, batch: Sequence[RenderRequest], *, patience: float | None = None
    ) -> list[RenderResult]:
        """Return one result per request, in order; fewer when patience is over.

        Whoever has patience to lose also gets fewer when the batch has killed
        the process four times; others get a `limit` fault for what is left then.

        Raises:
            RendererDown: the process cannot be started, or was closed.
        """
        with self._lock:
            results: list[RenderResult] = []
            until = math.inf if patience is None else time.monotonic() + patience
            most = self.kills + _MOST_KILLS
            for chunk in self._outbox.chunks(batch):
                results += self._render(chunk, until, most)
                if time.monotonic() > until or self.kills >= most:
                    break
            if patience is None:
                results += [_left_out()] * (len(batch) - len(results))
            self.rendered += len(results)
            return results

    def close(self) -> None:
        """End the process; nothing can be rendered afterwards."""
        with self._lock:
            self._closed = True
            self._end()

    def _render(
        self, chunk: Sequence[RenderRequest], until: float, most: int
    ) -> list[RenderResult]:
        results = self._attempt(chunk, until)
        is_alone = len(chunk) == 1
        while len(results) < len(chunk):
            if results and (time.monotonic() > until or self.kills >= most):
                break
            rest = [chunk[len(results)]]
            guilty = is_alone and self._timed_out
            results += (not guilty and self._attempt(rest)) or [self._given_up()]
        return results

    def _given_up(self) -> RenderResult:
        return limit_fault(
            f"the template took more than {self._deadline:g} seconds or"
            f" {self._memory >> 20} MB; make it do less"
        )

    def _attempt(
        self, chunk: Sequence[RenderRequest], until: float = math.inf
    ) -> list[RenderResult]:
        """Return the results that came before the process died, if it died, or was too slow."""
        child = self._running()
        results: list[RenderResult] = []
        message = self._outbox.message(chunk)
        for answer in child.answers(message, len(chunk)):
            results += (_result(item) for item in answer)
            if len(results) < len(chunk) and time.monotonic() > until:
                # Nobody waits for the rest; a process at work on it would answer the next batch.
                self._end()
                return results
        if len(results) < len(chunk):
            self.kills += 1
            self._end()
            # Any other end may have come from outside and deserves a second try.
            self._timed_out = child.process.returncode == -signal.SIGALRM
        return results

    def _running(self) -> _Child:
        if self._closed:
            raise RendererDown("the renderer was closed; make another one")
        child = self._child
        if child is not None and child.process.poll() is not None:
            # Killed from outside while it had nothing to do.
            self._end()
            child = None
        if child is None:
            child = self._child = _Child(self._deadline, self._memory)
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        self._outbox.forget()
        if child is not None:
            with contextlib.suppress(OSError):
                child.end()


def _left_out() -> RenderResult:
    return limit_fault(
        f"not rendered: {_MOST_KILLS} times a template of this batch took too much time or memory"
    )


def _result(item: Sequence[Any]) -> RenderResult:
    ok, output, errors, warnings = item
    if ok and not warnings:
        return RenderResult(True, output)
    faults = tuple(RenderFault(*error) for error in errors)
    return RenderResult(ok, output, faults, tuple(warnings))
