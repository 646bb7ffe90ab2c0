"""Say on what machine a figure was taken, and what its disk can do at best."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any, Final

import apsw

_WRITES: Final = 400
_BLOCK: Final = b"\0" * 4096


def host_facts() -> dict[str, Any]:
    """Describe the machine and what runs on it beside."""
    load = os.getloadavg()
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": apsw.sqlitelibversion(),
        "load_before": round(load[0], 2),
    }


def floor(folder: Path) -> dict[str, float]:
    """Time a 4 KB write with `fdatasync` in `folder`: what no durable answer can undercut."""
    file = folder / "floor.bin"
    handle = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        times = []
        for number in range(_WRITES):
            began = time.perf_counter()
            os.pwrite(handle, _BLOCK, number * len(_BLOCK))
            os.fdatasync(handle)
            times.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(handle)
        file.unlink()
    times.sort()
    return {
        "p50_ms": round(statistics.median(times), 3),
        "p99_ms": round(times[int(len(times) * 0.99)], 3),
    }
