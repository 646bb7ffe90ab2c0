"""The sample workflows and the benchmark's templates are compiled, all of them, and look alike."""

import sys
from pathlib import Path

import orjson
import pytest
from render_samples import EMAIL, FEED, scope

from bench import render_batch, work
from engine.liquid.compiler import Unsupported, compile_program
from engine.liquid.environment import parsed
from engine.render.core import render_one
from engine.render.requests import RenderRequest
from engine.workflow.project import read_project

sys.path.append(str(Path(__file__).parents[1] / "liquid"))
from compiled_both_ways import NOW, Tally, compiled, interpreted

ROOT = Path(__file__).parents[3] / "sample_workflows"
PROJECT = read_project(ROOT)
KEYS = sorted(PROJECT.workflows)
CHANNELS = {"email", "in_app_feed", "sms", "push", "chat"}


def sample_scope(key):
    data = orjson.loads((ROOT / "payloads" / f"{key}.json").read_bytes()).get("data", {})
    people = orjson.loads((ROOT / "people.json").read_bytes())["users"]
    activity = {**data, "data": data, "actor": people[1], "inserted_at": "2026-06-03T12:00:00Z"}
    return {
        **{"recipient": people[0], "actor": people[1], "data": data, **data},
        **{"activities": [activity] * 3, "total_activities": 3, "total_actors": 1},
        "vars": {"branding": {"primary_color": "#336699"}},
    }


def steps_in(value):
    """Yield every mapping that has a template, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("template"), dict):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from steps_in(item)


def texts_in(value):
    """Yield every text that has Liquid in it."""
    if isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_in(item)


def requests_of(key):
    """Return what the channel steps of a sample render, with and without missing values."""
    requests = []
    for step in steps_in(PROJECT.workflows[key].definition):
        kind = step.get("channel_type")
        kind = kind if kind in CHANNELS else "fields"
        for data in (sample_scope(key), {}, {"recipient": {"name": None}, "data": {"items": "x"}}):
            for strict in (False, True):
                requests.append(RenderRequest(kind, step["template"], data, strict, now=NOW))
    return requests


BENCHED = [
    RenderRequest(kind, template, data, strict, escapes, NOW)
    for kind, template, data in (
        ("email", EMAIL, scope()),
        ("in_app_feed", FEED, scope()),
        ("email", render_batch.EMAIL, render_batch.batch_of(2, 1)[0].scope),
        ("in_app_feed", render_batch.FEED, render_batch.batch_of(2, 1)[1].scope),
        ("email", {"subject": work.SUBJECT, "html_body": work.HTML}, work.peer_items(2)[1]),
        ("in_app_feed", {"markdown_body": work.FEED}, work.peer_items(1)[0]),
        ("email", {"html_body": "{{ a.b | upcase }}", "settings": {"pre_content": "x"}}, {}),
    )
    for strict in (False, True)
    for escapes in (True, False)
]


def both_ways(requests):
    """Return the results of the interpreter and of the compiler, and what it compiled."""
    with interpreted():
        expected = [render_one(request) for request in requests]
    with compiled(Tally()) as tally:
        found = [render_one(request) for request in requests]
    return expected, found, tally


@pytest.mark.parametrize("key", KEYS)
def test_a_sample_renders_to_the_same_bytes_both_ways(key):
    expected, found, tally = both_ways(requests_of(key))
    assert found == expected
    assert any(result.ok for result in found)
    assert tally.compiled > 0


def test_what_is_benchmarked_renders_to_the_same_bytes_both_ways():
    expected, found, tally = both_ways(BENCHED)
    assert found == expected
    assert tally.refused == {}
    assert tally.given_back > 0, "strict templates without their values have to fail"


@pytest.mark.parametrize("html", [False, True], ids=["plain", "html"])
@pytest.mark.parametrize("kept", [False, True], ids=["in place", "kept aside"])
def test_every_sample_template_is_compiled(html, kept):
    sources = {text for key in KEYS for text in texts_in(PROJECT.workflows[key].definition)}
    sources |= {text for request in BENCHED for text in texts_in(request.template)}
    refused = {}
    for source in sources:
        try:
            compile_program(parsed(source, html=html), kept=kept)
        except Unsupported as error:
            refused[source] = str(error)
    assert refused == {}
    assert len(sources) > 40
