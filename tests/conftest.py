"""What every test may use: a browser that is found, or one clear reason why not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from typing import Any

import pytest

BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FLAGS = (
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NO_BROWSER = (
    "no Chromium found: install one, or name its executable in TOCSIN_CHROMIUM, "
    "to run the browser tests"
)


def find_chromium(environ: Mapping[str, str] = os.environ) -> str | None:
    """Name the Chromium to drive: TOCSIN_CHROMIUM, else the first one on PATH."""
    wanted = environ.get("TOCSIN_CHROMIUM")
    candidates: Iterable[str] = (wanted,) if wanted else BROWSER_NAMES
    found = (shutil.which(name, path=environ.get("PATH")) for name in candidates)
    return next((path for path in found if path), None)


def is_browser_required() -> bool:
    """Tell whether a browser test that does not run is a failure, as it is in CI."""
    return os.environ.get("TOCSIN_REQUIRE_BROWSER", "") not in ("", "0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the browser tests last.

    Playwright's synchronous driver keeps an event loop running in the main thread until
    the session ends, and an asynchronous test that came later could not start its own.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a browser test where there is no browser, before any of its fixtures starts."""
    if item.get_closest_marker("browser") and find_chromium() is None:
        # One place raises for all, so that the summary folds them into one line.
        pytest.skip(NO_BROWSER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped browser test into a failed one where a browser is required."""
    report = yield
    did_not_run = report.skipped and not hasattr(report, "wasxfail")
    if did_not_run and item.get_closest_marker("browser") and is_browser_required():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"TOCSIN_REQUIRE_BROWSER is set, but the test did not run: {reason}"
    return report


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Launch the system's Chromium; nothing is downloaded."""
    flags = [*browser_type_launch_args.get("args", ()), *BROWSER_FLAGS]
    return {**browser_type_launch_args, "executable_path": find_chromium(), "args": flags}


@pytest.fixture
def child_environ() -> dict[str, str]:
    """Give the environment for a server that a test starts as a process of its own.

    Without PYTEST_CURRENT_TEST: NiceGUI takes a process that has it for a test run, and
    stops. Without this shell's TOCSIN_* settings: the test states its own.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name != "PYTEST_CURRENT_TEST" and not name.startswith("TOCSIN_")
    }
