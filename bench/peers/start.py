"""Start a peer's script in the environment where it is installed, and read its figure."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from bench import work

_HERE: Final = Path(__file__).parent
_LONGEST: Final = 300


@dataclass(slots=True)
class Peer:
    """One system: how to start its script, and what it does on a quiet machine."""

    name: str
    command: list[str] | None
    expected: tuple[float, float]
    runs: int
    needs_redis: bool = False
    remark: str = ""

    def measure(self, folder: Path) -> float | None:
        """Return its runs per second, or None where it is not installed."""
        if self.command is None:
            return None
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-", dir=folder) as made:
            place = Path(made)
            job = {"items": work.peer_items(self.runs), "templates": work.TEMPLATES}
            with contextlib.ExitStack() as stack:
                if self.needs_redis:
                    job["redis"] = str(stack.enter_context(_redis(place)))
                (place / "job.json").write_bytes(orjson.dumps(job))
                found = _result(self.command, place)
        if found["messages"] != 2 * self.runs:
            raise RuntimeError(
                f"{self.name} stored {found['messages']} messages of {2 * self.runs}"
            )
        self.remark = self.remark or str(found.get("remark", ""))
        return round(self.runs / found["seconds"], 1)


def _result(command: list[str], place: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*command, str(place)], capture_output=True, text=True, timeout=_LONGEST, check=False,
        cwd=place,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr[-1500:]}")
    found: dict[str, Any] = orjson.loads(done.stdout.strip().splitlines()[-1])
    return found


@contextmanager
def _redis(place: Path) -> Iterator[Path]:
    """Run a Redis that flushes every write, as durable as the others; yields its socket."""
    redis = shutil.which("redis-server")
    assert redis is not None
    address = Path(tempfile.mkdtemp(prefix="redis-")) / "s"  # a socket's path must be short
    command = [redis, "--port", "0", "--unixsocket", str(address), "--dir", str(place)]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not address.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("redis-server did not start")
            time.sleep(0.02)
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(address.parent)


def known_peers(
    huey_python: str | None, dramatiq_python: str | None, node_modules: Path | None
) -> list[Peer]:
    """List the peers; one that is not installed stays in the list and says so."""
    redis = shutil.which("redis-server")
    node = shutil.which("node")
    huey = _python(huey_python, "huey", "huey_peer.py")
    dramatiq = _python(dramatiq_python, "dramatiq", "dramatiq_peer.py") if redis else None
    bullmq = None
    if redis and node and node_modules and (node_modules / "bullmq").is_dir():
        bullmq = [node, str(_HERE / "bullmq_peer.mjs"), str(node_modules.resolve())]
    peers = [
        Peer("huey", huey, (530.0, 720.0), 1500),
        Peer("dramatiq", dramatiq, (640.0, 700.0), 1500, needs_redis=True),
        Peer("bullmq", bullmq, (2400.0, 3500.0), 5000, needs_redis=True),
    ]
    for peer, how in zip(peers, _HOW, strict=True):
        if peer.command is None:
            peer.remark = f"{peer.name} was left out: {how}"
    return peers


def _python(given: str | None, module: str, script: str) -> list[str] | None:
    """Name the interpreter that has `module` and Liquid: the given one, else this one."""
    python = given or sys.executable
    probe = [python, "-c", f"import {module}, liquid"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        if given:
            raise SystemExit(f"{given} cannot import {module} and liquid (python-liquid)")
        return None
    return [python, str(_HERE / script)]


_HOW: Final = (
    "install huey and python-liquid somewhere and name that python with --huey-python",
    "it needs redis-server, and --dramatiq-python with dramatiq[redis] and python-liquid",
    "it needs redis-server, node, and --node-modules with bullmq, ioredis and liquidjs",
)
