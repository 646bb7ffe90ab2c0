"""What the command line says to somebody who sees it for the first time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.cli import run
from app.commands.client import _sentence
from app.commands.sending import _headline
from app.settings import load_settings
from app.start import data_folder, make_ready


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path / "data"))
    settings = load_settings()
    data_folder(settings).create()
    make_ready(settings)
    return settings.data


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("tocsin 0.")


@pytest.mark.parametrize("command", [["export", "FILE/out"], ["backup", "--to", "FILE/out"]])
def test_a_place_that_cannot_be_written_is_one_sentence(
    command: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert run([part.replace("FILE", str(file)) for part in command]) == 1
    assert capsys.readouterr().err == f"{file / 'out'}: Not a directory.\n"


def test_inbox_takes_the_folder_by_either_name(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("--data", "--folder"):
        assert run(["inbox", option, str(data)]) == 1
        assert f"No server runs on {data}" in capsys.readouterr().err


def test_a_folder_given_as_the_data_of_a_trigger_is_explained(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["trigger", "w", "-r", "u", "--data", str(data)]) == 2
    assert "the data folder is --folder here" in capsys.readouterr().err


def test_one_problem_is_not_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "workflows" / "a"
    folder.mkdir(parents=True)
    (folder / "workflow.json").write_text("[]")
    assert run(["validate", str(tmp_path)]) == 1
    assert f"{tmp_path} has 1 problem, listed above." in capsys.readouterr().err


def test_drafts_say_that_they_are_not_in_use(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "project" / "workflows" / "a"
    folder.mkdir(parents=True)
    (folder / "workflow.json").write_text('{"name": "A", "steps": []}')
    assert run(["import", str(tmp_path / "project")]) == 0
    assert "import with --commit" in capsys.readouterr().out
    assert run(["import", str(tmp_path / "project"), "--commit"]) == 0
    assert "These are drafts" not in capsys.readouterr().out


def test_a_misspelt_variable_is_named_among_the_settings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOCSIN_PROT", "1")
    assert run(["settings"]) == 0
    assert "TOCSIN_PROT is no setting" in capsys.readouterr().err


def test_a_refusal_ends_with_one_full_stop() -> None:
    said = _sentence(b'{"message": "There is no workflow."}', 404)
    assert said == "The server refused (status 404): There is no workflow."


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"method": "post", "url": "https://a.test/x", "body": "{\n}"}, "POST https://a.test/x"),
        ({"subject_line": "Hello", "body": "x"}, "Hello"),
        (
            {"blocks": [{"name": "body", "rendered": "<p>Hi <b>Ann</b> &amp; Ben</p>"}]},
            "Hi Ann & Ben",
        ),
        ({"blocks": [{"rendered": "<p><b>Apollo</b>: out</p><p>now</p>"}]}, "Apollo: out now"),
        ({"template": {"blocks": [{"content": "*Hi*"}], "summary": None}}, "*Hi*"),
        ({"template": {"blocks": [], "summary": "Short"}}, "Short"),
        ({"blocks": [], "template": None}, ""),
        ({}, ""),
    ],
)
def test_the_inbox_shows_a_message_by_its_line(content: dict[str, Any], line: str) -> None:
    assert _headline(content) == line


def test_a_mistyped_command_is_answered_with_one_question(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["tigger"]) == 2
    assert "Did you mean 'trigger'? See `tocsin --help`." in capsys.readouterr().err


def test_a_file_as_data_folder_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert run(["serve", "--data", str(file), "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"The data folder {file} cannot be read: Not a directory. Name another")


@pytest.mark.parametrize("email", ["ann", "@example.com", "ann@", "a b@example.com"])
def test_nobody_is_added_without_an_address(
    email: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = "correct horse battery staple"
    assert run(["users", "add", email, "--password", password]) == 1
    assert "is no e-mail address" in capsys.readouterr().err
    assert run(["users", "add", "ann@example.com", "--password", password]) == 0


class Pages:
    """A server with three pages of messages; every tenth stays on the machine."""

    def __init__(self) -> None:
        channels = [{"key": "mail", "type": "email", "provider": "smtp"}] * 8
        channels += [
            {"key": "in-app", "type": "in_app_feed", "provider": "in_app_feed"},
            {"key": "sms", "type": "sms", "provider": "catch_all"},
        ]
        self.messages = [
            {"id": str(n), "inserted_at": "2026-01-01T00:00:00Z", "recipient": "ann",
             "status": "sent", "channel": channels[n % 10]}
            for n in range(150)
        ]  # fmt: skip

    def get(self, path: str, page_size: int, after: str = "0") -> dict[str, Any]:
        start = int(after)
        end = start + page_size
        more = str(end) if end < len(self.messages) else None
        return {"items": self.messages[start:end], "page_info": {"after": more}}

    def find(self, path: str) -> Any:
        return {"data": {"body": f"text of {path.split('/')[3]}"}}


def test_the_inbox_shows_feeds_and_what_was_caught_and_looks_further_back_for_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.commands.sending.client_for", lambda *_: Pages())
    assert run(["inbox", "--limit", "15"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 15
    assert [line.split()[1] for line in lines[-2:]] == ["sms", "in-app"]
    assert lines[-1].endswith("text of 8")
    assert lines[0].endswith("text of 78")
    assert not any("mail" in line for line in lines)
