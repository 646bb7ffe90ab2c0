"""Seal every stored secret anew under another master key, whole or not at all.

The new key lies beside the old one until the data file is committed, so that
a crash at any instant leaves a key that opens what is stored.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Final

from storage.calls import call_row, seal_request
from storage.channels import settings_row
from storage.db import Database
from storage.environments import variable_row
from storage.secrets import FILE_NAME, SealBroken, Sealer, write_private
from storage.sql import Sql, dumps, loads
from storage.tx import Tx

NEW_FILE: Final = f"{FILE_NAME}.new"


def rotate_master(database: Database, folder: Path) -> int:
    """Make a new master key, seal everything under it and return how many values that were.

    The caller holds the folder's lock.

    Raises:
        SealBroken: a value does not open under the present key; nothing was changed.
    """
    old = Sealer((folder / FILE_NAME).read_text().strip())
    master = base64.b64encode(secrets.token_bytes(32)).decode()
    write_private(folder / NEW_FILE, master + "\n")
    with database.transaction() as tx:
        count = reseal(tx, old, Sealer(master))
    (folder / NEW_FILE).replace(folder / FILE_NAME)
    return count


def finish_rotation(database: Database, folder: Path) -> None:
    """Settle a rotation that a crash cut short: keep the key that opens what is stored."""
    new = folder / NEW_FILE
    if not new.exists():
        return
    try:
        with database.transaction() as tx:
            sealer = Sealer(new.read_text().strip())
            count = reseal(tx, sealer, sealer)
    except SealBroken:
        count = 0
    # With nothing stored both keys are right, and the old one is known elsewhere.
    if count:
        new.replace(folder / FILE_NAME)
    else:
        new.unlink()


def has_sealed(sql: Sql) -> bool:
    """Tell whether anything is stored that needs the master key."""
    return (
        sql.value(
            "SELECT 1 FROM channel_settings WHERE sealed IS NOT NULL"
            " UNION ALL SELECT 1 FROM variables WHERE type = 'secret'"
            " UNION ALL SELECT 1 FROM calls LIMIT 1"
        )
        is not None
    )


def reseal(tx: Tx, old: Sealer, new: Sealer) -> int:
    """Open every sealed value with `old`, seal it with `new` and return how many there are."""
    count = 0
    for channel, environment, sealed in tx.rows(
        "SELECT channel_id, environment, sealed FROM channel_settings WHERE sealed IS NOT NULL"
    ):
        row = settings_row(channel, environment)
        tx.run(
            "UPDATE channel_settings SET sealed = ? WHERE channel_id = ? AND environment = ?",
            (new.seal(old.unseal(sealed, row), row), channel, environment),
        )
        count += 1
    for environment, key, value in tx.rows(
        "SELECT environment, key, value FROM variables WHERE type = 'secret'"
    ):
        row = variable_row(environment, key)
        fresh = new.seal(old.unseal(bytes.fromhex(value), row), row).hex()
        tx.run(
            "UPDATE variables SET value = ? WHERE environment = ? AND key = ?",
            (fresh, environment, key),
        )
        count += 1
    return count + _reseal_calls(tx, old, new)


def _reseal_calls(tx: Tx, old: Sealer, new: Sealer) -> int:
    """Seal the requests anew that wait to be made."""
    rows = tx.rows("SELECT run_id, request FROM calls")
    for run_id, request in rows:
        row = call_row(run_id)
        opened = old.unseal(bytes.fromhex(loads(request)["sealed"]), row)
        fresh = seal_request(opened, run_id, new.seal)
        tx.run("UPDATE calls SET request = ? WHERE run_id = ?", (dumps(fresh), run_id))
    return len(rows)
