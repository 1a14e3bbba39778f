"""What a script imports and no environment has is told before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import pytest

from runner.cells.lacks import imports
from runner.cli import missing_packages, running
from runner.model import Environment, Target

HAVE = frozenset({"numpy", "tensorflow-cpu", "protobuf", "scipy"})


def of(text: str, *own: str) -> dict[str, str]:
    return imports.missing_packages([text], own, HAVE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import sklearn.metrics", {"sklearn.metrics": "scikit-learn"}),
        ("from PIL import Image\nimport pandas as pd", {"PIL": "Pillow", "pandas": "pandas"}),
        ("import google.cloud.storage", {"google.cloud.storage": "google-cloud-storage"}),
        (
            "import tensorflow_probability as tfp",
            {"tensorflow_probability": "tensorflow-probability"},
        ),
    ],
)
def test_a_module_that_nobody_has_is_named_with_its_package(
    text: str, found: dict[str, str]
) -> None:
    assert of(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "import os, json, numpy.linalg, tensorflow as tf, keras",
        "import scipy.stats",
        "from google.protobuf import message",
        "import nobody_knows_this",
        "try:\n    import pandas\nexcept ImportError:\n    pandas = None",
        "def show():\n    import pandas",
        "if False:\n    import pandas",
        "from . import pandas",
        "import dataclasses, zoneinfo, tomllib, imp",
        "import pandas as (",
        "",
    ],
)
def test_what_is_there_may_not_be_reached_or_is_not_known_is_not_named(text: str) -> None:
    assert of(text) == {}


def test_a_module_beside_the_script_is_its_own() -> None:
    assert of("import pandas", "pandas") == {}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A script that imports pandas by a module of its own; environments have numpy and what is
    asked for."""

    def locked(target: Target) -> Environment:
        names = ("numpy==1.22", *(f"{each}==1.0" for each in target.requirements))
        return Environment(target=target, requirements="\n".join(names), key="k")

    monkeypatch.setattr(running, "locker", lambda _: locked)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("import numpy\nimport mine\n", "utf-8")
    (tmp_path / "mine.py").write_text("import pandas\nimport sklearn\n", "utf-8")
    return {
        "scripts": (Path("my.py"),),
        "tf": "2.9",
        "packages": (),
        "patches": None,
        "args": (),
        "devices": (),
        "cases": (),
        "timeout": None,
        "memory": None,
        "matrix_file": None,
    }


def test_elsewhere_one_line_names_the_option(asked: dict[str, Any]) -> None:
    said: list[str] = []
    chosen = missing_packages.select_with(asked, said.append)
    assert chosen.cells[0].target.requirements == ()
    assert said == [
        "imported at the top: pandas and sklearn, which the environments lack; add --with"
        " pandas --with scikit-learn, or --with auto"
    ]


def test_auto_adds_them(asked: dict[str, Any]) -> None:
    said: list[str] = []
    chosen = missing_packages.select_with({**asked, "packages": ("auto",)}, said.append)
    assert chosen.cells[0].target.requirements == ("pandas", "scikit-learn")
    assert said[0].endswith("pandas and scikit-learn added")


def test_what_is_added_already_is_not_missing(asked: dict[str, Any]) -> None:
    said: list[str] = []
    packages = ("pandas<2", "scikit_learn")
    chosen = missing_packages.select_with({**asked, "packages": packages}, said.append)
    assert chosen.cells[0].target.requirements == packages
    assert said == []


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_is_asked(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, answer: bool
) -> None:
    questions: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        questions.append(question)
        return answer

    monkeypatch.setattr(click, "confirm", confirm)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    chosen = missing_packages.select_with(asked, lambda _: None)
    assert questions == [
        "The script imports pandas and sklearn, which the environments lack."
        " Add pandas and scikit-learn?"
    ]
    assert chosen.cells[0].target.requirements == (("pandas", "scikit-learn") if answer else ())


def test_the_tests_of_a_suite_are_read_not_their_driver(asked: dict[str, Any]) -> None:
    files = {
        "pyproject.toml": "[project]\nname = 'x'\n",
        "tests/test_my.py": "import pytest, pandas, mine, helper\ndef test_x(): pass\n",
        "tests/conftest.py": "import sklearn\n",
        "tests/helper.py": "import yaml\n",
        "src/mine/__init__.py": "from . import core\n",
        "src/mine/core.py": "import PIL.Image\n",
        "unrelated.py": "import torch\n",
    }
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, "utf-8")
    said: list[str] = []
    scripts = (Path("tests/test_my.py"),)
    packages = ("auto",)
    missing_packages.select_with({**asked, "scripts": scripts, "packages": packages}, said.append)
    assert len(said) == 1
    assert said[0].endswith(": Pillow, PyYAML, pandas and scikit-learn added")
