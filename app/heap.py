"""Tune the garbage collector of a process that loads much once and then runs for long."""

from __future__ import annotations

import gc
from typing import Final

# A batch of 128 runs makes some ten thousand objects that all live until it is committed.
_COLLECT_AFTER: Final = (20_000, 20, 50)


def loading_heap() -> None:
    """Leave the collector off while modules are loaded, which make next to no garbage."""
    gc.disable()


def steady_heap() -> None:
    """Keep the garbage collector from walking what was loaded at the start.

    Going through all modules again and again took a third of the processor time
    of a busy executor. The collector still frees what is made from now on.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
