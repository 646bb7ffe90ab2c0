"""Play scenarios: workflows on a virtual clock, with the engine's own code and no network.

`simulate` is the whole of it; the other modules are its parts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from engine.simulate.faults import ScenarioError
from engine.simulate.play import Play
from engine.simulate.reading import check_names, check_scenario, read_scenario, with_project
from storage.records import JsonObject

__all__ = ["Play", "ScenarioError", "prepare", "read_scenario", "simulate"]


def simulate(
    scenario: JsonObject | Path, *, workflows: Path | None = None, until: str | None = None
) -> JsonObject:
    """Play a scenario, or the file that holds it, and give the result document.

    `workflows` is a project folder with workflows that it may name, `until`
    replaces the instant at which it ends. It turns a loop of its own: a thread
    that runs an event loop has to call it on another thread.

    Raises:
        ScenarioError: the scenario is wrong; says where and what was expected.
    """
    prepared = prepare(scenario, workflows=workflows, until=until)
    with tempfile.TemporaryDirectory(prefix="tocsin-simulate-") as folder:
        try:
            play = Play(prepared, Path(folder))
            try:
                return play.run()
            finally:
                play.world.close()
        except ScenarioError as error:
            raise error.within(str(scenario)) if isinstance(scenario, Path) else error from None


def prepare(
    scenario: JsonObject | Path, *, workflows: Path | None = None, until: str | None = None
) -> JsonObject:
    """Read and check a scenario, with the workflows of a project folder added.

    Raises:
        ScenarioError: it cannot be played.
    """
    try:
        found = read_scenario(scenario) if isinstance(scenario, Path) else scenario
        if until is not None:
            found = {**found, "until": until}
        check_scenario(found)
        if workflows is not None:
            found = with_project(found, workflows)
        check_names(found)
    except ScenarioError as error:
        if isinstance(scenario, Path) and error.file is None:
            raise error.within(str(scenario)) from None
        raise
    return found
