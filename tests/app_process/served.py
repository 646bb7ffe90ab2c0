"""A real server on a folder of its own, as a test sees it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_SECONDS = 50.0
HELLO = {
    "name": "Hello",
    "steps": [
        {
            "ref": "delay_1",
            "type": "delay",
            "settings": {"delay_for": {"value": 1, "unit": "minutes"}},
        },
        {
            "ref": "email_1",
            "type": "channel",
            "channel_type": "email",
            "channel_key": "email",
            "template": {"subject": "Hi {{ recipient.name }}", "html_body": "<p>{{ text }}</p>"},
        },
    ],
}


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(holds: Callable[[], Any], seconds: float = 40.0) -> Any:
    """Ask again until the answer is true; give it."""
    deadline = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not come to hold in time"
        time.sleep(0.02)


def tocsin(
    *arguments: str, environ: Mapping[str, str], data: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    environ = {**environ, **({"TOCSIN_DATA": str(data)} if data else {})}
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip


class Server:
    """One `tocsin serve` or `tocsin demo` process."""

    def __init__(self, data: Path, environ: Mapping[str, str], *arguments: str) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        command = list(arguments) or ["serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *command, "--data", str(data), "--port", "0"],
                cwd=ROOT, env=dict(environ), stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self.lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.output: list[str] = []
        self.url = ""

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put("")

    def wait_until_ready(self) -> Server:
        """Read the output up to the ready line."""
        deadline = time.monotonic() + START_SECONDS
        while not self.url:
            try:
                line = self.lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                line = ""
            assert line, f"no ready line: {self.output} {self.log.read_text()}"
            self.output.append(line.rstrip("\n"))
            if line.startswith("ready "):
                self.url = line.split()[1]
        return self

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads((self.data / "server.json").read_text()))

    @property
    def key(self) -> str:
        return str(json.loads((self.data / "local-keys.json").read_text())["development"])

    def get(self, path: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
        """Fetch a path without following redirects."""
        request = urllib.request.Request(self.url + path, headers=headers)
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API with the local secret key."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def trigger(self, key: str = "hello", recipient: str = "ann") -> str:
        body = {"recipients": [recipient], "data": {"text": "x"}}
        return str(self.api("POST", f"/v1/workflows/{key}/trigger", body)["workflow_run_id"])

    def messages(self) -> list[dict[str, Any]]:
        return list(self.api("GET", "/v1/messages")["items"])

    def stop(self) -> int:
        """Ask it to drain and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)

    def kill_all(self) -> None:
        """End what is left, children first named by the server itself."""
        pids = (
            self.state.get("processes", {}).values() if (self.data / "server.json").exists() else ()
        )
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        for pid in pids:
            # Only a process that is ours: its command line says so.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if b"app.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None
