from __future__ import annotations

import stat
from pathlib import Path

import pytest

from storage.errors import StorageError
from storage.secrets import SealBroken, Sealer, load_master

KEY = "a master key of some length"


def test_a_sealed_value_opens_for_its_row_only() -> None:
    sealer = Sealer(KEY)
    blob = sealer.seal({"password": "hunter2"}, "channel_settings/c1/development")
    assert sealer.unseal(blob, "channel_settings/c1/development") == {"password": "hunter2"}
    with pytest.raises(SealBroken, match="channel_settings/c1/production"):
        sealer.unseal(blob, "channel_settings/c1/production")


def test_the_plain_text_is_not_in_the_sealed_value_and_two_seals_differ() -> None:
    sealer = Sealer(KEY)
    first, second = sealer.seal("canary-secret", "r"), sealer.seal("canary-secret", "r")
    assert b"canary" not in first
    assert first != second


@pytest.mark.parametrize("position", [0, 1, 13, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealer = Sealer(KEY)
    blob = bytearray(sealer.seal("value", "r"))
    blob[position] ^= 1
    with pytest.raises(SealBroken):
        sealer.unseal(bytes(blob), "r")


def test_another_master_key_does_not_open() -> None:
    blob = Sealer(KEY).seal("value", "r")
    with pytest.raises(SealBroken, match=r"master\.key"):
        Sealer(KEY + "!").unseal(blob, "r")


def test_purposes_give_different_keys() -> None:
    sealer = Sealer(KEY)
    assert sealer.derive("links") != sealer.derive("interface")
    assert sealer.derive("links") == Sealer(KEY).derive("links")


def test_a_short_master_key_is_refused() -> None:
    with pytest.raises(StorageError, match="at least 16"):
        Sealer("short")


def test_the_master_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = load_master(tmp_path, None)
    assert load_master(tmp_path, None) == first
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert len(first) >= 40


def test_a_given_master_key_leaves_no_file(tmp_path: Path) -> None:
    assert load_master(tmp_path, KEY) == KEY
    assert list(tmp_path.iterdir()) == []
