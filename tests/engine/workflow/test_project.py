from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import InvalidInput
from engine.workflow.project import Project, read_project, write_project


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


ODD = {
    "knock.json": b'{"knockDir" : "./notify/" }',
    "notify/workflows/a/workflow.json": b'\xef\xbb\xbf{"steps":[ ],\r\n'
    b'\t"name":"\\u00e4","x":1.0,"x":2e0}',
    "notify/workflows/a/tocsin.json": b"{ }",
    "notify/workflows/a/deep/er/notes.bin": b"\x00\xff",
    "notify/workflows/b/workflow.json": b'{"name":"b","text@":"t.txt","steps":[]}',
    "notify/workflows/b/t.txt": b"\xef\xbb\xbfline\r\nline",
    "notify/workflows/README.md": b"read me",
    "notify/layouts/main/layout.json": b'{"name":"M","html_layout@":"html_layout.html"}',
    "notify/layouts/main/html_layout.html": b"<p>{{ content }}",
    "notify/partials/p/partial.json": b"{}",
    "notify/translations/en/en.json": b"{}",
    "notify/audiences/beta/audience.json": b"{}",
    "notify/message-types/m/message_type.json": b"{}",
    "notify/guides/g/guide.json": b"{}",
    "notify/schemas/user.json": b"{}",
    "notify/schemas/objects/projects.json": b"{}",
}


def test_every_byte_of_a_project_comes_back(tmp_path: Path) -> None:
    source = put(tmp_path / "in", ODD)
    project = read_project(source)
    assert project.problems == ()
    assert set(project.workflows) == {"a", "b"}
    assert project.workflows["a"].definition == {"steps": [], "name": "ä", "x": 2.0}
    write_project(project, tmp_path / "out")
    assert tree(tmp_path / "out") == ODD


def test_a_bare_folder_of_workflows_is_read_and_written_bare(tmp_path: Path) -> None:
    bare = {n.removeprefix("notify/"): c for n, c in ODD.items() if n != "knock.json"}
    project = read_project(put(tmp_path / "in", bare))
    assert project.problems == ()
    write_project(project, tmp_path / "out")
    assert tree(tmp_path / "out") == bare


def test_other_files_of_the_root_are_left_alone(tmp_path: Path) -> None:
    source = put(
        tmp_path, {**ODD, "src/main.py": b"", "notify/notes/x.md": b"", ".knockbranch": b""}
    )
    names = write_project(read_project(source), tmp_path / "out")
    assert set(names) == set(ODD)


@pytest.mark.parametrize(
    ("files", "file", "word"),
    [
        ({"src/a.txt": b""}, None, "holds neither knock.json nor"),
        ({"knock.json": b"{"}, "knock.json", "not valid JSON"),
        ({"knock.json": b"[]"}, "knock.json", "the name of a folder"),
        ({"knock.json": b'{"knockDir":"../up"}'}, "knock.json", "the name of a folder"),
        ({"knock.json": b'{"knockDir":"/etc"}'}, "knock.json", "the name of a folder"),
        ({"workflows/w/x.txt": b""}, "workflows/w/workflow.json", "needs a file named"),
        ({"workflows/w/workflow.json": b"[]"}, "workflows/w/workflow.json", "JSON object"),
        ({"workflows/a b/workflow.json": b"{}"}, "workflows/a b", "cannot be a key"),
        (
            {"workflows/w/workflow.json": b"0" * (2 * 1024 * 1024 + 1)},
            "workflows/w/workflow.json",
            "2 MB",
        ),
    ],
)
def test_a_broken_project_says_which_file_and_why(
    tmp_path: Path, files: dict[str, bytes], file: str | None, word: str
) -> None:
    problems = read_project(put(tmp_path, files)).problems
    assert problems
    assert problems[0].file == file
    assert word in problems[0].message


def test_the_file_of_a_problem_is_named_from_the_root(tmp_path: Path) -> None:
    broken = b'{"name":"b","text@":"gone.txt","steps":[]}'
    project = read_project(put(tmp_path, {**ODD, "notify/workflows/b/workflow.json": broken}))
    assert [p.file for p in project.problems] == ["notify/workflows/b/workflow.json"]


def test_links_that_lead_out_are_refused_and_others_followed(tmp_path: Path) -> None:
    secret = put(tmp_path / "outside", {"secret.txt": b"s", "dir/x": b"x"})
    root = put(tmp_path / "in", {"workflows/w/workflow.json": b'{"steps":[],"t@":"link.txt"}'})
    folder = root / "workflows" / "w"
    (folder / "link.txt").symlink_to(secret / "secret.txt")
    (folder / "dir").symlink_to(secret / "dir")
    (root / "workflows" / "other").symlink_to(secret / "dir")
    (root / "layouts").symlink_to(secret)
    (folder / "same.json").symlink_to(folder / "workflow.json")
    project = read_project(root)
    escapes = {p.file for p in project.problems if p.rule == "project.escape"}
    assert escapes == {
        "workflows/w/link.txt",
        "workflows/w/dir",
        "workflows/other",
        "layouts",
    }
    assert "same.json" in project.workflows["w"].files
    assert b"s" not in project.workflows["w"].files.values()


def test_writing_never_goes_through_a_link(tmp_path: Path) -> None:
    project = read_project(put(tmp_path / "in", {"workflows/w/workflow.json": b'{"steps":[]}'}))
    outside = put(tmp_path / "outside", {"victim": b"safe"})
    out = tmp_path / "out"
    (out / "workflows" / "w").mkdir(parents=True)
    (out / "workflows" / "w" / "workflow.json").symlink_to(outside / "victim")
    write_project(project, out)
    assert (outside / "victim").read_bytes() == b"safe"
    assert (out / "workflows" / "w" / "workflow.json").read_bytes() == b'{"steps":[]}'
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "workflows").symlink_to(outside)
    with pytest.raises(InvalidInput, match="outside"):
        write_project(project, linked)


def test_a_project_without_folders_is_empty(tmp_path: Path) -> None:
    project = read_project(put(tmp_path, {"knock.json": b'{"knockDir":"knock"}'}))
    assert replace(project, warnings=()) == Project(workflows={}, manifest=b'{"knockDir":"knock"}')


@pytest.mark.parametrize("inner", ["workflows/welcome", "workflows/welcome/email_1"])
def test_a_workflow_folder_without_its_file_is_a_problem_that_names_it(
    tmp_path: Path, inner: str
) -> None:
    put(tmp_path, {"workflows/other/workflow.json": b'{"name":"O","steps":[]}'})
    (tmp_path / inner).mkdir(parents=True)
    [problem] = read_project(tmp_path).problems
    assert problem.rule == "file.missing"
    assert problem.file == "workflows/welcome/workflow.json"


def test_a_folder_that_is_too_large_is_told_once(tmp_path: Path) -> None:
    put(tmp_path, {"workflows/w/workflow.json": b"x" * (2 * 1024 * 1024 + 1)})
    rules = [p.rule for p in read_project(tmp_path).problems]
    assert rules.count("project.too_large") == 1
    assert "file.missing" not in rules


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ({"knock.json": b'{"knockDir":"knock"}'}, "knock/workflows"),
        ({"knock.json": b'{"knockDir":"knock"}', "knock/partials/p/partial.json": b"{}"},
         "knock/workflows"),
        ({"workflows/README.md": b"x"}, "workflows"),
    ],
)  # fmt: skip
def test_a_project_without_workflows_says_where_they_were_looked_for(
    tmp_path: Path, files: dict[str, bytes], where: str
) -> None:
    project = read_project(put(tmp_path, files))
    assert project.problems == ()
    [warning] = project.warnings
    assert warning.file == where
    assert "There is no workflow in this project: each" in warning.message
    assert f"{where}/welcome" in warning.message


def test_a_workflow_beside_the_folders_is_named_with_its_place(tmp_path: Path) -> None:
    sound = b'{"name":"O","steps":[]}'
    put(tmp_path, {"workflows/other/workflow.json": sound, "workflows/welcome.json": sound})
    put(tmp_path, {"workflows/workflow.json": sound, "workflows/README.md": b"x"})
    first, second = read_project(tmp_path).warnings
    assert first.file == "workflows/welcome.json"
    assert "move it to workflows/welcome/workflow.json" in first.message
    assert "move it to workflows/KEY/workflow.json" in second.message
