"""What the guides show is what their commands print: each `$ tfmatrix run …` on a file in
docs/examples."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import cli

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
_SHOWN = re.compile(r"^```\n\$ tfmatrix (run .+?)\n(.+?)^```$", re.MULTILINE | re.DOTALL)
_ENGINES = {"local": pytest.mark.tensorflow, "docker": pytest.mark.docker}


def shown() -> Iterator[Any]:
    """The words of each command, and what it prints."""
    examples = {file.name for file in EXAMPLES.iterdir()}
    for guide in sorted(DOCS.glob("*.md")):
        for command, printed in _SHOWN.findall(guide.read_text("utf-8")):
            words = shlex.split(command)
            if examples.intersection(words):
                mark = _ENGINES[words[words.index("--engine") + 1]]
                yield pytest.param(words, printed, marks=mark, id=f"{guide.name}: {command}")


SHOWN = list(shown())


def test_every_example_is_shown() -> None:
    named = {word for shown in SHOWN for word in shown.values[0]}
    scripts = {file.name for file in EXAMPLES.iterdir() if file.suffix != ".svg"}
    assert scripts <= named


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("words", "printed"), SHOWN)
def test_the_command_prints_what_the_guide_shows(
    words: list[str],
    printed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    assert cli.execute(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("report: ")] == printed.splitlines()
