"""Bad input among scripts, packages, data and links is one line, before anything runs."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from runner import cli

FILES = {
    "my.py": "import tensorflow as tf\n",
    "test_my.py": "import tensorflow as tf\n\ndef test_x(): pass\n",
    "empty/readme": "",
    "broken.ipynb": "{",
    "list.ipynb": "[]",
    "bare.ipynb": json.dumps({"nbformat": 4, "cells": []}),
    "text.md": "no code here\n",
    "one.md": "```python\nimport tensorflow\n```\n",
    "unclosed.py": '# /// script\n# dependencies = ["x"\n# ///\nimport tensorflow\n',
    "number.py": "# /// script\n# dependencies = 3\n# ///\nimport tensorflow\n",
    "python.py": '# /// script\n# requires-python = "new"\n# ///\nimport tensorflow\n',
    "bad.txt": "pandas ==\n",
    "circle.txt": "-r circle.txt\n",
    "url.txt": "https://example.org/x.whl\n",
    "folder.txt": "-e ./mine\n",
    "project/pyproject.toml": "[project]\nname = 'mine'\noptional-dependencies = {test = []}\n",
    "tool/pyproject.toml": "[tool.black]\n",
}


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    for name, text in FILES.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, "utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("empty", "empty is a folder without a __main__.py or tests; expected a Python script"),
        ("broken.ipynb", "broken.ipynb is not a notebook: it is not JSON"),
        ("list.ipynb", "list.ipynb is not a notebook: it has no `nbformat`"),
        ("bare.ipynb", "bare.ipynb has no code cell"),
        ("text.md", "text.md is Markdown, not a script"),
        ("test_me.py", 'there is no file test_me.py; did you mean "test_my.py"?'),
        ("-", "-: there is no script on standard input"),
        ("-m a-b", "-m a-b: expected the name of a module"),
        ("-- pytest gone.py", "pytest gone.py: there is no gone.py in "),
        ("unclosed.py", "unclosed.py, block `# /// script` is not TOML: Unclosed array"),
        ("number.py", "number.py: dependencies is not a list of texts"),
        ("python.py", "python.py: requires-python is 'new'; expected a specifier"),
        ("my.py -r bad.txt", 'bad.txt:1: "pandas ==" is not a requirement (PEP 508)'),
        ("my.py -r circle.txt", "circle.txt includes circle.txt, which includes it in turn"),
        ("my.py -r url.txt", 'url.txt:1: "https://example.org/x.whl" is a URL; name a package'),
        ("my.py -r folder.txt", "is a folder or a file; to add a package from this machine"),
        ("my.py -r gone.txt", "gone.txt cannot be read: No such file or directory"),
        ("my.py --project project[gpu]", "has no extra or group 'gpu'; there are: test"),
        ("my.py --project tool", "has neither [project] nor [dependency-groups]"),
        ("my.py --project .[x", "--project .[x: expected a folder, or one with extras"),
        ("my.py --with tensorflow==2.9", '"tensorflow==2.9" is TensorFlow itself'),
        ("my.py --with x@https://example.org/x.whl", "has a URL, which cannot be locked"),
        ("my.py --with auto", "--with auto is for `tfmatrix run`: name the packages here"),
        ("my.py --force-package numpy", '--force-package: "numpy" names no one version'),
        ("my.py --force-package numpy==1.*", '--force-package: "numpy==1.*" names no one version'),
        ("my.py --force-package a==1 --force-package A==2", "a==1 and A==2 are the same package"),
        ("test_my.py -- --pdb", "pytest --pdb: a cell has no terminal for a debugger"),
        ("-- pytest --collect-only", "pytest --collect-only: with this option, pytest runs no"),
        ("-- pytest test_my.py -k", "pytest -k: expected a value after it"),
        ("-- pytest -c gone.ini", "pytest -c gone.ini: there is no gone.ini in "),
        ("my.py --as-of yesterday", "--as-of yesterday: expected `today` or a day"),
        ("my.py --as-of 2999-01-01", "--as-of 2999-01-01: that day has not come"),
        ("my.py --data gone", "--data gone: there is no such folder"),
        ("my.py --data auto", "--data auto: there is no such folder; `auto` is for `tfmatrix run`"),
    ],
)
def test_it_is_one_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_one_line(["plan", *words.split()], said, capsys)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--from-issue text.md", "there is no Python code block in text.md"),
        ("--from-issue one.md --block 2", "there is no block 2; there are:"),
        ("--from-issue one.md --block x", "--block x: expected a number from 1, or several: 1,2"),
        ("--from-issue one.md --block 0", "--block 0: expected a number from 1, or several: 1,2"),
        ("--from-issue o/n#0", "--from-issue o/n#0: neither a file nor an issue"),
        ("my.py --block 1", "need --from-issue"),
        ("http://example.org/x.py", "http://example.org/x.py: only https:// is read"),
        ("https://colab.research.google.com/", "not a known address of code"),
        ("https://example.org/x.exe", "not a known address of code"),
    ],
)
def test_it_is_one_line_of_sources(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_one_line(["run", *words.split()], said, capsys)


def assert_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line says what is wrong; others may say how to mend it, or list the choice."""
    assert cli.execute(words) == 2
    first, *others = capsys.readouterr().err.splitlines()
    assert said in first
    assert all(line.startswith("  ") for line in others)


def test_a_release_that_came_later_is_a_skip(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "my.py", "--tf", "2.4,2.9", "--as-of", "2022-06-01"]
    assert cli.execute(words) == 0
    said = capsys.readouterr().out
    assert "skip: TensorFlow 2.9.3 came out on 2022-11-16, after 2022-06-01" in said
    assert "1 to run, 1 skipped by rule" in said


def test_an_empty_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = "--: the command is empty; expected a program and its arguments"
    assert_one_line(["plan", "--", ""], said, capsys)
