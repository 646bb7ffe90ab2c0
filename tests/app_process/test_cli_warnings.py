"""What is likely a slip in a project is told by `validate` and `import`, and stops neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import run

FILE = "workflows/hello/workflow.json"
FEED = {
    "ref": "feed_1",
    "type": "channel",
    "channel_type": "in_app_feed",
    "channel_key": "in-apq",
    "template": {"markdown_body": "Hi", "markdown_boddy": "Hi"},
}


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder as the first start leaves it."""
    from app.settings import load_settings
    from app.start import data_folder, make_ready

    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path / "data"))
    settings = load_settings()
    data_folder(settings).create()
    make_ready(settings)
    return settings.data


def write(project: Path, definition: dict[str, Any]) -> None:
    (project / FILE).write_text(json.dumps(definition))


def test_misspelt_fields_are_warnings_of_validate(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, {"name": "Hello", "steps": [FEED], "setings": {}})
    assert run(["validate", str(project)]) == 0
    captured = capsys.readouterr()
    head, step = captured.err.splitlines()
    assert head.startswith(f"Warning: {FILE} setings: ")
    assert "Did you mean 'settings'?" in head
    assert step.startswith(f"Warning: {FILE} feed_1 template.markdown_boddy: ")
    assert "Did you mean 'markdown_body'?" in step
    assert "is sound: 1 workflow, sending through in-apq. 2 warnings, listed" in captured.out


@pytest.mark.parametrize("command", ["validate", "import"])
def test_a_misspelt_required_field_is_an_error_with_the_suggestion_beside_it(
    prepared: Path, project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    write(project, {"name": "Hello", "stepz": []})
    assert run([command, str(project)]) == 1
    told = capsys.readouterr().err
    assert f"{FILE} steps: Expected a list of steps" in told
    assert f"Warning: {FILE} stepz: There is no field 'stepz' here" in told
    assert "Did you mean 'steps'?" in told
    assert "1 problem, listed above" in told


def test_import_warns_of_fields_and_of_channels_and_imports(
    prepared: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(project, {"name": "Hello", "steps": [FEED]})
    assert run(["import", str(project), "--commit"]) == 0
    captured = capsys.readouterr()
    field, channel = captured.err.splitlines()
    assert "Did you mean 'markdown_body'?" in field
    assert channel.startswith(f"Warning: {FILE} feed_1 channel_key: There is no channel 'in-apq'")
    assert "there is: chat, email, in-app, push, sms, webhook." in channel
    assert "Did you mean 'in-app'? As it is, development skips this step." in channel
    assert "1 created, 1 committed" in captured.out


def test_an_empty_workflow_folder_is_named_and_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "workflows" / "welcome").mkdir()
    assert run(["validate", str(project)]) == 1
    told = capsys.readouterr().err
    assert "workflows/welcome/workflow.json: The folder of a workflow needs a file" in told


def test_a_project_without_workflows_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "knock.json").write_text('{"knockDir": "knock"}')
    assert run(["validate", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert told.startswith("Warning: knock/workflows: There is no workflow in this project")
