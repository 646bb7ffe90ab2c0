from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.folder import DataFolder, FolderLock, holder_of, read_state, write_state
from app.hint import HintSender, hint_path
from storage.errors import AlreadyRunning, StorageError

HOLD = (
    "import sys; from pathlib import Path; from app.folder import *;"
    " lock = FolderLock(DataFolder(Path(sys.argv[1]))); print('held', flush=True);"
    " sys.stdin.read()"
)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.create()
    return folder


@pytest.mark.req("R-17")
def test_a_second_holder_is_refused_by_the_process_id_of_the_first(folder: DataFolder) -> None:
    lock = FolderLock(folder)
    with pytest.raises(AlreadyRunning, match=rf"process {os.getpid()}\) already serves"):
        FolderLock(folder)
    assert holder_of(folder) == os.getpid()
    lock.release()
    assert holder_of(folder) is None
    FolderLock(folder).release()


@pytest.mark.crash
def test_a_killed_holder_leaves_no_stale_lock(
    folder: DataFolder, child_environ: dict[str, str]
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        child.kill()
        FolderLock(folder).release()


def test_the_folder_is_closed_to_others_and_an_empty_one_is_refused(folder: DataFolder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700
    with pytest.raises(StorageError, match="holds no Tocsin data"):
        folder.require()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be made"):
        DataFolder(tmp_path / "file" / "data").create()


def test_the_state_is_read_back_and_missing_or_broken_counts_as_none(folder: DataFolder) -> None:
    assert read_state(folder) == {}
    write_state(folder, state="serving", pid=1)
    assert read_state(folder) == {"state": "serving", "pid": 1}
    folder.state.write_text("{")
    assert read_state(folder) == {}


def test_a_hint_reaches_the_listener_and_nobody_listening_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "hint.sock"
    sender = HintSender(path)
    sender.send()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.setblocking(False)
        sender.send()
        assert listener.recv(16) == b"!"
        for _ in range(5_000):  # a full queue never blocks the sender
            sender.send()
    sender.close()


def test_a_deep_folder_still_has_a_socket_path_that_the_kernel_takes(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    assert len(str(hint_path(deep))) < 100
    assert hint_path(deep) == hint_path(deep)
    assert hint_path(deep) != hint_path(deep / "y")
