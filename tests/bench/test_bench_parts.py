"""The benchmarks' own parts: figures that would lie are refused."""

import asyncio
import os

import orjson
import pytest

from bench import drain, host, idle, load, report, work
from bench.__main__ import BENCHES, parser
from bench.peers import start
from bench.report import Gate
from bench.sink import Sink


@pytest.mark.parametrize(
    ("value", "kind", "holds"),
    [(3.0, "least", True), (2.9, "least", False), (3.0, "most", True), (3.1, "most", False)],
)
def test_a_gate_holds_up_to_its_bound(value, kind, holds):
    assert Gate("ratio", value, 3.0, kind).holds is holds


def test_a_figure_that_was_not_taken_neither_holds_nor_fails():
    gate = Gate("huey", None, 4.0, "least")
    assert gate.holds is None
    assert report.document("b2", host={}, rounds=[], medians={}, gates=[gate])["ok"]
    assert "not taken" in report.sentence("b2", gate.as_json())


def test_a_ratio_is_taken_within_a_round_before_the_median():
    rounds = [{"a": 10, "b": 5}, {"a": 30, "b": 10}, {"a": 8, "b": 8}, {"a": 1, "b": None}]
    assert report.ratios(rounds, "a", "b") == [2.0, 3.0, 1.0, None]
    assert report.median(report.ratios(rounds, "a", "b")) == 2.0


def test_a_peer_far_below_what_it_can_do_is_named():
    assert "huey" in (report.far_below("huey", 200.0, (530.0, 720.0)) or "")
    assert report.far_below("huey", 500.0, (530.0, 720.0)) is None
    assert report.far_below("huey", None, (530.0, 720.0)) is None


@pytest.mark.parametrize("number", [0, 1, 9_999_999])
def test_every_trigger_is_exactly_as_long_as_the_echo_s(number):
    assert len(work.trigger_body(number)) == work.BODY_BYTES


def test_a_peer_renders_what_the_triggers_carry():
    (item,) = work.peer_items(1)
    body = orjson.loads(work.trigger_body(0))
    assert item["recipient"]["id"] == body["recipients"][0]
    assert {**item, "recipient": None} == {**body["data"], "recipient": None}


def test_the_measured_workflow_has_a_condition_and_two_messages(tmp_path):
    work.write_project(tmp_path)
    text = (tmp_path / "workflows" / work.WORKFLOW / "workflow.json").read_bytes()
    steps = orjson.loads(text)["steps"]
    assert [s["channel_type"] for s in steps] == ["in_app_feed", "email"]
    assert steps[1]["conditions"]["all"]


@pytest.mark.parametrize(
    "after",
    [
        {"delivered": 10, "sent": 9},
        {"delivered": 10, "sent": 10, "queued": 1},
        {"delivered": 10, "undelivered": 10},
    ],
)
def test_a_rate_for_work_that_was_not_done_is_refused(after):
    with pytest.raises(RuntimeError, match="expected 20 messages"):
        drain.verify({}, after, 10)


def test_work_done_before_does_not_count():
    drain.verify({"delivered": 5, "sent": 5}, {"delivered": 15, "sent": 15}, 10)


def test_the_floor_is_measured_and_leaves_nothing_behind(tmp_path):
    found = host.floor(tmp_path)
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert list(tmp_path.iterdir()) == []


def test_the_sink_counts_what_a_closed_loop_sends():
    sink = Sink()
    try:
        port = int(sink.url.rsplit(":", 1)[1].rstrip("/"))
        done = asyncio.run(
            load.closed_loop(port, lambda n: load.trigger(n, "t"), connections=3, count=50)
        )
        assert (sink.received, done.statuses[200]) == (50, 50)
        assert len(done.latencies) == 50
    finally:
        sink.close()


def test_an_open_loop_charges_the_server_for_what_waited():
    sink = Sink()
    try:
        port = int(sink.url.rsplit(":", 1)[1].rstrip("/"))
        done = asyncio.run(
            load.open_loop(port, lambda n: load.trigger(n, "t"), rate=500, seconds=0.2)
        )
        assert done.statuses[200] == sink.received == 100
    finally:
        sink.close()


def test_refusals_are_counted_and_no_part_of_the_rate():
    found = load.Load(latencies=[0.001, 0.002], seconds=2.0)
    found.statuses.update({200: 1, 429: 1})
    assert found.figures()["rate"] == 0.5
    assert found.figures()["refused"] == 1


def test_a_process_tells_its_memory_and_its_time():
    assert idle.proportional_kb(os.getpid()) > 1000
    assert idle.ticks(os.getpid()) > 0
    assert idle.role_of(os.getpid()) == "supervisor"


def test_a_peer_that_is_not_installed_is_left_out_with_the_way_to_have_it(tmp_path, monkeypatch):
    monkeypatch.setattr(start.shutil, "which", lambda name: None)
    peers = start.known_peers(None, None, None)
    assert [peer.measure(tmp_path) for peer in peers] == [None, None, None]
    assert all("left out" in peer.remark for peer in peers)


def test_a_python_that_lacks_the_peer_is_refused():
    with pytest.raises(SystemExit, match="cannot import"):
        start.known_peers("/bin/false", None, None)


def test_every_benchmark_can_be_asked_for():
    assert [parser().parse_args([name]).bench for name in BENCHES] == list(BENCHES)
    assert parser().parse_args([]).bench == "all"
