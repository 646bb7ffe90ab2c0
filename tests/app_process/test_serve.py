from __future__ import annotations

import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from served import Server, is_alive, tocsin, until

Launch = Callable[..., Server]
# Servers start within seconds on a machine that has nothing else to do.
pytestmark = pytest.mark.timeout(180)


@pytest.mark.req("R-11")
def test_a_server_says_when_it_is_ready_serves_one_origin_and_drains(
    launch: Launch, tmp_path: Path, bootstrap: Path
) -> None:
    server = launch(tmp_path / "data", "serve", "--bootstrap", str(bootstrap)).wait_until_ready()
    assert server.output[-1] == f"ready {server.url}"
    assert any("1 created, 1 committed" in line for line in server.output)
    status, body, _ = server.get("/health")
    assert (status, '"serving"' in body) == (200, True)
    status, body, headers = server.get("/v1/users")
    assert (status, headers["content-type"]) == (401, "application/json")
    assert server.get("/v1/none")[2]["content-type"] == "application/json"
    status, _, headers = server.get("/")
    assert (status, headers["location"]) == (303, "/login")
    status, body, headers = server.get("/login")
    assert status == 200
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert server.get("/health/live")[0] == 200
    # The executor leaves its figures a moment after the start.
    until(lambda: "tocsin_render_kills" in server.get("/metrics")[1])
    metrics = server.get("/metrics")[1]
    for name in ("queue_depth", "oldest_due_seconds", "wal_bytes", "render_kills"):
        assert f"tocsin_{name}" in metrics
    pids = list(server.state["processes"].values())
    assert server.stop() == 0
    assert not any(is_alive(pid) for pid in pids)
    assert server.state["state"] == "stopped"


@pytest.mark.req("R-17")
def test_a_second_server_on_the_folder_refuses_and_names_the_first(
    launch: Launch, tmp_path: Path, child_environ: dict[str, str]
) -> None:
    first = launch(tmp_path / "data").wait_until_ready()
    second = tocsin("serve", "--port", "0", environ=child_environ, data=tmp_path / "data")
    assert second.returncode == 1
    assert f"A server (process {first.process.pid}) already serves" in second.stderr
    assert "Traceback" not in second.stderr
    assert first.get("/health")[0] == 200


@pytest.mark.crash
@pytest.mark.req("R-1")
def test_a_killed_server_takes_its_children_along_and_starts_again_at_once(
    launch: Launch, tmp_path: Path, bootstrap: Path
) -> None:
    data = tmp_path / "data"
    fast = {"TOCSIN_CLOCK_RATE": "60", "TOCSIN_BOOTSTRAP": str(bootstrap)}
    first = launch(data, **fast).wait_until_ready()
    first.api("PUT", "/v1/users/ann", {"name": "Ann", "email": "ann@example.com"})
    first.trigger()
    pids = list(first.state["processes"].values())
    first.process.kill()
    second = launch(data, **fast).wait_until_ready()
    assert not any(is_alive(pid) for pid in pids)
    messages = until(second.messages)
    assert len(messages) == 1


@pytest.mark.crash
def test_a_dead_child_is_started_again_and_work_goes_on(
    launch: Launch, tmp_path: Path, bootstrap: Path
) -> None:
    server = launch(
        tmp_path / "data", TOCSIN_BOOTSTRAP=str(bootstrap), TOCSIN_CLOCK_RATE="60"
    ).wait_until_ready()
    before = server.state["processes"]
    os.kill(before["executor"], signal.SIGKILL)
    until(lambda: server.get("/health")[0] == 503)
    server.api("PUT", "/v1/users/ann", {"name": "Ann", "email": "ann@example.com"})
    server.trigger()
    assert until(server.messages)
    assert server.get("/health")[0] == 200
    os.kill(before["web"], signal.SIGKILL)
    # The supervisor holds the listening socket: a request waits instead of being refused.
    assert server.get("/health/live")[0] == 200
    after = until(lambda: server.state["web"] == "running" and server.state["processes"])
    assert after["web"] != before["web"]
    assert after["executor"] != before["executor"]
    assert server.stop() == 0


def test_one_process_does_everything_and_the_clock_runs_fast(
    launch: Launch, tmp_path: Path, bootstrap: Path
) -> None:
    server = launch(
        tmp_path / "data", "serve", "--single-process", "--bootstrap", str(bootstrap),
        TOCSIN_CLOCK_RATE="60",
    ).wait_until_ready()  # fmt: skip
    assert any("60 TIMES AS FAST" in line for line in server.output)
    server.api("PUT", "/v1/users/ann", {"name": "Ann", "email": "ann@example.com"})
    server.trigger()
    assert until(server.messages)[0]["status"] in ("queued", "sent")
    assert server.get("/health")[0] == 200
    assert server.stop() == 0


def test_a_taken_port_is_a_sentence_and_nothing_is_left_running(
    launch: Launch, tmp_path: Path, child_environ: dict[str, str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = tocsin("serve", "--port", port, environ=child_environ, data=tmp_path / "data")
    assert done.returncode == 1
    assert f"Cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.req("R-19")
def test_an_older_schema_is_backed_up_and_migrated_unless_that_is_refused(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with sqlite3.connect(data / "tocsin.db") as db:
        db.execute("CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT,"
                   " name TEXT, applied_at TEXT)")  # fmt: skip
        db.execute("CREATE TABLE account_of_old (x)")
    db.close()
    refused = tocsin("serve", "--no-migrate", "--port", "0", environ=child_environ, data=data)
    assert refused.returncode == 1
    assert "m0001_foundation) and --no-migrate was given" in refused.stderr
    assert "tocsin migrate" in refused.stderr


@pytest.mark.req("R-19")
def test_a_newer_schema_is_refused(tmp_path: Path, child_environ: dict[str, str]) -> None:
    from storage.migrations import migrate

    data = tmp_path / "data"
    data.mkdir()
    migrate(data / "tocsin.db")
    with sqlite3.connect(data / "tocsin.db") as db:
        db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
                   " VALUES ('tocsin', 'm9999_future', '')")  # fmt: skip
    db.close()
    done = tocsin("serve", "--port", "0", environ=child_environ, data=data)
    assert done.returncode == 1
    assert "newer Tocsin (it has m9999_future)" in done.stderr


@pytest.mark.req("R-21")
def test_a_damaged_file_is_refused_before_anything_is_written(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "tocsin.db").write_bytes(b"not a database at all" * 400)
    before = (data / "tocsin.db").read_bytes()
    done = tocsin("serve", "--port", "0", environ=child_environ, data=data)
    assert done.returncode == 1
    assert "is damaged" in done.stderr
    assert (data / "tocsin.db").read_bytes() == before


def test_a_faulty_bootstrap_file_ends_the_start_with_one_sentence(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    file = tmp_path / "b.toml"
    file.write_text("[acount]\n")
    done = tocsin(
        "serve", "--port", "0", "--bootstrap", str(file), environ=child_environ,
        data=tmp_path / "data",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"The bootstrap file {file} has faults: acount")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_start_that_fails_leaves_a_folder_that_held_something_as_it_was(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "notes.txt").write_text("mine")
    file = tmp_path / "b.toml"
    file.write_text("[acount]\n")
    done = tocsin(
        "serve", "--port", "0", "--bootstrap", str(file), environ=child_environ, data=data
    )
    assert done.returncode == 1
    assert (data / "notes.txt").read_text() == "mine"
