"""Keep passwords as Argon2id hashes, and refuse those that are guessed first (R-43)."""

from __future__ import annotations

import functools
import re
import unicodedata
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from engine.errors import InvalidInput, Problem

MINIMUM: Final = 12
MAXIMUM: Final = 128

# Well above the floor of 19 MiB, 2 passes, 1 lane: about 40 ms on one core of a small machine.
_HASHER: Final = PasswordHasher(
    time_cost=3, memory_cost=32 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID
)
_LEET: Final = str.maketrans("@4301!$57", "aaeoiisst")
_EDGE: Final = re.compile(r"^[\W\d_]+|[\W\d_]+$")
_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "98765432109876543210",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn",
    "qazwsxedcrfvtgbyhnujmikolp",
)
# What people choose when twelve characters are asked for, without digits and signs around it.
_COMMON: Final = frozenset(
    Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split()
)


def canonical_password(password: str) -> str:
    """Give the form that is hashed, so that every keyboard spells it alike."""
    return unicodedata.normalize("NFKC", password)


def problem_with(password: str, email: str = "") -> str | None:
    """Say in one sentence why a new password is refused, or None."""
    text = canonical_password(password)
    if len(text) < MINIMUM:
        return f"Use at least {MINIMUM} characters; this has {len(text)}. A few words are fine."
    if len(text) > MAXIMUM:
        return f"Use at most {MAXIMUM} characters; this has {len(text)}."
    if _is_common(text, email):
        return "This is one of the passwords that are tried first. Use a few unrelated words."
    return None


def _is_common(text: str, email: str) -> bool:
    plain = text.casefold()
    squeezed = re.sub(r"[\W_]+", "", plain)
    if len(set(squeezed)) <= 3 or any(_walks(squeezed, row) for row in _ROWS):
        return True
    email = email.casefold()
    local, _, domain = email.partition("@")
    names = {re.sub(r"[\W\d_]+", "", name) for name in (local, domain.partition(".")[0], email)}
    core = _EDGE.sub("", plain)
    cores = {re.sub(r"[\W\d_]+", "", form) for form in (core, core.translate(_LEET))}
    return bool(cores & (_COMMON | names | {""}))


def _walks(text: str, row: str) -> bool:
    """Tell whether the whole text only runs along one row, forwards or backwards."""
    pieces = {row[i : i + 3] for i in range(len(row) - 2)}
    pieces |= {piece[::-1] for piece in pieces}
    steps = [text[i : i + 3] for i in range(0, len(text) - 2)]
    return bool(steps) and sum(step in pieces for step in steps) >= 0.7 * len(steps)


def require_good(password: str, email: str = "", path: str = "password") -> None:
    """Refuse a password that is too short, too long or common.

    Raises:
        InvalidInput: the one problem says what to change.
    """
    problem = problem_with(password, email)
    if problem is not None:
        raise InvalidInput(problem, [Problem(message=problem, path=path, rule="password")])


def hash_password(password: str) -> str:
    """Hash with a fresh salt; takes about 40 ms, so never on the loop."""
    return _HASHER.hash(canonical_password(password))


@functools.cache
def _decoy() -> str:
    return hash_password("nobody has this password")


def verify_password(stored: str | None, password: str) -> bool:
    """Compare with a stored hash; with None, take the same time and say no."""
    attempt = canonical_password(password)[: MAXIMUM * 4]
    try:
        is_right = _HASHER.verify(stored or _decoy(), attempt)
    except (VerificationError, InvalidHashError):
        return False
    return is_right and stored is not None


def needs_rehash(stored: str) -> bool:
    """Tell whether a stored hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def is_password_hash(text: str) -> bool:
    """Tell whether a text given as a hash is one that can be verified."""
    try:
        _HASHER.check_needs_rehash(text)
    except InvalidHashError:
        return False
    return text.startswith("$argon2id$")
