"""Advice can be pasted as it is: it names the folder it speaks of."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import run
from app.settings import load_settings
from app.start import data_folder, make_ready


@pytest.fixture
def data(tmp_path: Path) -> Path:
    settings = load_settings(data=tmp_path / "elsewhere")
    data_folder(settings).create()
    make_ready(settings)
    return settings.data


def _backup(data: Path) -> Path:
    assert run(["backup", "--data", str(data)]) == 0
    return next((data / "backups").glob("tocsin-*.db"))


def test_a_restore_and_the_doctor_say_how_sending_goes_on(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    advice = f"tocsin restore --resume --data {data}"
    assert run(["doctor", "--data", str(data)]) == 0
    assert "paused" not in capsys.readouterr().out
    assert run(["restore", str(_backup(data)), "--data", str(data), "--force"]) == 0
    assert advice in capsys.readouterr().out
    assert run(["doctor", "--data", str(data)]) == 0
    assert advice in capsys.readouterr().out
    assert run(advice.split()[1:]) == 0
    capsys.readouterr()
    assert run(["doctor", "--data", str(data)]) == 0
    assert "paused" not in capsys.readouterr().out


def test_a_damaged_file_is_one_sentence_with_the_command_for_this_folder(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = _backup(data)
    with (data / "tocsin.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 40960)
    capsys.readouterr()
    assert run(["doctor", "--data", str(data)]) == 1
    wrong = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert len(wrong) == 1
    assert f"`tocsin restore {backup} --data {data} --force`" in wrong[0]


def test_a_damaged_backup_is_refused_in_one_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(_backup(data).read_bytes()[:3000])
    capsys.readouterr()
    assert run(["restore", str(broken), "--data", str(data), "--force"]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"{broken} is damaged and was not restored. Choose another: `tocsin restore` lists "
        "the backups.\n"
    )
