"""Run the server's processes by themselves, each on the core that it is given."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import work
from storage.db import FILE_NAME, Database

_START_SECONDS: Final = 60.0
_READY: Final = re.compile(rb"ready(?: http://[^:]+:(\d+))?")


class Started:
    """One process of ours that has said it is ready."""

    def __init__(self, command: list[str], log: Path, core: int | None) -> None:
        """Start `command` on `core` and wait for its ready line."""
        environ = {**os.environ, "TOCSIN_LOG_LEVEL": "warning", "PYTHONUNBUFFERED": "1"}
        environ["TOCSIN_ALLOWED_NETWORKS"] = "127.0.0.0/8"
        environ["TOCSIN_BACKUP_EVERY_HOURS"] = "0"
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self._log, env=environ, start_new_session=True
        )
        if core is not None:
            os.sched_setaffinity(self.process.pid, {core})
        self.port = self._wait(command, log)
        self.ready_at = time.perf_counter()

    def _wait(self, command: list[str], log: Path) -> int:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found = _READY.match(line)
            if found:
                return int(found[1] or 0)
        tail = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} ended before it was ready:\n{tail}")

    def stop(self) -> None:
        """End the process and everything that it started."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()


@dataclass
class Site:
    """A data folder with the benchmark's workflow, and the processes that serve it."""

    folder: Path
    sink: str = "http://127.0.0.1:9/"
    running: list[Started] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write what the first start reads."""
        project = self.folder / "project"
        work.write_project(project)
        work.write_bootstrap(self.folder / "bootstrap.toml", project, self.sink)

    @property
    def data(self) -> Path:
        """Give the data folder."""
        return self.folder / "data"

    def web(self, core: int | None = None) -> Started:
        """Start the web process alone."""
        return self._start(self._serve("web"), core)

    def all(self) -> Started:
        """Start supervisor, web process and executor, as an operator does."""
        return self._start(self._serve("all"), None)

    def executor(
        self, core: int | None = None, *, claim: int = 0, steps: int = 0, lanes: int = 0
    ) -> Started:
        """Start the executor alone; 0 keeps the product's own figure."""
        command = [sys.executable, "-m", "bench.executor", "--data", str(self.data)]
        command += ["--claim", str(claim), "--steps", str(steps), "--lanes", str(lanes)]
        return self._start(command, core)

    def _serve(self, role: str) -> list[str]:
        return [
            sys.executable, "-m", "app.cli", "serve", "--data", str(self.data), "--port", "0",
            "--role", role, "--bootstrap", str(self.folder / "bootstrap.toml"),
        ]  # fmt: skip

    def _start(self, command: list[str], core: int | None) -> Started:
        started = Started(command, self.folder / "server.log", core)
        self.running.append(started)
        return started

    def stop(self) -> None:
        """End whatever still runs."""
        while self.running:
            self.running.pop().stop()

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Look into the data file without writing."""
        found = Database(self.data / FILE_NAME)
        try:
            yield found
        finally:
            found.close()


@contextmanager
def site(parent: Path | None, sink: str = "http://127.0.0.1:9/") -> Iterator[Site]:
    """Make a site in a temporary folder under `parent` and clear it away afterwards."""
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=parent) as name:
        made = Site(Path(name), sink)
        try:
            yield made
        finally:
            made.stop()
