"""The promises of the suite's own conftest."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.conftest import NO_BROWSER, find_chromium

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py")
SUITE = """
    import pytest

    @pytest.mark.browser
    def test_first(): ...

    @pytest.mark.browser
    def test_second(): ...

    def test_without_a_browser(): ...
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Build a suite of three tests under our conftest, on a machine without a browser."""
    monkeypatch.setenv("TOCSIN_CHROMIUM", "no-such-browser")
    monkeypatch.delenv("TOCSIN_REQUIRE_BROWSER", raising=False)
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makeini("[pytest]\nmarkers = browser\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(SUITE)
    return pytester


def test_a_missing_browser_is_one_line_of_the_summary(suite: pytest.Pytester) -> None:
    result = suite.runpytest("-rs", "-p", "no:playwright")

    result.assert_outcomes(passed=1, skipped=2)
    lines = [line for line in result.outlines if NO_BROWSER in line]
    assert len(lines) == 1
    assert lines[0].startswith("SKIPPED [2]")


def test_a_required_browser_that_is_missing_fails_the_run(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_REQUIRE_BROWSER", "1")

    suite.runpytest("-p", "no:playwright").assert_outcomes(passed=1, errors=2)


def test_browser_tests_come_last(suite: pytest.Pytester) -> None:
    result = suite.runpytest("--collect-only", "-q", "-p", "no:playwright")

    names = [line.rpartition("::")[2] for line in result.outlines if "::" in line]
    assert names == ["test_without_a_browser", "test_first", "test_second"]


def test_the_named_browser_wins_over_those_on_the_path(tmp_path: Path) -> None:
    for name in ("chromium", "my-browser"):
        (tmp_path / name).touch(mode=0o755)
    on_path = {"PATH": str(tmp_path)}

    assert find_chromium(on_path) == str(tmp_path / "chromium")
    assert find_chromium({**on_path, "TOCSIN_CHROMIUM": "my-browser"}) == str(
        tmp_path / "my-browser"
    )
    assert find_chromium({**on_path, "TOCSIN_CHROMIUM": "gone"}) is None


def test_a_child_process_is_not_taken_for_a_test_run(
    child_environ: dict[str, str], request: pytest.FixtureRequest
) -> None:
    assert "PATH" in child_environ
    assert "PYTEST_CURRENT_TEST" not in child_environ


@pytest.mark.browser
def test_the_browser_starts_and_draws_a_page(page: Page) -> None:
    page.set_content("<h1>Hello</h1>")

    assert page.inner_text("h1") == "Hello"
