"""Start real servers on folders of their own, and end whatever a test leaves running."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served import HELLO, Server


@pytest.fixture
def launch(child_environ: dict[str, str]) -> Iterator[Callable[..., Server]]:
    """Start servers; all of them are ended after the test."""
    started: list[Server] = []

    def start(data: Path, *arguments: str, **variables: str) -> Server:
        server = Server(
            data, {**child_environ, "TOCSIN_BACKUP_EVERY_HOURS": "0"} | variables, *arguments
        )
        started.append(server)
        return server

    yield start
    for server in started:
        server.kill_all()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with one workflow: wait a minute, then e-mail."""
    file = tmp_path / "project" / "workflows" / "hello" / "workflow.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(HELLO))
    return tmp_path / "project"


@pytest.fixture
def bootstrap(tmp_path: Path, project: Path) -> Path:
    """A bootstrap file that imports the project."""
    file = tmp_path / "bootstrap.toml"
    file.write_text(
        f'import = ["{project}"]\n[[users]]\nemail = "a@example.com"\nrole = "owner"\n'
        'password = "correct horse battery staple"\n'
    )
    return file
