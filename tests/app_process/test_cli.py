from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Server, tocsin, until

from app.cli import run

Launch = Callable[..., Server]
COMMANDS = (
    "serve", "demo", "migrate", "import", "export", "validate", "trigger", "inbox", "runs",
    "keys", "users", "backup", "restore", "doctor", "settings",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command, "--help"]) == 0
    assert re.search(rf"Example: .*tocsin {command}", capsys.readouterr().out)


@pytest.mark.parametrize("command", ["render", "why"])
def test_what_does_not_exist_yet_is_no_command(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([command]) == 2
    assert f"No such command '{command}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["bogus"], 2, "No such command 'bogus'. See `tocsin --help`."),
        (["serve", "--prot", "1"], 2, "See `tocsin serve --help`."),
        (["serve", "--port", "99999"], 1, "setting port (TOCSIN_PORT)"),
        (["trigger"], 2, "Missing argument 'key'. See `tocsin trigger --help`."),
        (["trigger", "w"], 2, "Missing option '--recipient'"),
        (["trigger", "w", "-r", "u", "--data", "{"], 2, "--data is not JSON"),
        (["trigger", "w", "-r", "u", "--data", "[]"], 2, "must be a JSON object"),
        (["trigger", "w", "-r", "u"], 1, "start one with `tocsin serve"),
        (["trigger", "w", "-r", "u", "--url", "http://127.0.0.1:1"], 1, "add --token"),
        (
            ["trigger", "w", "-r", "u", "--url", "http://127.0.0.1:1", "--token", "sk_x"],
            1,
            "does not answer",
        ),
        (["trigger", "w", "-r", "u", "--url", "ftp://x", "--token", "k"], 1, "no http or https"),
        (["inbox"], 1, "No server runs on"),
        (["runs"], 1, "No server runs on"),
        (["keys"], 1, "holds no Tocsin data"),
        (["users"], 1, "holds no Tocsin data"),
        (["backup"], 1, "holds no Tocsin data"),
        (["doctor"], 1, "holds no Tocsin data"),
        (["migrate"], 1, "holds no Tocsin data"),
        (["export", "out"], 1, "holds no Tocsin data"),
        (["restore", "none.db"], 1, "`tocsin restore` lists the backups"),
        (["validate", "none"], 1, "none is not a folder"),
        (["import", "none"], 1, "none is not a folder"),
    ],
)
def test_a_fault_is_one_sentence_with_the_next_step(
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TOCSIN_DATA", str(tmp_path / "data"))
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert captured.out == ""


def test_settings_are_shown_without_their_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOCSIN_SECRET", "canary-canary-canary")
    monkeypatch.setenv("TOCSIN_LOG_DAYS", "17")
    assert run(["settings"]) == 0
    shown = capsys.readouterr().out
    assert "canary" not in shown
    assert re.search(r"TOCSIN_SECRET +\*+", shown)
    assert re.search(r"TOCSIN_LOG_DAYS +17", shown)


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


def test_a_project_is_imported_and_exported_byte_by_byte(
    prepared: Path, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", str(project)]) == 0
    assert run(["import", str(project), "--commit", "-m", "first"]) == 0
    assert "1 created, 1 committed" in capsys.readouterr().out
    assert run(["export", str(tmp_path / "out")]) == 0
    original = project / "workflows" / "hello" / "workflow.json"
    assert (tmp_path / "out" / "workflows" / "hello" / "workflow.json").read_bytes() == (
        original.read_bytes()
    )
    assert run(["import", str(tmp_path / "out"), "--commit"]) == 0
    assert "1 unchanged, 0 committed" in capsys.readouterr().out


def test_a_faulty_project_is_listed_and_nothing_is_imported(
    prepared: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "workflows" / "hello" / "workflow.json").write_text('{"steps": [{"ref": "x"}]}')
    assert run(["validate", str(project)]) == 1
    assert "workflows/hello/workflow.json" in capsys.readouterr().err
    assert run(["import", str(project)]) == 1
    assert "Nothing was imported" in capsys.readouterr().err


def test_an_unknown_environment_is_named_with_those_there_are(
    prepared: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["import", str(project), "-e", "mars"]) == 1
    assert "no environment mars; there are development, production" in capsys.readouterr().err


def test_keys_are_made_listed_and_revoked(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "create", "--name", "backend"]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("sk_")
    assert run(["keys", "token", "ci"]) == 0
    assert capsys.readouterr().out.startswith("knock_st_")
    assert run(["keys"]) == 0
    shown = capsys.readouterr().out
    assert key not in shown
    row = next(line for line in shown.splitlines() if "backend" in line)
    assert run(["keys", "revoke", row.split()[0]]) == 0
    assert run(["keys", "revoke", row.split()[0]]) == 1
    capsys.readouterr()
    run(["keys"])
    assert re.search(r"backend .*revoked", capsys.readouterr().out)


def test_a_member_is_added_listed_and_given_another_password(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = ["--password", "correct horse battery staple"]
    assert run(["users", "add", "ann@example.com", "--role", "admin", *password]) == 0
    assert run(["users", "password", "nobody@example.com", *password]) == 1
    assert "Nobody signs in as" in capsys.readouterr().err
    assert run(["users", "add", "ben@example.com", "--password", "short"]) == 1
    assert "at least 12" in capsys.readouterr().err
    assert run(["users"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"ann@example.com .*admin", shown)
    assert "ben@example.com" not in shown


def test_the_doctor_finds_an_open_master_key_and_a_damaged_backup(
    prepared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup"]) == 0
    assert run(["doctor"]) == 0
    (prepared / "master.key").chmod(0o644)
    next((prepared / "backups").glob("*.db")).write_bytes(b"x" * 5000)
    capsys.readouterr()
    assert run(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "chmod 600" in captured.out
    assert "newest backup" in captured.out


@pytest.mark.crash
@pytest.mark.req("R-5")
def test_a_backup_killed_midway_leaves_none_and_the_next_succeeds(
    prepared: Path, child_environ: dict[str, str]
) -> None:
    killed = tocsin(
        "backup", environ=child_environ | {"TOCSIN_FAULT": "in_backup:1"}, data=prepared
    )
    assert killed.returncode == -9
    assert list((prepared / "backups").glob("*.db")) == []
    assert tocsin("backup", environ=child_environ, data=prepared).returncode == 0
    assert len(list((prepared / "backups").iterdir())) == 1


@pytest.mark.timeout(180)
@pytest.mark.req("R-22")
def test_the_drill_load_back_up_destroy_restore_compare(
    launch: Launch,
    tmp_path: Path,
    bootstrap: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("TOCSIN_DATA", str(data))
    fast = {"TOCSIN_CLOCK_RATE": "60", "TOCSIN_BOOTSTRAP": str(bootstrap)}

    def shown(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert run(list(arguments)) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    server = launch(data, **fast).wait_until_ready()
    server.api("PUT", "/v1/users/ann", {"name": "Ann", "email": "ann@example.com"})
    timeline = shown("trigger", "hello", "-r", "ann", "--data", '{"text": "x"}', "--wait")
    assert "message_enqueued" in timeline
    assert "ann: completed" in timeline
    assert re.search(r"email +ann +\w+ +Hi Ann", shown("inbox"))
    caught = [message["id"] for message in server.messages()]
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", shown("runs"))
    assert found is not None
    assert "run_completed" in shown("runs", found[0])
    backup = shown("backup").split()[0]
    assert "already serves" in shown("restore", backup, "--force", code=1)
    assert server.stop() == 0
    for path in data.glob("tocsin.db*"):
        path.unlink()
    assert "Sending is paused" in shown("restore", backup)
    assert "--force" in shown("restore", backup, code=1)
    again = launch(data, **fast).wait_until_ready()
    assert [message["id"] for message in again.messages()] == caught
    again.trigger()
    until(lambda: len(again.messages()) == 2)
    assert again.messages()[0]["status"] == "queued"
    assert "goes on" in shown("restore", "--resume")
    until(lambda: again.messages()[0]["status"] != "queued")


@pytest.mark.timeout(180)
def test_the_demo_shows_what_to_do_and_keeps_what_is_there(launch: Launch, tmp_path: Path) -> None:
    first = launch(tmp_path / "demo", "demo").wait_until_ready()
    text = "\n".join(first.output)
    facts = json.loads((tmp_path / "demo" / "demo.json").read_text())
    assert facts["password"] in text
    assert f"curl -X POST {first.url}/v1/workflows/" in text
    assert first.key in text
    users = first.api("GET", "/v1/users")
    assert {"ann", "ben"} <= {user["id"] for user in users["entries"]}
    first.api("PUT", "/v1/users/ann", {"name": "Changed"})
    assert first.stop() == 0
    second = launch(tmp_path / "demo", "demo").wait_until_ready()
    assert facts["password"] in "\n".join(second.output)
    assert second.key in "\n".join(second.output)
    assert second.api("GET", "/v1/users/ann")["name"] == "Changed"
