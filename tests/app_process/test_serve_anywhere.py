"""A server starts in whatever folder somebody works in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(120)
def test_packages_of_the_current_folder_are_not_taken_for_ours(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    for name in ("app", "engine", "storage", "designer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('taken from the folder')\n")
    server = subprocess.Popen(
        [Path(sys.executable).with_name("tocsin"), "serve", "--data", "data", "--port", "0"],
        cwd=tmp_path, env=child_environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        assert any(line.startswith("ready http") for line in server.stdout)
    finally:
        server.terminate()
        _, log = server.communicate(timeout=40)
    assert server.returncode == 0
    assert "taken from the folder" not in log
