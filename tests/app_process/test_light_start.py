from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {"nicegui", "fastapi", "socketio"}
ANALYSIS = {"networkx", "jsonschema"}
LATER = {"httpx", "aiohttp", "jwt", "argon2", "babel", "liquid", "prometheus_client"}


def loaded(statements: str) -> set[str]:
    """Run statements in a fresh interpreter and name the modules it then has."""
    code = f"{statements}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=50,
        check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.req("R-53")
def test_the_supervisor_loads_nothing_of_the_product() -> None:
    found = loaded("from app.cli import command_line; command_line(['serve'])")
    ours = {name for name in found if name.split(".")[0] in ("engine", "designer")}
    assert ours == set()
    assert "app.supervisor" in found
    heavy = PAGES | ANALYSIS | LATER | {"apsw", "sqlite_utils", "structlog", "cryptography"}
    assert not found & heavy


@pytest.mark.req("R-53")
def test_the_executor_loads_no_page_no_graph_analysis_and_no_http_client_before_it_is_ready() -> (
    None
):
    found = loaded("import app.child, app.start, app.executor as e; e.preload()")
    assert "engine.worker.loop" in found
    assert not found & (PAGES | ANALYSIS | LATER)


@pytest.mark.req("R-53")
def test_the_web_process_loads_no_page_before_the_api_is_up() -> None:
    found = loaded("import app.child, app.server as s; s.preload()")
    assert "app.api.app" in found
    assert not found & (PAGES | ANALYSIS | {"httpx", "aiohttp", "jwt", "liquid"})


def test_each_command_is_found_in_the_module_that_is_said_to_hold_it() -> None:
    import typer

    from app.cli import COMMANDS, command_line

    everything = typer.main.get_command(command_line())
    assert set(everything.commands) == set(COMMANDS)
    for name in COMMANDS:
        assert name in typer.main.get_command(command_line([name])).commands
