"""Name the instants at which a crash would hurt most, so that tests can cause one.

`TOCSIN_FAULT="after_claim:3"` kills the process with SIGKILL when it passes
`after_claim` for the third time; `:raise` raises `InjectedFault` instead, and
`:hang` never goes on. Several are parted by commas. `TOCSIN_FAULT="@FILE"` reads
them from a file that may change while the process runs; whoever strikes first
takes the file away. Without the variable a point costs one look-up.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

VARIABLE: Final = "TOCSIN_FAULT"

POINTS: Final[Mapping[str, str]] = {
    "after_accept_before_commit": "A trigger is written and not yet committed.",
    "after_accept_commit": "A trigger is durable, its caller has no answer yet.",
    "between_fan_out_pages": "One page of recipients became runs, the next has not.",
    "after_claim": "Runs are leased and nothing was decided.",
    "before_apply_commit": "Steps, messages and timers are written and not yet committed.",
    "after_apply_commit": "A step's effects are durable, nothing was sent.",
    "before_event_emit": "The facts of a transaction are written, its event is not.",
    "after_event_emit": "An event is written beside its facts and not yet committed.",
    "before_provider_call": "An outbox row is leased and no provider was called.",
    "after_provider_call": "A provider has answered and nobody wrote it down.",
    "before_settle_commit": "A provider's answer is written and not yet committed.",
    "after_settle_commit": "A provider's answer is durable.",
    "timer_fired": "A due timer was read and its run is not yet ready.",
    "window_closing": "A batch is being frozen and not yet committed.",
    "before_checkpoint": "The WAL is about to be moved into the file.",
    "in_migration": "A migration's statements ran and are not yet committed.",
    "in_backup": "A part of a backup's pages is copied.",
    "before_backup_named": "A backup is complete and does not yet have its name.",
}


_MODES: Final = ("", "kill", "raise", "hang")


class InjectedFault(BaseException):
    """What a `:raise` fault raises; no ordinary handler may swallow it."""


@dataclass(slots=True, kw_only=True)
class _Fault:
    nth: int
    mode: str = "kill"
    passed: int = 0


def _parse(text: str) -> dict[str, _Fault]:
    faults: dict[str, _Fault] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, rest = part.partition(":")
        nth, _, mode = rest.partition(":")
        if (
            name not in POINTS
            or not (nth or "1").isdigit()
            or mode not in ("", "kill", "raise", "hang")
        ):
            known = ", ".join(POINTS)
            raise ValueError(
                f"{VARIABLE}: {part!r} is not name:nth[:kill|raise|hang]; names: {known}"
            )
        faults[name] = _Fault(nth=int(nth or 1), mode=mode or "kill")
    return faults


class _File:
    """A file of faults that is looked at whenever a point is passed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0

    def look(self) -> None:
        """Arm what the file says now, if it changed."""
        try:
            stamp = self._path.stat().st_mtime_ns
            text = self._path.read_text() if stamp != self._seen else None
        except FileNotFoundError:
            stamp, text = 0, "" if self._seen else None
        self._seen = stamp
        if text is not None:
            arm(text)

    def take(self) -> bool:
        """Take the file away; False if another process did so first."""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True


_text = os.environ.get(VARIABLE, "")
_file = _File(Path(_text[1:])) if _text.startswith("@") else None
_armed: dict[str, _Fault] = {} if _file else _parse(_text)


def arm(text: str) -> None:
    """Replace the armed faults of this process; an empty text disarms all."""
    global _armed
    _armed = _parse(text)


def crash_point(name: str) -> None:
    """Die, raise or hang here if the fault `name` is armed and its turn has come."""
    if _file is not None:
        _file.look()
    if not _armed:
        return
    fault = _armed.get(name)
    if fault is None:
        if name not in POINTS:
            raise ValueError(f"{name!r} is not a registered crash point")
        return
    fault.passed += 1
    if fault.passed != fault.nth or (_file is not None and not _file.take()):
        return
    if fault.mode == "raise":
        raise InjectedFault(name)
    while fault.mode == "hang":
        time.sleep(3600)
    os.kill(os.getpid(), signal.SIGKILL)
