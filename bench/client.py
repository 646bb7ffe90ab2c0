"""Load a server from a core of its own: with `wrk` where it is installed, else from Python."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from bench import load, work

WRK: Final = shutil.which("wrk")
_SCRIPT: Final = Path(__file__).with_name("trigger.lua")


def name_of_client() -> str:
    """Name what makes the closed-loop load."""
    return "wrk" if WRK else "asyncio"


def closed(port: int, *, connections: int, seconds: float, tag: str, core: int) -> dict[str, Any]:
    """Keep `connections` requests in flight for some seconds; each has its own key."""
    if WRK is None:
        return _python("closed", port, connections, seconds, tag, core)
    command = [
        WRK, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(_SCRIPT),
        f"http://127.0.0.1:{port}", "--", work.WORKFLOW, work.KEY, tag,
        work.trigger_body(1).decode(),
    ]  # fmt: skip
    found: dict[str, Any] = orjson.loads(_pinned(command, core).splitlines()[-1])
    return found


def open_loop(port: int, *, rate: float, seconds: float, tag: str, core: int) -> dict[str, Any]:
    """Send at a fixed rate and give latencies counted from when a request was due."""
    return _python("open", port, int(rate), seconds, tag, core)


def _python(kind: str, port: int, size: int, seconds: float, tag: str, core: int) -> dict[str, Any]:
    command = [
        sys.executable, "-m", "bench.client", kind, str(port), str(size), str(seconds), tag,
    ]  # fmt: skip
    found: dict[str, Any] = orjson.loads(_pinned(command, core))
    return found


def _pinned(command: list[str], core: int) -> str:
    taskset = shutil.which("taskset")
    prefix = [taskset, "-c", str(core)] if taskset else []
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr[-500:]}")
    return done.stdout


async def _run(asked: argparse.Namespace) -> load.Load:
    def make(number: int) -> bytes:
        return load.trigger(number, asked.tag)

    if asked.kind == "open":
        return await load.open_loop(asked.port, make, rate=asked.size, seconds=asked.seconds)
    return await load.closed_loop(asked.port, make, connections=asked.size, seconds=asked.seconds)


def main() -> None:
    """Load a port and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("closed", "open"))
    parser.add_argument("port", type=int)
    parser.add_argument("size", type=int, help="connections of a closed loop, rate of an open one")
    parser.add_argument("seconds", type=float)
    parser.add_argument("tag")
    asked = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(_run(asked))
    sys.stdout.write(orjson.dumps(found.figures()).decode() + "\n")


if __name__ == "__main__":
    main()
