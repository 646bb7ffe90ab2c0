"""Run the real executor with another claim size, step limit or number of lanes.

The composition is the product's own: only the class that it builds its
services from is bound to other defaults. With `--claim 1 --steps 1 --lanes 1`
it is the straightforward design, one run at a time and one commit per step.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from app import executor
from app.child import run_loop
from app.folder import DataFolder, FolderLock
from app.logging import set_up_logging
from app.settings import load_settings
from engine.worker import services


def main() -> int:
    """Serve until SIGTERM; prints `ready` when due work is moving."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--claim", type=int, default=0, help="0: the product's own")
    parser.add_argument("--steps", type=int, default=0, help="0: no limit")
    parser.add_argument("--lanes", type=int, default=0, help="0: the product's own")
    asked = parser.parse_args()
    given = {"claim_limit": asked.claim, "step_limit": asked.steps, "lanes": asked.lanes}
    changed = {name: value for name, value in given.items() if value}
    built: list[Any] = []
    original = services.ExecutorServices

    def build(**parts: Any) -> services.ExecutorServices:
        built.append(changed)
        return partial(original, **changed)(**parts)

    services.ExecutorServices = build  # type: ignore[misc,assignment]  # bound to other defaults
    settings = load_settings(data=asked.data)
    set_up_logging(settings, "executor")
    folder = DataFolder(settings.data)
    lock = FolderLock(folder, role="executor")

    def ready() -> None:
        if not built:
            raise SystemExit("the executor was composed without the changed figures")
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    executor.preload()
    try:
        run_loop("executor", settings, folder, None, ready, has_supervisor=False)
    finally:
        lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
