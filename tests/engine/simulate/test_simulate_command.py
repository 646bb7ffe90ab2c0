"""`tocsin simulate`: exit codes, reports, and that nothing leaves the process."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import orjson
import pytest
import structlog
import typer
from typer.testing import CliRunner

from app.commands.simulate import register
from engine.simulate import ScenarioError

ROOT = Path(__file__).parents[3]
SCENARIOS = ROOT / "tests" / "scenarios"
SAMPLES = ROOT / "sample_workflows"
STEP = {
    "type": "channel", "ref": "feed_1", "name": "Feed", "channel_type": "in_app_feed",
    "channel_key": "in_app_feed", "template": {"markdown_body": "Hello {{ recipient.name }}"},
}  # fmt: skip
SCENARIO = {
    "name": "One <message>",
    "users": [{"id": "u1", "name": "Ann"}],
    "workflows": {"note": {"name": "Note", "steps": [STEP]}},
    "script": [{"at": "+1h", "trigger": {"workflow": "note", "recipients": ["u1"]}}],
    "expect": {"messages": [{"at": "+1h", "body_contains": ["Hello Ann"]}], "message_count": 1},
}
# Ends the interpreter's every way to another host before the command is even imported.
WITHOUT_NETWORK = """
import socket, sys
BANNED = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"}
def forbid(event, arguments):
    family = arguments[1] if event == "socket.__new__" else None
    if event in BANNED or family in (socket.AF_INET, socket.AF_INET6):
        raise SystemExit(f"{event} was called")
sys.addaudithook(forbid)
import typer
from app.commands.simulate import register
from engine.simulate import ScenarioError
app = typer.Typer()
register(app)
PROBE
app(sys.argv[1:])
"""
TIMED = "import atexit, time; atexit.register(lambda: print(time.process_time(), file=sys.stderr))"


def run(*arguments):
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def file_of(folder, file="one.json", **changes):
    path = folder / file
    path.write_bytes(orjson.dumps({**SCENARIO, **changes}))
    return path


def run_offline(*arguments, seed="0", probe=""):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_NETWORK.replace("PROBE", probe), *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False,
    )  # fmt: skip


def test_expectations_that_hold_end_with_0_and_a_timeline(tmp_path):
    result = run(file_of(tmp_path))
    assert result.exit_code == 0
    assert '+1h  message   in_app_feed  u1  "Hello Ann"' in result.stdout
    assert "ok    expect.messages[0]" in result.stdout
    assert "FAIL" not in result.stdout


def test_an_expectation_that_fails_ends_with_1_and_says_the_difference(tmp_path):
    wanted = {"messages": [{"at": "+2h", "body_contains": ["Hello Ann"]}], "message_count": 1}
    result = run(file_of(tmp_path, expect=wanted))
    assert result.exit_code == 1
    line = 'FAIL  expect.messages[0].at: expected "+2h", actual "+1h"'
    assert line in result.stdout
    assert "ok    expect.message_count" in result.stdout


def test_a_message_that_never_came_is_told_from_one_that_differs(tmp_path):
    wanted = {"messages": [{"step": "feed_1"}, {"step": "feed_1"}, {"step": "feed_1"}]}
    result = run(file_of(tmp_path, expect=wanted))
    assert 'expect.messages[1]: expected {"step":"feed_1"}, actual null' in result.stdout
    assert "skip  expect.messages[2]" in result.stdout


def test_a_wrong_file_ends_with_2_though_another_fails(tmp_path):
    wrong = file_of(tmp_path, "a.json", scrip=[])
    file_of(tmp_path, "b.json", expect={"message_count": 7})
    result = run(tmp_path)
    assert result.exit_code == 2
    assert f"{wrong}: unknown field 'scrip'; did you mean script?" in result.stderr
    assert "2 scenarios: 0 ok, 1 failed, 1 wrong" in result.stdout


@pytest.mark.parametrize("name", ["absent.json", "empty"])
def test_a_path_without_a_scenario_ends_with_2(tmp_path, name):
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / name).exit_code == 2


def test_json_is_the_result_document_alone(tmp_path):
    document = json.loads(run(file_of(tmp_path), "--json").stdout)
    assert list(document) == [
        "name", "ok", "ended_at", "messages", "runs", "rejected", "requests", "state", "failures",
    ]  # fmt: skip
    assert document["ok"] is True


def test_json_of_a_folder_is_an_array(tmp_path):
    file_of(tmp_path, "a.json", name="A")
    file_of(tmp_path, "b.json", name="B")
    documents = json.loads(run(tmp_path, "--json").stdout)
    assert [document["name"] for document in documents] == ["A", "B"]


def test_a_wrong_file_prints_no_document(tmp_path):
    result = run(file_of(tmp_path, scrip=[]), "--json")
    assert (result.exit_code, result.stdout) == (2, "")


def test_until_ends_the_scenario_earlier_or_later(tmp_path):
    path = file_of(tmp_path, expect={})
    for until, ended in (("+30d", "2026-01-31T00:00:00Z"), ("+2h", "2026-01-01T02:00:00Z")):
        assert json.loads(run(path, "--json", "--until", until).stdout)["ended_at"] == ended
    assert run(path, "--until", "soon").exit_code == 2


def test_workflows_of_a_project_can_be_named():
    path = SAMPLES / "scenarios" / "new-comment.json"
    assert run(path, "--workflows", SAMPLES).exit_code == 0
    alone = run(path)
    assert alone.exit_code == 2
    assert "unknown step 'in_app_feed_1'; none is defined" in alone.stderr
    assert run(path, "--workflows", SAMPLES / "absent").exit_code == 2


def test_junit_has_a_case_per_file_with_what_failed(tmp_path):
    (tmp_path / "s").mkdir()
    file_of(tmp_path / "s", "a.json")
    file_of(tmp_path / "s", "b.json", name="\x01&", expect={"message_count": 2})
    file_of(tmp_path / "s", "c.json", scrip=[])
    report = tmp_path / "report.xml"
    assert run(tmp_path / "s", "--junit", report).exit_code == 2
    root = ET.fromstring(report.read_text("utf-8"))
    (suite,) = root
    assert (root.tag, suite.tag) == ("testsuites", "testsuite")
    for element in (root, suite):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors")}
        assert counts == {"tests": "3", "failures": "1", "errors": "1"}
    assert [case.tag for case in suite] == ["testcase"] * 3
    assert all(case.get("name") and case.get("classname") for case in suite)
    assert suite[0].get("name") == "One <message>"
    assert suite[1].get("name") == "\ufffd&"
    good, failed, wrong = (list(case) for case in suite)
    assert good == []
    assert [(e.tag, e.get("message")) for e in failed] == [
        ("failure", "expect.message_count: expected 2, actual 1")
    ]
    assert [e.tag for e in wrong] == ["error"]
    assert "unknown field 'scrip'" in wrong[0].text


def test_all_scenarios_give_the_same_bytes_twice_without_a_socket():
    first = run_offline(SCENARIOS, "--json", seed="1")
    second = run_offline(SCENARIOS, "--json", seed="2", probe=TIMED)
    assert (first.returncode, first.stderr) == (0, b"")
    assert len(orjson.loads(first.stdout)) == len(list(SCENARIOS.glob("*.json"))) >= 81
    assert first.stdout == second.stdout
    assert 0 < float(second.stderr) < 10  # processor seconds, however busy the machine is


def test_the_ban_on_sockets_bites():
    probe = 'socket.create_connection(("127.0.0.1", 9))'
    done = run_offline(SCENARIOS / "V-1.json", probe=probe)
    assert done.returncode == 1
    assert b"was called" in done.stderr


def test_the_log_stays_out_of_the_report(tmp_path, monkeypatch):
    def simulate(*_, **__):
        structlog.get_logger().warning("step.broke")
        raise ScenarioError("script[0]", "broken")

    monkeypatch.setattr("engine.simulate.simulate", simulate)
    result = run(file_of(tmp_path), "--json")
    assert "step.broke" in result.stderr
    assert result.stdout == ""


def test_the_scenario_of_the_guide_holds(tmp_path):
    guide = (ROOT / "docs" / "how-to" / "simulate.md").read_text("utf-8")
    (block,) = re.findall(r"^```json\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    path = tmp_path / "guide.json"
    path.write_text(block, "utf-8")
    result = run(path)
    assert result.exit_code == 0
    assert "ok: expectations: 2 hold" in result.stdout
