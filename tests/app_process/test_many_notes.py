from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from served import HELLO, Server


@pytest.mark.timeout(60)
def test_a_start_that_has_more_to_say_than_a_pipe_holds_is_ready_all_the_same(
    launch: Callable[..., Server], tmp_path: Path, project: Path, bootstrap: Path
) -> None:
    slips = {f"nobody_reads_this_field_{n}": n for n in range(10)}
    for n in range(60):
        folder = project / "workflows" / f"hello-{n:02}"
        folder.mkdir()
        (folder / "workflow.json").write_text(json.dumps(HELLO | slips))
    server = launch(tmp_path / "data", TOCSIN_BOOTSTRAP=str(bootstrap)).wait_until_ready()
    told = "\n".join(server.output)
    assert len(told) > 100_000
    assert "hello-59/workflow.json nobody_reads_this_field_9" in told
