from __future__ import annotations

import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from app.logging import set_up_logging
from app.settings import load_settings


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_structured_and_names_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(load_settings(log_format="json"), "web")
    structlog.get_logger().info("message.settled", message_id="m1")
    (line,) = lines(capsys)
    assert line["event"] == "message.settled"
    assert (line["message_id"], line["process"], line["level"]) == ("m1", "web", "info")


def test_secrets_never_and_people_only_if_enabled(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(load_settings(log_format="json"), "web")
    structlog.get_logger().info("x.y", api_key="canary", smtp_password="canary", email="canary")
    assert "canary" not in str(lines(capsys))
    set_up_logging(load_settings(log_format="json", log_recipient_data=True), "web")
    structlog.get_logger("other").info("x.y", api_key="hidden", email="shown")
    (line,) = lines(capsys)
    assert (line["email"], line["api_key"]) == ("shown", "***")


def test_the_level_is_obeyed_and_libraries_speak_in_the_same_form(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logging(load_settings(log_format="json", log_level="warning"), "web")
    structlog.get_logger("quiet").info("x.y")
    logging.getLogger("library").warning("from a %s", "library")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"]) == ("from a library", "library")


def test_a_traceback_is_kept_in_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(load_settings(log_format="json"), "web")
    try:
        raise ValueError("the cause")
    except ValueError as error:
        structlog.get_logger("failing").error("x.failed", exc_info=error)
    (line,) = lines(capsys)
    assert "ValueError: the cause" in str(line["exception"])
