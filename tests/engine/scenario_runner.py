"""Play a scenario file with the simulator, leave its world open, check what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.simulate import Play, prepare
from storage.invariants import violations
from tests.engine.world import World


def play(path: Path, folder: Path) -> tuple[dict[str, Any], Play]:
    """Play a file and check the stored invariants; the caller closes the world."""
    played = Play(prepare(path), folder, World)
    try:
        result = played.run()
        broken = violations(played.world.sql())
        if broken:
            raise AssertionError(f"runs break the phase rule: {broken}")
    except BaseException:
        played.world.close()
        raise
    return result, played
