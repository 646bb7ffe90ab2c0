from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.settings import (
    Settings,
    SettingsError,
    as_environment,
    load_settings,
    masked,
    unknown_variables,
)


@pytest.fixture(autouse=True)
def _no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"TOCSIN_{name.upper()}", raising=False)
    monkeypatch.delenv("TOCSIN_CONFIG", raising=False)


def test_options_win_over_variables_and_variables_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('host = "0.0.0.0"\nport = 1\nlog_days = 5\n')
    monkeypatch.setenv("TOCSIN_CONFIG", str(file))
    monkeypatch.setenv("TOCSIN_PORT", "2")
    settings = load_settings(port=3)
    assert (settings.host, settings.port, settings.log_days) == ("0.0.0.0", 3, 5)
    assert load_settings().port == 2


def test_every_setting_has_a_default_and_a_help_line() -> None:
    load_settings()
    assert all(info.description for info in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TOCSIN_PORT", "many", "setting port (TOCSIN_PORT)"),
        ("TOCSIN_CLOCK_RATE", "0", "setting clock_rate (TOCSIN_CLOCK_RATE)"),
        ("TOCSIN_BASE_URL", "example.com", "starts with http://"),
        ("TOCSIN_ALLOWED_NETWORKS", "10.0.0.0/8,nonsense", "allowed_networks"),
        ("TOCSIN_CONFIG", "/no/such/file.toml", "/no/such/file.toml"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=re.escape(said)):
        load_settings()


def test_an_unknown_name_in_the_file_is_refused_and_an_unknown_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "t.toml").write_text("prot = 1\n")
    monkeypatch.setenv("TOCSIN_CONFIG", str(tmp_path / "t.toml"))
    with pytest.raises(SettingsError, match="there is no setting prot"):
        load_settings()
    assert unknown_variables({"TOCSIN_PROT": "1", "TOCSIN_PORT": "1", "TOCSIN_FAULT": ""}) == [
        "TOCSIN_PROT"
    ]


def test_secrets_are_masked_where_settings_are_shown() -> None:
    settings = load_settings(secret="canary-canary-canary", metrics_token="canary")
    assert "canary" not in str(masked(settings)) + repr(settings)


def test_a_child_reads_back_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(
        secret="s" * 20, allowed_networks="10.0.0.0/8, fd00::/8", single_process=True, port=99
    )
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings
    assert settings.allowed_networks == ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 5}, "http://[::1]:5"),
        ({"base_url": "https://t.example.com/"}, "https://t.example.com"),
    ],
)
def test_the_public_url(options: dict[str, object], url: str) -> None:
    assert load_settings(**options).public_url == url
