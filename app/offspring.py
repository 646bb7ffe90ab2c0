"""One child process, as its supervisor holds it: started, let go, listened to.

A child says one line at a time: that the folder is prepared, that it refuses,
that it is ready, and once a second that its loop still turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.settings import Settings, as_environment

PREPARED: Final = b"p"
REFUSED: Final = b"e"
READY: Final = b"r"
BEAT: Final = b"."
GO: Final = b"g"
BEAT_SECONDS: Final = 1.0
_ROOT: Final = Path(__file__).resolve().parent.parent
_MOST: Final = 65_536


@dataclass(slots=True, kw_only=True)
class Child:
    """A process and the two pipes to it; `close` gives them back."""

    role: str
    process: asyncio.subprocess.Process
    lifeline: int
    words: int
    started_at: float
    on_word: Callable[[Child, bytes, bytes], None]
    is_ready: bool = False
    silent_seconds: float = 0.0
    _heard: bytes = b""

    def let_go(self) -> None:
        """Tell it that the folder is ready."""
        with contextlib.suppress(BrokenPipeError):  # it is dead already; its keeper notices
            os.write(self.lifeline, GO)

    def listen(self) -> None:
        """Hand on every line that has come; called whenever there is something to read."""
        with contextlib.suppress(BlockingIOError):
            heard = os.read(self.words, _MOST)
            if not heard:
                asyncio.get_running_loop().remove_reader(self.words)
            *lines, self._heard = (self._heard + heard).split(b"\n")
            for line in lines:
                self.on_word(self, line[:1], line[1:])

    def close(self) -> None:
        """Give the pipes back; a child that still lives ends with its lifeline."""
        asyncio.get_running_loop().remove_reader(self.words)
        os.close(self.words)
        os.close(self.lifeline)


async def start_child(
    role: str,
    settings: Settings,
    on_word: Callable[[Child, bytes, bytes], None],
    *,
    arguments: Sequence[str],
    handles: Sequence[int],
) -> Child:
    """Start a role's process, which inherits `handles`, in a process group of its own."""
    loop = asyncio.get_running_loop()
    lifeline_read, lifeline_write = os.pipe()
    words_read, words_write = os.pipe()
    os.set_blocking(words_read, False)
    # A supervisor that is stopped must not stop its children: what it cannot take is dropped.
    os.set_blocking(words_write, False)
    # -P: what lies in the folder of whoever starts it, such as their own `app`, is not ours.
    command = [sys.executable, "-P", "-m", "app.child", role, "--parent", str(os.getpid())]
    command += ["--lifeline", str(lifeline_read), "--words", str(words_write), *arguments]
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            pass_fds=[lifeline_read, words_write, *handles],
            stdin=subprocess.DEVNULL,
            process_group=0,
            env={**os.environ, **as_environment(settings), "PYTHONPATH": path},
        )
    finally:
        os.close(lifeline_read)
        os.close(words_write)
    child = Child(
        role=role, process=process, lifeline=lifeline_write, words=words_read,
        started_at=loop.time(), on_word=on_word,
    )  # fmt: skip
    loop.add_reader(words_read, child.listen)
    return child


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped on purpose: by SIGSTOP or a debugger."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in ("T", "t")
