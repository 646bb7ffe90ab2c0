"""Passwords: what is refused, what is kept, and that guessing learns nothing (R-43)."""

from __future__ import annotations

import statistics
import time

import pytest
from argon2 import PasswordHasher

from app.auth.passwords import (
    hash_password,
    is_password_hash,
    needs_rehash,
    problem_with,
    require_good,
    verify_password,
)
from engine.errors import InvalidInput

pytestmark = pytest.mark.req("R-43")


@pytest.mark.parametrize(
    "password",
    [
        "password1234", "P@ssw0rd2024!", "Passw0rd-2026", "qwertyuiop123", "123456789012",
        "aaaaaaaaaaaa", "abcabcabcabc", "iloveyou1234!", "1q2w3e4r5t6y", "summer2024!!!",
        "admin@example.com", "Tocsin-Tocsin", "adminadmin2025",
    ],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(password: str) -> None:
    assert "tried first" in (problem_with(password, "admin@example.com") or "")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "a violet kettle hums",
        "Tr0ub4dor&3xyz",
        "дорога ведёт домой сама",
    ],
)
def test_a_password_nobody_guesses_is_taken(password: str) -> None:
    assert problem_with(password, "admin@example.com") is None


def test_length_is_between_12_and_128_characters() -> None:
    kettle = "a violet kettle hums in the attic of an old mill. " * 3

    assert "at least 12" in (problem_with("kettle-hums") or "")
    assert problem_with(kettle[:128]) is None
    assert "at most 128" in (problem_with(kettle[:129]) or "")


def test_a_refused_password_names_its_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        require_good("short", path="users[0].password")

    assert caught.value.problems[0].path == "users[0].password"


def test_a_hash_is_argon2id_above_the_floor_and_salted() -> None:
    first, second = hash_password("a violet kettle hums"), hash_password("a violet kettle hums")

    assert first.startswith("$argon2id$")
    assert first != second
    memory, passes = (part.split("=")[1] for part in first.split("$")[3].split(",")[:2])
    assert int(memory) >= 19 * 1024
    assert int(passes) >= 2


def test_only_the_right_password_verifies_however_it_was_typed() -> None:
    stored = hash_password("caf\u00e9 am anderen Ufer")

    assert verify_password(stored, "cafe\u0301 am anderen Ufer")
    assert not verify_password(stored, "cafe am anderen Ufer")
    assert not verify_password("not a hash", "anything at all")
    assert not verify_password(None, "nobody has this password")


def test_a_hash_with_older_parameters_asks_to_be_renewed() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("a violet kettle hums")

    assert needs_rehash(old)
    assert not needs_rehash(hash_password("a violet kettle hums"))
    assert is_password_hash(old)
    assert not is_password_hash("5f4dcc3b5aa765d61d8327deb882cf99")


def test_an_unknown_account_costs_as_much_time_as_a_known_one() -> None:
    stored = hash_password("a violet kettle hums")
    verify_password(None, "warm up")

    def median(known: str | None) -> float:
        times = []
        for _ in range(7):
            start = time.process_time()
            verify_password(known, "some wrong password")
            times.append(time.process_time() - start)
        return statistics.median(times)

    assert median(None) == pytest.approx(median(stored), rel=0.25)
