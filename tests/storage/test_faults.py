from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import faults


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


def test_at_least_twelve_points_are_named_and_described() -> None:
    assert len(faults.POINTS) >= 12
    assert all(text.endswith(".") for text in faults.POINTS.values())


@pytest.mark.parametrize("name", sorted(faults.POINTS))
def test_an_armed_point_raises_at_its_turn_only(name: str) -> None:
    faults.arm(f"{name}:2:raise")
    faults.crash_point(name)
    with pytest.raises(faults.InjectedFault, match=name):
        faults.crash_point(name)
    faults.crash_point(name)


def test_other_points_pass_and_unknown_ones_are_refused_while_armed() -> None:
    faults.arm("after_claim:1:raise")
    faults.crash_point("in_backup")
    with pytest.raises(ValueError, match="not a registered"):
        faults.crash_point("no_such_point")


@pytest.mark.parametrize("text", ["nowhere:1", "after_claim:x", "after_claim:1:explode"])
def test_a_fault_that_cannot_happen_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="TOCSIN_FAULT"):
        faults.arm(text)


def test_the_variable_kills_the_process_with_sigkill() -> None:
    code = "from storage.faults import crash_point; crash_point('after_claim'); print('alive')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TOCSIN_FAULT": "after_claim:1", "PYTHONPATH": "."},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b""


def test_a_file_arms_a_running_process_and_whoever_strikes_takes_it_away(tmp_path: Path) -> None:
    fault = tmp_path / "fault"
    code = (
        "import sys; from storage.faults import crash_point\n"
        "for line in sys.stdin: crash_point(line.strip()); print('alive', flush=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"TOCSIN_FAULT": f"@{fault}", "PYTHONPATH": "."},
    )  # fmt: skip

    def passes(point: str) -> bool:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{point}\n")
        process.stdin.flush()
        return process.stdout.readline() == "alive\n"

    with process:
        assert passes("after_claim")
        fault.write_text("after_claim:2")
        assert passes("after_claim")
        assert passes("timer_fired")
        assert not passes("after_claim")
        assert process.wait() == -signal.SIGKILL
    assert not fault.exists()
