"""Seal secrets at rest: AES-256-GCM under a key kept outside the database.

A sealed value is bound to its row: moved to another row it does not open.
Layout: one version byte, 12 random bytes, the cipher text with its tag.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.errors import StorageError

FILE_NAME: Final = "master.key"
_VERSION: Final = b"\x01"
_NONCE: Final = 12
_SHORTEST: Final = 16


class SealBroken(StorageError):
    """A sealed value does not open: another master key, another row, or damage."""

    code = "seal_broken"


class Sealer:
    """Seal and open values under keys derived from one master key."""

    def __init__(self, master: str) -> None:
        """Take the text of the master key; it must not be short."""
        if len(master) < _SHORTEST:
            raise StorageError(
                f"The master key has {len(master)} characters; at least {_SHORTEST} are needed. "
                "Set TOCSIN_SECRET to a longer one."
            )
        self._master = master.encode()
        self._cipher = AESGCM(self.derive("seal"))

    def derive(self, purpose: str) -> bytes:
        """Give the 32 bytes that belong to `purpose`; one never tells another."""
        kdf = HKDF(
            algorithm=hashes.SHA256(), length=32, salt=None, info=f"tocsin/{purpose}".encode()
        )
        return kdf.derive(self._master)

    def seal(self, value: Any, row: str) -> bytes:
        """Encrypt a JSON value for the row named `row`, such as `variables/development/key`."""
        nonce = os.urandom(_NONCE)
        return _VERSION + nonce + self._cipher.encrypt(nonce, orjson.dumps(value), row.encode())

    def unseal(self, blob: bytes, row: str) -> Any:
        """Open what was sealed for `row`.

        Raises:
            SealBroken: it was sealed under another key or for another row.
        """
        try:
            if blob[:1] != _VERSION:
                raise InvalidTag
            plain = self._cipher.decrypt(blob[1 : 1 + _NONCE], blob[1 + _NONCE :], row.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(
                f"The secret of {row} does not open: the master key is not the one that sealed it. "
                f"Put the right {FILE_NAME} into the data folder, or enter the secret again."
            ) from None
        return orjson.loads(plain)


def load_master(folder: Path, given: str | None) -> str:
    """Give the master key: the one given, else the folder's, made if there is none."""
    if given:
        return given
    path = folder / FILE_NAME
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, complete or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)
