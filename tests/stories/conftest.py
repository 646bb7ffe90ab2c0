"""A server started by its command line, the way a person starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Demo:
    """A running `tocsin demo` and what it printed."""

    process: subprocess.Popen[str]
    url: str
    printed: str
    data: Path

    @property
    def secret_key(self) -> str:
        return re.search(r"Bearer (sk_\S+?)'", self.printed).group(1)

    @property
    def login(self) -> tuple[str, str]:
        return re.search(r"Sign in\s+(\S+@\S+)\s+(\S+)", self.printed).groups()


@pytest.fixture
def demo(tmp_path, child_environ):
    data = tmp_path / "data"
    command = [sys.executable, "-m", "app.cli", "demo", "--data", str(data), "--port", "0"]
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=child_environ
    )
    printed, url = "", ""
    for line in process.stdout:
        printed += line
        found = re.match(r"ready (http://\S+)", line)
        if found:
            url = found.group(1)
            break
    assert url, (tmp_path / "server.log").read_text()
    yield Demo(process, url, printed, data)
    process.terminate()
    try:
        code = process.wait(timeout=20)
    finally:
        process.kill()
        process.stdout.close()
        log.close()
    assert code == 0
