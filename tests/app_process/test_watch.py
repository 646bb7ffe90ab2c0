from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Server, until

Launch = Callable[..., Server]
pytestmark = pytest.mark.timeout(120)


@pytest.mark.crash
@pytest.mark.req("R-1")
def test_an_executor_that_lives_and_does_not_turn_is_killed_and_started_again(
    launch: Launch, tmp_path: Path, bootstrap: Path
) -> None:
    fault = tmp_path / "fault"
    server = launch(
        tmp_path / "data", TOCSIN_BOOTSTRAP=str(bootstrap), TOCSIN_HANG_SECONDS="3",
        TOCSIN_FAULT=f"@{fault}", TOCSIN_CLOCK_RATE="60",
    ).wait_until_ready()  # fmt: skip
    before = server.state["processes"]
    server.api("PUT", "/v1/users/ann", {"name": "Ann", "email": "ann@example.com"})
    fault.write_text("after_claim:1:hang")
    server.trigger()
    after = until(
        lambda: (
            server.state["processes"]["executor"] != before["executor"]
            and server.state["executor"] == "running"
            and server.state["processes"]
        )
    )
    assert after["web"] == before["web"]
    assert '"process.hangs"' in server.log.read_text()
    assert until(server.messages)


def test_a_child_that_somebody_stopped_is_left_alone(launch: Launch, tmp_path: Path) -> None:
    server = launch(tmp_path / "data", TOCSIN_HANG_SECONDS="2").wait_until_ready()
    pid = server.state["processes"]["executor"]
    os.kill(pid, signal.SIGSTOP)
    # The web process hangs for real meanwhile: once it was replaced, the watch has looked twice.
    web = server.state["processes"]["web"]
    os.kill(web, signal.SIGSTOP)
    signal.sigtimedwait([], 5)
    os.kill(web, signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)
    assert until(lambda: server.get("/health")[0] == 200)
    assert server.state["processes"] == {"executor": pid, "web": web}
    assert "process.hangs" not in server.log.read_text()
