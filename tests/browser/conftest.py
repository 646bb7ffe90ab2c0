"""The designer as a process of its own, and a browser that is signed in to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from storage.db import Database
from tests.designer.seeded_world import PASSWORD

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A running designer and its data file."""

    url: str
    database: Path

    def open_database(self) -> Database:
        return Database(self.database)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/login", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def designer_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the designer on a seeded world once for all browser tests."""
    folder, port = tmp_path_factory.mktemp("designer"), _free_port()
    # NiceGUI takes a process that has PYTEST_CURRENT_TEST for a test run, and stops.
    environ = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-m", "tests.designer.serve_designer", str(port), str(folder)]
    url = f"http://localhost:{port}"
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 40
            while not _is_up(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail((folder / "server.log").read_text("utf-8", "replace")[-3000:])
                time.sleep(0.1)
            yield Server(url, folder / "tocsin.db")
        finally:
            process.terminate()
            process.wait(timeout=20)


def sign_in(page: Page, url: str, email: str = "olga@example.com") -> None:
    """Sign in through the form."""
    page.goto(f"{url}/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_function("window.did_handshake")


@pytest.fixture(scope="session")
def session_cookies(browser: Browser, designer_server: Server) -> list[dict[str, object]]:
    """Sign in once and keep the cookies."""
    context = browser.new_context()
    sign_in(context.new_page(), designer_server.url)
    cookies = context.cookies()
    context.close()
    return [dict(cookie) for cookie in cookies]


@dataclass
class Desk:
    """A signed-in browser window."""

    page: Page
    context: BrowserContext
    server: Server
    errors: list[str]

    def open(self, path: str) -> Page:
        """Open a page of the designer and wait until it is alive."""
        self.page.goto(self.server.url + path)
        self.page.wait_for_function("window.did_handshake")
        self.page.locator("main").wait_for()
        return self.page


@pytest.fixture
def open_desk(
    browser: Browser, designer_server: Server, session_cookies: list[dict[str, object]]
) -> Iterator[Callable[..., Desk]]:
    """Open signed-in windows of a given size and colour scheme."""
    contexts: list[BrowserContext] = []

    def open_window(width: int = 1440, height: int = 900, **options: object) -> Desk:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            **options,  # type: ignore[arg-type]
        )
        context.add_cookies(session_cookies)  # type: ignore[arg-type]
        contexts.append(context)
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        return Desk(page, context, designer_server, errors)

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Iterator[Desk]:
    """Give one signed-in window of a desktop; scripts that fail make the test fail."""
    found = open_desk()
    yield found
    assert found.errors == []
