"""What a server that has nothing to do holds in memory and takes of a core."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import Any, Final

from bench import drain, load, report
from bench.host import host_facts
from bench.progress import Progress
from bench.report import Gate
from bench.server import site

_SETTLE_SECONDS: Final = 5.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.M)


def run(folder: Path | None, say: Progress, *, seconds: float = 60.0) -> dict[str, Any]:
    """Use the server once, so that everything is loaded, then watch it do nothing."""
    host = host_facts()
    with site(folder) as made:
        everything = made.all()
        asyncio.run(load.prepare_users(everything.port))
        drain.accept(everything.port, 50, "idle")
        drain.wait_until_settled(made)
        time.sleep(_SETTLE_SECONDS)
        found = watch(everything.process.pid, seconds)
    for name, figures in found.items():
        say(f"idle {name}: {figures['pss_mb']} MB, {figures['core_percent']} % of a core")
    serving = [found[name] for name in ("web", "executor")]
    memory = round(sum(f["pss_mb"] for f in serving), 1)
    with_renderer = round(memory + found["renderer"]["pss_mb"], 1)
    # The renderer belongs to the executor: what it takes of a core is counted.
    processor = round(sum(f["core_percent"] for n, f in found.items() if n != "supervisor"), 2)
    gates = [
        Gate("MB held by web and executor (proportional set size)", memory, 200.0, "most"),
        Gate("percent of one core taken by them and the renderer", processor, 2.0, "most"),
    ]
    medians = {
        "pss_mb": memory, "pss_with_renderer_mb": with_renderer, "core_percent": processor,
    }  # fmt: skip
    return report.document(
        "idle", host=host, rounds=[found], medians=medians, gates=gates, seconds=seconds
    )


def watch(supervisor: int, seconds: float) -> dict[str, dict[str, float]]:
    """Measure each process of a server over some seconds."""
    roles = {pid: role_of(pid) for pid in (supervisor, *descendants(supervisor))}
    before = {pid: ticks(pid) for pid in roles}
    began = time.perf_counter()
    time.sleep(seconds)
    passed = time.perf_counter() - began
    return {
        role: {
            "pss_mb": round(proportional_kb(pid) / 1024, 1),
            "core_percent": round((ticks(pid) - before[pid]) / _TICKS / passed * 100, 2),
        }
        for pid, role in roles.items()
    }


def descendants(pid: int) -> list[int]:
    """List the children of a process, their children, and so on."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def role_of(pid: int) -> str:
    """Name a process by what it was started as."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    if "engine.render.worker" in words:
        return "renderer"
    return next((role for role in ("web", "executor") if role in words), "supervisor")


def ticks(pid: int) -> int:
    """Return the processor time that a process has used, in the kernel's ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def proportional_kb(pid: int) -> int:
    """Return a process's share of the memory it maps: shared pages count by their users."""
    found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    if found is None:
        raise RuntimeError("this kernel does not tell proportional set sizes")
    return int(found[1])
