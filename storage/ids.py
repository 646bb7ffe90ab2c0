"""Mint the ids of the wire: UUIDs for runs and channels, KSUIDs for messages."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import Final, Protocol

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KSUID_EPOCH: Final = 1_400_000_000
_LENGTH: Final = 27


class Ids(Protocol):
    """Make identifiers; a seeded twin makes the simulator repeatable."""

    def uuid(self) -> str:
        """Return a fresh UUID."""
        ...

    def ordered_uuid(self, now: datetime) -> str:
        """Return a fresh UUID whose first 48 bits are the milliseconds of `now`."""
        ...

    def ksuid(self, now: datetime) -> str:
        """Return a fresh time-sortable KSUID."""
        ...


class RandomIds:
    """Make ids from the operating system's randomness."""

    def uuid(self) -> str:
        """Return a random UUID, version 4."""
        return str(uuid.uuid4())

    def ordered_uuid(self, now: datetime) -> str:
        """Return a UUID of `now` with a random rest."""
        return encode_uuid(now, secrets.token_bytes(10))

    def ksuid(self, now: datetime) -> str:
        """Return a KSUID of `now` with a random tail."""
        return encode_ksuid(now, secrets.token_bytes(13))


class SeededIds:
    """Make the same ids again from the same seed (tests, simulator)."""

    def __init__(self, seed: int = 1) -> None:
        """Start the sequence."""
        self._seed = seed
        self._count = 0

    def _next(self) -> bytes:
        self._count += 1
        return hashlib.sha256(f"{self._seed}:{self._count}".encode()).digest()

    def uuid(self) -> str:
        """Return the next UUID of the sequence, shaped as version 4."""
        return str(uuid.UUID(bytes=self._next()[:16], version=4))

    def ordered_uuid(self, now: datetime) -> str:
        """Return the next UUID of the sequence that sorts by time."""
        return encode_uuid(now, self._next()[:10])

    def ksuid(self, now: datetime) -> str:
        """Return the next KSUID of the sequence."""
        return encode_ksuid(now, self._next()[:13])


def encode_uuid(now: datetime, tail: bytes) -> str:
    """Encode the milliseconds of `now` and 10 bytes as a UUID that says version 4.

    The wire wants version 4; ids that arrive in the order of time keep the
    pages that an index has to write few and neighbouring.
    """
    text = int(now.timestamp() * 1000).to_bytes(6, "big").hex() + tail.hex()
    variant = "89ab"[tail[2] & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


def encode_ksuid(now: datetime, tail: bytes) -> str:
    """Encode `now` and 13 bytes as 27 base62 characters that sort by time.

    The first three bytes of the payload hold the fraction of the second, so
    that ids of one second sort by their instant too.
    """
    seconds = int(now.timestamp())
    fraction = now.microsecond * 16  # 20 bits of microseconds, left-aligned in 24
    number = int.from_bytes(
        (seconds - _KSUID_EPOCH).to_bytes(4, "big") + fraction.to_bytes(3, "big") + tail[:13], "big"
    )
    # Two digits at a time, from three machine-word sized parts: several times as
    # fast as 27 divisions of a 160-bit number, on the hottest path there is.
    high, low = divmod(number, _NINE * _NINE)
    middle, low = divmod(low, _NINE)
    return _nine(high) + _nine(middle) + _nine(low)


_NINE: Final = 62**9
_FOUR: Final = 62**4
_TWO: Final = 62**2
# Pairs, not triples: those would be a fifth faster, and 15 MB of every process.
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)


def _nine(number: int) -> str:
    rest, low = divmod(number, _FOUR)
    first, high = divmod(rest, _FOUR)
    a, b = divmod(high, _TWO)
    c, d = divmod(low, _TWO)
    return _ALPHABET[first] + _PAIRS[a] + _PAIRS[b] + _PAIRS[c] + _PAIRS[d]


def derived_ksuid(now: datetime, *parts: str) -> str:
    """Return the KSUID that `parts` always give at `now` (message ids: R-3)."""
    return encode_ksuid(now, hashlib.blake2b("\x1f".join(parts).encode(), digest_size=13).digest())


def ordered_ksuid(now: datetime, sequence: int, subject: str) -> str:
    """Return the KSUID of a log row: sorts by instant, then by `sequence`."""
    tail = hashlib.blake2b(subject.encode(), digest_size=7).digest()
    return encode_ksuid(now, (sequence % 2**48).to_bytes(6, "big") + tail)


def run_id(trigger_id: str, collection: str, recipient_id: str) -> str:
    """Derive a recipient's run id from the trigger's: its UUID, version 5 (engine E-2)."""
    space = bytes.fromhex(trigger_id.replace("-", ""))
    name = f"{collection}/{recipient_id}".encode()
    # Version 5 is SHA-1 by definition; written out because this runs for every run.
    digest = bytearray(hashlib.sha1(space + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
