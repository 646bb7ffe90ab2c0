"""The numbered vectors of the specification, one scenario file each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.scenario_runner import play

FOLDER = Path(__file__).parent.parent / "scenarios"
NUMBERS = [
    *range(1, 57),
    *range(59, 64),
    *range(70, 74),
    83,
    *range(89, 105),
    *range(106, 124),
    *range(143, 148),
]
FILES = sorted(FOLDER.glob("V-*.json"), key=lambda path: int(path.stem.removeprefix("V-")))


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=pytest.mark.req(p.stem)) for p in FILES],
)
def test_vector(path: Path, tmp_path: Path) -> None:
    result, played = play(path, tmp_path)
    played.world.close()
    assert result["failures"] == []


def test_every_vector_of_the_first_release_has_its_file() -> None:
    assert len(NUMBERS) == 105
    missing = {f"V-{number}" for number in NUMBERS} - {path.stem for path in FILES}
    assert missing == set()
