from __future__ import annotations

from typing import Any

import orjson
import pytest

from engine.workflow.layout import file_of, read_workflow, workflow_files


def files(workflow: Any, **others: str) -> dict[str, bytes]:
    text = workflow if isinstance(workflow, bytes) else orjson.dumps(workflow)
    named = {name.replace("__", "/").replace("_DOT_", "."): v for name, v in others.items()}
    return {"workflow.json": text, **{name: v.encode() for name, v in named.items()}}


def email(**template: Any) -> dict[str, Any]:
    return {
        "name": "W",
        "steps": [{"type": "channel", "ref": "email_1", "template": template}],
    }


BLOCKS = {
    **files(email(**{"subject": "Hi", "visual_blocks@": "email_1/visual_blocks.json"})),
    "email_1/visual_blocks.json": b'[{"type":"markdown","content@":"visual_blocks/1.content.md"}]',
    "email_1/visual_blocks/1.content.md": "Hällo {{ recipient.name }}\n".encode(),
}


def test_two_levels_of_files_are_inlined_and_their_references_stay() -> None:
    definition, readonly, problems = read_workflow(BLOCKS)
    assert problems == []
    assert readonly == {}
    assert definition is not None
    template = definition["steps"][0]["template"]
    assert template == {
        "subject": "Hi",
        "visual_blocks": [
            {
                "type": "markdown",
                "content": "Hällo {{ recipient.name }}\n",
                "content@": "visual_blocks/1.content.md",
            }
        ],
        "visual_blocks@": "email_1/visual_blocks.json",
    }


def test_schema_and_readonly_are_kept_out_of_the_definition_but_not_lost() -> None:
    raw = b'{"$schema":"x","name":"W","__readonly":{"active":false},"steps":[]}'
    definition, readonly, _ = read_workflow(files(raw))
    assert definition == {"name": "W", "steps": []}
    assert readonly == {"active": False}
    written = workflow_files("w", {"name": "New", "steps": []}, readonly, files(raw))
    assert list(orjson.loads(written["workflow.json"])) == [
        "$schema",
        "name",
        "__readonly",
        "steps",
    ]


def test_an_inline_text_wins_over_its_file_which_is_not_read() -> None:
    raw = files(email(**{"text_body": "inline", "text_body@": "missing.txt"}))
    definition, _, problems = read_workflow(raw)
    assert problems == []
    assert definition is not None
    assert definition["steps"][0]["template"]["text_body"] == "inline"
    assert workflow_files("w", definition, {}, raw) == raw


def test_a_liquid_text_in_a_file_named_json_stays_text() -> None:
    raw = files(email(**{"json_body@": "b_DOT_json".replace("_DOT_", ".")}), b_DOT_json="{{ x }}")
    definition, _, problems = read_workflow(raw)
    assert problems == []
    assert definition is not None
    assert definition["steps"][0]["template"]["json_body"] == "{{ x }}"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("../secret.txt", "inside the folder"),
        ("/etc/passwd", "inside the folder"),
        ("a\\b.txt", "inside the folder"),
        ("none.txt", 'no file "none.txt"'),
        ("workflow.json", "used twice"),
    ],
)
def test_a_reference_that_cannot_be_followed_names_file_step_and_field(
    reference: str, words: str
) -> None:
    _, _, problems = read_workflow(files(email(**{"text_body@": reference})))
    assert len(problems) == 1
    assert words in problems[0].message
    assert problems[0].file == "workflow.json"
    assert problems[0].step_ref == "email_1"
    assert problems[0].path == "template.text_body@"


def test_a_file_that_is_used_twice_is_reported() -> None:
    raw = files(email(**{"text_body@": "a.txt", "subject@": "a.txt"}), a_DOT_txt="x")
    _, _, problems = read_workflow(raw)
    assert [p.path for p in problems] == ["template.subject@"]


def test_a_third_level_of_files_is_not_followed() -> None:
    raw = dict(BLOCKS)
    raw["email_1/visual_blocks.json"] = b'[{"visual_blocks@":"deep.json"}]'
    raw["email_1/deep.json"] = b'[{"content@":"deeper.md"}]'
    raw["email_1/deeper.md"] = b"x"
    _, _, problems = read_workflow(raw)
    assert [(p.file, p.path) for p in problems] == [("email_1/deep.json", "[0].content@")]
    assert "two levels" in problems[0].message


def test_broken_json_names_its_file_and_line() -> None:
    raw = dict(BLOCKS)
    raw["email_1/visual_blocks.json"] = b'[\n{"type": }\n]'
    _, _, problems = read_workflow(raw)
    assert [(p.file, p.line, p.step_ref) for p in problems] == [
        ("email_1/visual_blocks.json", 2, "email_1")
    ]
    _, _, problems = read_workflow(files(b"{\n"))
    assert [(p.file, p.line) for p in problems] == [("workflow.json", 2)]


def test_text_in_another_encoding_names_its_file_and_line() -> None:
    raw = {**files(email(**{"text_body@": "a.txt"})), "a.txt": b"ok\n\xff"}
    _, _, problems = read_workflow(raw)
    assert [(p.file, p.line, p.rule) for p in problems] == [("a.txt", 2, "file.encoding")]


def test_json_nested_without_end_is_a_problem_and_not_a_crash() -> None:
    raw = b'{"steps":' + b"[" * 900 + b"]" * 900 + b"}"
    definition, _, problems = read_workflow(files(raw))
    assert definition is None
    assert problems[0].rule == "file.depth"


def test_only_what_changed_gets_new_bytes() -> None:
    raw = {**BLOCKS, "README.md": b"notes", "tocsin.json": b'{ "owner" :1}'}
    raw["workflow.json"] = b'{\t"name":"W",\r\n ' + raw["workflow.json"][12:]
    definition, _, problems = read_workflow(raw)
    assert problems == []
    assert definition is not None
    definition["steps"][0]["template"]["visual_blocks"][0]["content"] = "Changed"
    written = workflow_files("w", definition, {}, raw)
    changed = {name for name in raw if written[name] != raw[name]}
    assert changed == {"email_1/visual_blocks/1.content.md"}
    assert written["email_1/visual_blocks/1.content.md"] == b"Changed"
    assert set(written) == set(raw)


def test_the_files_of_a_deleted_step_go_and_loose_files_stay() -> None:
    raw = {**BLOCKS, "README.md": b"notes"}
    written = workflow_files("w", {"name": "W", "steps": []}, {}, raw)
    assert set(written) == {"workflow.json", "README.md"}


def test_a_workflow_made_in_the_designer_gets_one_readable_file() -> None:
    definition = {"name": "Wörld", "steps": []}
    assert workflow_files("w", definition, {"active": True}, {}) == {
        "workflow.json": (
            b'{\n  "$schema": "https://schemas.knock.app/cli/workflow.json",\n'
            b'  "name": "W\xc3\xb6rld",\n'
            b'  "__readonly": {\n    "key": "w",\n    "active": true\n  },\n'
            b'  "steps": []\n}\n'
        )
    }


def test_an_unsafe_reference_given_by_an_editor_keeps_the_text_inline() -> None:
    definition = email(**{"text_body": "x", "text_body@": "../../evil", "n": None, "n@": "n.txt"})
    written = workflow_files("w", definition, {}, {})
    assert list(written) == ["workflow.json"]
    template = orjson.loads(written["workflow.json"])["steps"][0]["template"]
    assert template == {"text_body": "x", "n": None}


def test_a_key_that_merely_ends_in_at_is_the_users_own() -> None:
    schema = {"properties": {"x": {"type": "string"}, "x@": {"type": "number"}}}
    definition = {"name": "W", "trigger_data_json_schema": schema, "steps": []}
    written = workflow_files("w", definition, {}, {})
    assert orjson.loads(written["workflow.json"])["trigger_data_json_schema"] == schema


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("template.subject", ("workflow.json", "template.subject")),
        ("template.visual_blocks", ("email_1/visual_blocks.json", "")),
        ("template.visual_blocks[0].content", ("email_1/visual_blocks/1.content.md", "")),
        ("template.visual_blocks[0].type", ("email_1/visual_blocks.json", "[0].type")),
        ("template.nothing[7].here", ("workflow.json", "template.nothing[7].here")),
    ],
)
def test_a_field_is_traced_to_the_file_it_lives_in(path: str, expected: tuple[str, str]) -> None:
    definition, _, _ = read_workflow(BLOCKS)
    assert definition is not None
    assert file_of(definition["steps"][0], path) == expected
