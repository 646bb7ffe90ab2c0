"""The render process: same results, and it may die at any time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from render_samples import EMAIL, FEED, scope

from engine.render.inline import InlineRenderer
from engine.render.process import ProcessRenderer, RendererDown
from engine.render.requests import RenderRequest

ROOT = Path(__file__).parents[3]
# Markdown with thousands of open brackets: seconds inside one call, no loop step taken.
SLOW = RenderRequest("in_app_feed", {"markdown_body": "{{ v }}"}, {"v": "![" * 400_000})
GREEDY = RenderRequest(
    "text",
    "{% assign l = '' | split: '' %}{% for i in (1..9999) %}{% assign l = l | concat: more %}"
    "{% endfor %}",
    {"more": ["x" * 10] * 90_000},
)


def text(value, **options):
    return RenderRequest("text", "{{ v }}", {"v": value}, **options)


def is_alive(pid):
    """Say whether a process exists and is not just waiting to be reaped."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(condition, seconds=10):
    """Wait for another process to notice something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(scope="module")
def renderer():
    shared = ProcessRenderer()
    yield shared
    shared.close()


@pytest.fixture
def impatient():
    own = ProcessRenderer(deadline=0.5)
    yield own
    own.close()


def test_it_gives_what_the_inline_renderer_gives(renderer):
    shared = scope()
    now = datetime(2030, 1, 2, tzinfo=UTC)
    batch = [
        RenderRequest("email", EMAIL, shared),
        RenderRequest("in_app_feed", FEED, shared),
        RenderRequest("email", EMAIL, scope("Bob", note="<b>")),
        RenderRequest("email", EMAIL, scope("Bob", note="<b>"), autoescape=False),
        RenderRequest("text", "{{ nope }}", {}, strict=True),
        RenderRequest("text", "{{ a |", {}),
        RenderRequest("json", "{", {}),
        RenderRequest("fields", {"a": ["{{ x }}", 1]}, {"x": "é\ud800"}),
        RenderRequest("text", "{{ now }}{% if s > 1 %}{% endif %}", {"s": "a"}, now=now),
        RenderRequest("sms", {"text_body": "x"}, {"when": now, "odd": {1, 2}, "big": 2**80}),
    ]
    assert renderer.render(batch) == InlineRenderer().render(batch)


def test_order_is_kept_over_several_messages(renderer):
    batch = [text(f"{n} " + "x" * 50_000) for n in range(700)]
    results = renderer.render(batch)
    assert [r.output.split()[0] for r in results] == [str(n) for n in range(700)]


def test_an_empty_batch_needs_no_process():
    idle = ProcessRenderer()
    assert idle.render([]) == []
    assert idle.pid is None


def test_templates_beyond_the_cache_are_sent_again(renderer):
    for _ in range(2):
        batch = [RenderRequest("text", f"{n}{{{{ v }}}}", {"v": 1}) for n in range(2500)]
        assert [r.output for r in renderer.render(batch)] == [f"{n}1" for n in range(2500)]


def test_a_template_that_takes_too_long_fails_alone(impatient):
    batch = [text(1), text(2), SLOW, text(3), SLOW, text(4)]
    results = impatient.render(batch)
    assert [r.output for r in results] == ["1", "2", None, "3", None, "4"]
    assert [r.errors[0].kind for r in (results[2], results[4])] == ["limit", "limit"]
    assert impatient.kills >= 2
    assert impatient.rendered == 6
    assert impatient.render([text("again")])[0].output == "again"


def test_a_batch_that_takes_too_long_is_answered_in_part(impatient):
    results = impatient.render([text("first"), *[SLOW] * 5, text("last")], patience=0.1)
    assert results[0].output == "first"
    assert len(results) < 4
    assert impatient.kills <= 2
    whole = impatient.render([text("again"), text("twice")], patience=60)
    assert [r.output for r in whole] == ["again", "twice"]


@pytest.mark.req("R-29", "R-32")
def test_a_batch_that_kills_again_and_again_is_answered_in_part(impatient):
    batch = [text("first"), *[SLOW] * 9, text("last")]
    results = impatient.render(batch, patience=60)
    assert impatient.kills == 4
    assert [r.output for r in results] == ["first", None, None, None]
    assert {r.errors[0].kind for r in results[1:]} == {"limit"}
    rest = impatient.render(batch[9:], patience=60)
    assert [r.output for r in rest] == [None, "last"]


@pytest.mark.req("R-29", "R-32")
def test_without_patience_what_is_left_after_many_kills_gets_a_fault(impatient):
    results = impatient.render([*[SLOW] * 9, text("last")])
    assert impatient.kills == 4
    assert [r.errors[0].kind for r in results] == ["limit"] * 10
    assert "a template of this batch" in results[-1].errors[0].message
    assert impatient.render([text("again")])[0].output == "again"


def test_without_time_the_first_is_answered(impatient):
    assert impatient.render([text("first"), text("last")], patience=0)[0].output == "first"


def test_a_lone_template_that_takes_too_long_is_not_tried_twice(impatient):
    assert impatient.render([SLOW])[0].errors[0].kind == "limit"
    assert impatient.kills == 1


def test_a_scope_that_takes_too_much_memory_fails_alone(renderer):
    huge = {"l": [[[] for _ in range(200)] for _ in range(20_000)]}
    batch = [text(1), RenderRequest("text", "{{ l | size }}", huge), GREEDY, text(2)]
    results = renderer.render(batch)
    assert [results[0].output, results[3].output] == ["1", "2"]
    assert results[1].errors[0].kind == "limit"
    assert results[2].errors[0].kind == "limit"


def test_a_process_killed_while_idle_is_replaced(renderer):
    renderer.render([text(1)])
    first = renderer.pid
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: not is_alive(first))
    assert renderer.render([text(2)])[0].output == "2"
    assert renderer.pid != first


def test_a_process_killed_at_work_loses_no_result():
    patient = ProcessRenderer(deadline=30)
    patient.start()
    pid = patient.pid
    batch = [text("x" * 20_000 + str(n)) for n in range(200)]
    batch.insert(100, RenderRequest("in_app_feed", {"markdown_body": "![" * 30_000}, {}))
    answers = []
    thread = threading.Thread(target=lambda: answers.extend(patient.render(batch)))
    thread.start()
    time.sleep(0.2)
    os.kill(pid, signal.SIGKILL)
    thread.join(50)
    patient.close()
    assert [r.ok for r in answers] == [True] * 201
    assert patient.kills == 1


def test_a_stopped_process_is_given_up(monkeypatch):
    monkeypatch.setattr("engine.render.process._GRACE", 0.2)
    stuck = ProcessRenderer(deadline=0.3)
    stuck.start()
    os.kill(stuck.pid, signal.SIGSTOP)
    assert stuck.render([text(1)])[0].output == "1"
    assert stuck.kills == 1
    stuck.close()


def test_several_threads_may_share_it(renderer):
    answers = {}

    def work(n):
        answers[n] = [r.output for r in renderer.render([text(n), text(n + 1)])]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: [str(n), str(n + 1)] for n in range(8)}


def test_it_outlives_the_thread_that_started_it():
    own = ProcessRenderer()
    thread = threading.Thread(target=own.start)
    thread.start()
    thread.join()
    pid = own.pid
    assert own.render([text(1)])[0].output == "1"
    assert (own.pid, own.kills) == (pid, 0)
    own.close()


def test_closing_ends_the_process_and_refuses_more_work():
    own = ProcessRenderer()
    own.start()
    pid = own.pid
    own.close()
    assert not is_alive(pid)
    with pytest.raises(RendererDown):
        own.render([text(1)])
    own.close()


def test_a_process_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RendererDown, match="exit status 1"):
        ProcessRenderer().render([text(1)])


PARENT = """
    import os, sys, threading, time
    from engine.render.process import ProcessRenderer
    from engine.render.requests import RenderRequest
    renderer = ProcessRenderer()
    renderer.start()
    print(renderer.pid, flush=True)
    if sys.argv[1] == "busy":
        slow = RenderRequest("in_app_feed", {"markdown_body": "![" * 400_000}, {})
        threading.Thread(target=renderer.render, args=([slow],), daemon=True).start()
    if sys.argv[1] == "forked" and os.fork() == 0:
        time.sleep(40)  # holds the socket open
        os._exit(0)
    time.sleep(60)
"""


@pytest.mark.parametrize("state", ["idle", "busy", "forked"])
def test_it_dies_with_its_parent(state):
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), state],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        child = int(parent.stdout.readline())
        assert is_alive(child)
        time.sleep(0.3)
        parent.kill()
        parent.wait()
        assert eventually(lambda: not is_alive(child), 12)
    finally:
        parent.stdout.close()
        os.killpg(parent.pid, signal.SIGKILL) if state == "forked" else parent.kill()


def test_no_secret_of_the_environment_reaches_the_process(monkeypatch):
    monkeypatch.setenv("TOCSIN_CANARY", "canary")
    own = ProcessRenderer()
    own.start()
    environment = Path(f"/proc/{own.pid}/environ").read_bytes()
    own.close()
    assert b"PYTHONPATH" in environment
    assert b"canary" not in environment.lower()
