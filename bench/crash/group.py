"""One `tocsin serve` as a process group: start it, find its children, kill any of them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

START_SECONDS = 40.0


@dataclass
class Group:
    """The server under test; `url` answers while it is up."""

    data: Path
    bootstrap: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Give the server's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def fault_file(self) -> Path:
        """Give the file from which the running processes read the fault that is armed."""
        return self.data.with_name("fault")

    def arm(self, fault: str) -> None:
        """Arm a fault in the running server; the process that it strikes takes it away."""
        draft = self.fault_file.with_suffix(".new")
        draft.write_text(fault)
        draft.replace(self.fault_file)

    def start(self) -> None:
        """Start the server and wait for its ready line."""
        environ = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        environ |= {"TOCSIN_ALLOWED_NETWORKS": "127.0.0.0/8", "TOCSIN_FAULT": f"@{self.fault_file}"}
        environ["TOCSIN_LOG_LEVEL"] = "warning"
        command = [
            sys.executable, "-m", "app.cli", "serve", "--data", str(self.data),
            "--port", str(self.port), "--bootstrap", str(self.bootstrap),
        ]  # fmt: skip
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=environ, start_new_session=True
            )
        self._wait_ready(began)

    def _wait_ready(self, began: float) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(b"ready"):
                self.starts.append(time.monotonic() - began)
                return
        raise RuntimeError(f"the server ended before it was ready; see {self.log}")

    def children(self) -> dict[str, int]:
        """Return the pids of the web process and the executor."""
        found: dict[str, int] = {}
        pids = ""
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{self.process.pid if self.process else 0}/task").iterdir():
                pids += (task / "children").read_text() + " "
        for pid in pids.split():
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                for role in ("web", "executor"):
                    if role.encode() in words and _is_alive(int(pid)):
                        found[role] = int(pid)
        return found

    def kill_group(self) -> None:
        """SIGKILL everything at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _close(self.process)

    def kill_supervisor(self) -> bool:
        """SIGKILL the supervisor alone; tell whether its children ended with it."""
        assert self.process is not None
        children = self.children()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        _close(self.process)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if not any(_is_alive(pid) for pid in children.values()):
                return True
            time.sleep(0.01)
        os.killpg(self.process.pid, signal.SIGKILL)
        return False

    def kill_child(self, role: str) -> bool:
        """SIGKILL one child and wait until its successor works."""
        pid = self.children().get(role)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return self.wait_for_successor({role: pid})

    def wait_for_successor(self, dead: dict[str, int]) -> bool:
        """Wait until every role among `dead` has a new process and the server is well."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            now = self.children()
            if all(now.get(role) not in (None, pid) for role, pid in dead.items()) and self.is_up():
                return True
            time.sleep(0.03)
        return False

    def wait_for_death(self, known: dict[str, int], seconds: float) -> dict[str, int]:
        """Wait until an armed fault has ended one of the known processes; give which."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            now = self.children()
            dead = {role: pid for role, pid in known.items() if now.get(role) != pid}
            if dead:
                return dead
            time.sleep(0.01)
        return {}

    def is_up(self) -> bool:
        """Tell whether the API answers."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> int:
        """Stop gracefully and return the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=30)
        _close(self.process)
        return code


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdout is not None:
        process.stdout.close()


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
