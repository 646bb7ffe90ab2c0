"""The data folder: what lies where, and who may serve it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from app.hint import hint_path
from storage.errors import AlreadyRunning, StorageError
from storage.layout import FILE_NAME

# How long a holder that is dead already may take to let go: its children go after it.
_GRACE_SECONDS: Final = 3.0
# A killed process still counts as alive for a moment.
_DYING_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Name the parts of one data folder."""

    path: Path

    @property
    def database(self) -> Path:
        """Give the path of the data file."""
        return self.path / FILE_NAME

    @property
    def backups(self) -> Path:
        """Give the folder of the backups."""
        return self.path / "backups"

    @property
    def lock(self) -> Path:
        """Give the file whose kernel lock the server holds."""
        return self.path / "lock"

    @property
    def state(self) -> Path:
        """Give the file in which the server says its address and how it is."""
        return self.path / "server.json"

    @property
    def local_keys(self) -> Path:
        """Give the private file of the keys that the command line uses."""
        return self.path / "local-keys.json"

    @property
    def hint(self) -> Path:
        """Give the socket at which the executor listens for new work."""
        return hint_path(self.path)

    @property
    def figures(self) -> Path:
        """Give the file in which the executor leaves its metrics."""
        return self.path / "executor.prom"

    @property
    def interface(self) -> Path:
        """Give the folder in which the designer keeps what its pages remember."""
        return self.path / "interface"

    def create(self) -> None:
        """Make the folder, closed to others, unless it exists."""
        try:
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
            self.backups.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The data folder {self.path} cannot be made: {error.strerror}. "
                "Name another one with --data or TOCSIN_DATA."
            ) from None

    def require(self) -> None:
        """Refuse a folder that holds no data file."""
        if not self.database.is_file():
            raise StorageError(
                f"{self.path} holds no Tocsin data. Name the data folder with --data or "
                "TOCSIN_DATA, or make one with `tocsin serve`."
            )


@contextmanager
def fresh_folder(folder: DataFolder) -> Iterator[Callable[[], None]]:
    """Make the folder for a start; unless `keep` is called, what the start made is taken back.

    Only a folder that was missing or empty is emptied: it can hold nothing of worth yet.
    """
    missing = [path for path in (folder.path, *folder.path.parents) if not path.exists()]
    try:
        was_empty = bool(missing) or not any(folder.path.iterdir())
    except OSError as error:
        raise StorageError(
            f"The data folder {folder.path} cannot be read: {error.strerror}. "
            "Name another one with --data or TOCSIN_DATA."
        ) from None
    is_kept = False

    def keep() -> None:
        nonlocal is_kept
        is_kept = True

    folder.create()
    try:
        yield keep
    except AlreadyRunning:  # what is there is the other server's
        raise
    except BaseException:
        if was_empty and not is_kept:
            _take_back(folder.path, missing)
        raise


def _take_back(path: Path, missing: list[Path]) -> None:
    with suppress(OSError):  # the failure itself is what people must read
        for entry in path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for made in missing:
            made.rmdir()


class FolderLock:
    """Hold the data folder for one server; the kernel lets go when the last holder dies.

    Child processes inherit the descriptor, so that the folder stays taken
    until the last of them is gone.
    """

    def __init__(self, folder: DataFolder, role: str | None = None) -> None:
        """Take the lock, waiting only for a holder that is already dead.

        With a `role`, only that part of the server is taken: for benchmarks
        that run its processes by themselves.

        Raises:
            AlreadyRunning: another server holds the folder.
        """
        path = folder.lock if role is None else folder.lock.with_name(f"lock-{role}")
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        started = time.monotonic()
        while not _try_lock(self._handle) or not _is_at(self._handle, path):
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip()
            patience = _DYING_SECONDS if _is_alive(holder) else _GRACE_SECONDS
            if time.monotonic() - started > patience:
                os.close(self._handle)
                raise AlreadyRunning(
                    f"A server (process {holder or 'unknown'}) already serves {folder.path}. "
                    "Stop it first, or name another folder with --data."
                )
            time.sleep(0.02)
            if not _is_at(self._handle, path):
                os.close(self._handle)
                self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def fileno(self) -> int:
        """Give the descriptor, for a child to inherit."""
        return self._handle

    def release(self) -> None:
        """Let go of the folder."""
        os.close(self._handle)


def _is_at(handle: int, path: Path) -> bool:
    """Tell whether the file is still the one at `path`: a failed start takes its lock file away."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise StorageError(f"The data folder cannot be locked: {error.strerror}.") from None
    return True


def _is_alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    """Tell a dead process that nobody has waited for yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


def holder_of(folder: DataFolder) -> int | None:
    """Give the process that serves the folder, or None."""
    if not folder.lock.exists():
        return None
    handle = os.open(folder.lock, os.O_RDWR)
    try:
        if _try_lock(handle):
            return None
        text = os.pread(handle, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else -1
    finally:
        os.close(handle)


def write_state(folder: DataFolder, **facts: Any) -> None:
    """Replace what the server says of itself: `state`, `url`, `pid` and the like."""
    draft = folder.state.with_suffix(".new")
    draft.write_bytes(orjson.dumps(facts))
    draft.replace(folder.state)


def read_state(folder: DataFolder) -> dict[str, Any]:
    """Give what the server said last; empty if it never did."""
    try:
        found: dict[str, Any] = orjson.loads(folder.state.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found
