"""Which words of a command line are tfmatrix's, and which the script's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner import cli
from runner.cli import grammar

OPTIONS = {"--tf": True, "--pre": False, "-v": False, "-r": True}

DIVISIONS = {
    "my.py --tf 2.9": ("my.py --tf 2.9", ""),
    "my.py --n 3": ("my.py", "--n 3"),
    "my.py --tf 2.9 --n 3 word": ("my.py --tf 2.9", "--n 3 word"),
    "my.py -- --tf 2.9 -- -v": ("my.py", "--tf 2.9 -- -v"),
    "my.py -r file -v -5": ("my.py -r file -v", "-5"),
    "my.py -rfile --tf=2.9 -x": ("my.py -rfile --tf=2.9", "-x"),
    "--tf --n my.py": ("--tf --n my.py", ""),
    "--n my.py": ("--n my.py", ""),
    "- --n 3": ("-", "--n 3"),
    "-- make test": ("", "make test"),
    "my.py --tf --": ("my.py --tf", ""),
}


@pytest.mark.parametrize(("words", "expected"), DIVISIONS.items(), ids=DIVISIONS)
def test_a_command_line_is_divided(words: str, expected: tuple[str, str]) -> None:
    division = grammar.divide(words.split(), OPTIONS)
    assert (division.own, division.script) == tuple(tuple(part.split()) for part in expected)
    assert division.separated is ("--" in words.split())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("print('hello')\n", "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "words", ["my.py --n 3", "my.py -- --n 3", "my.py --arg=--n --arg 3", "my.py --arg=--n -- 3"]
)
def test_every_way_of_giving_arguments_reaches_the_script(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert cli.execute(["plan", "--tf", "2.9", "--format", "json", *words.split()]) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert cell["args"] == ["--n", "3"]


AMBIGUOUS = {
    "--tff 2.9 my.py": "has no option --tff; did you mean --tf?",
    "--n 3 my.py": "has no option --n (see",
    "my.py --tff 2.9": "has no option --tff; did you mean --tf? Write options of the script",
    "my.py --wth numpy": "has no option --wth; did you mean --with? Write options of the script",
    "my.py --tensorflow 2.9": "no option --tensorflow; did you mean --tf? Write options of the",
    "my.py --packages=numpy": "no option --packages; did you mean --with? Write options of the",
    "my.py --python 3.8": "no option --python; did you mean --vary python=VERSION? Write options",
    "--python 3.8 my.py": "no option --python; did you mean --vary python=VERSION? (see",
    "my.py --pyhton 3.8": "no option --pyhton; did you mean --vary python=VERSION? Write options",
    "my.py --tmieout=3": "no option --tmieout; did you mean --timeout? Write options of the",
    "my.py --n 3 --tf 2.9": "--tf comes after --n, which is an option of the script: write",
}


@pytest.mark.parametrize(("words", "said"), AMBIGUOUS.items(), ids=AMBIGUOUS)
def test_what_may_be_meant_for_either_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert cli.execute(["plan", *words.split()]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("my.py --enviroment X=1", "arguments of the script: --enviroment X=1\n"),
        ("my.py -q --n 3", ""),
        ("my.py -- --n 3", ""),
    ],
)
def test_words_that_go_to_the_script_without_a_separator_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], words: str, told: str
) -> None:
    assert cli.execute(["plan", "--tf", "2.9", *words.split()]) == 0
    assert capsys.readouterr().err == told


def test_an_option_of_run_is_not_the_scripts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bisect", "my.py", "--good", "2.9", "--keep-environments", "none"]
    assert cli.execute(words) == 2
    error = capsys.readouterr().err
    assert "tfmatrix bisect has no option --keep-environments, which `tfmatrix run` has" in error
    assert error.count("\n") == 1


def test_the_separator_settles_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "my.py", "--tf", "2.9", "--format", "json", "--", "--tff", "--tf", "2.10"]
    assert cli.execute(words) == 0
    (cell,) = json.loads(capsys.readouterr().out)
    assert cell["args"] == ["--tff", "--tf", "2.10"]
