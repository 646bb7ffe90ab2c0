"""Kill commands at their own crash points: in a migration, in a backup, before it is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench.crash.killer import COMMAND_POINTS
from storage.backup import list_backups, verify_backup
from storage.db import Database
from storage.invariants import violations


def kill_commands(folder: Path, bootstrap: Path, each: int) -> dict[str, Any]:
    """Kill `each` times at every point; afterwards the same command works and the data is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    killed: Counter[str] = Counter()
    faults: list[str] = []
    for number in range(each):
        data = folder / f"data-{number}"
        data.mkdir()
        (data / "tocsin.db").touch()
        killed["in_migration"] += _killed(_tocsin(data, "migrate", fault="in_migration:1"))
        _expect(_tocsin(data, "migrate"), f"migrate {number}", faults)
        before = _content(data, faults)
        for point in ("in_backup", "before_backup_named"):
            killed[point] += _killed(_tocsin(data, "backup", fault=f"{point}:1"))
            _expect(_tocsin(data, "backup"), f"backup after {point} {number}", faults)
            if _content(data, faults) != before:
                faults.append(f"{point} {number}: the data changed")
        backups = list_backups(data / "backups")
        if not backups:
            faults.append(f"{number}: no backup was made")
        for backup in backups:
            faults += [f"{backup.path.name}: {wrong}" for wrong in verify_backup(backup.path)]
    is_ok = not faults and all(killed[point] == each for point in COMMAND_POINTS)
    return {"ok": is_ok, "killed": dict(killed), "faults": faults[:10]}


def _tocsin(data: Path, command: str, fault: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", command, "--data", str(data)],
        env={**os.environ, "TOCSIN_FAULT": fault}, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip


def _killed(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode == -signal.SIGKILL


def _expect(done: subprocess.CompletedProcess[str], what: str, faults: list[str]) -> None:
    if done.returncode != 0:
        faults.append(f"{what}: {done.returncode} {done.stderr[-300:]}")


def _content(data: Path, faults: list[str]) -> list[str]:
    """Read the schema and what the check of the file says; every rule must hold."""
    database = Database(data / "tocsin.db")
    try:
        sql = database.read()
        if broken := violations(sql):
            faults.append(f"{data.name}: {broken}")
        check = str(sql.value("PRAGMA quick_check(1)"))
        if check != "ok":
            faults.append(f"{data.name}: {check}")
        return [str(row) for row in sql.rows("SELECT name, sql FROM sqlite_schema ORDER BY name")]
    finally:
        database.close()
