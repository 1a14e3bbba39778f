"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Optional, TypeVar

import click

from runner.cli import completion
from runner.errors import UsageError
from runner.machine import units
from runner.matrix.selection import MATRIX

F = TypeVar("F", bound=Callable[..., Any])


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic from Click 8.2 on
    """A size such as 20GB, as bytes; each of `words` means a value of its own."""

    name = "size"

    def __init__(self, words: Mapping[str, Optional[int]] = {}) -> None:
        self._words = words

    def convert(self, value: Any, _param: object, _context: object) -> Optional[int]:
        """Raises `UsageError`."""
        text = str(value)
        return self._words[text] if text in self._words else units.parse_size(text)


class Measure(click.ParamType):  # type: ignore[type-arg]  # as above
    """A number with its unit, as `convert` reads it; `least` is the smallest."""

    def __init__(self, name: str, read: Callable[[str], float], least: float) -> None:
        self.name, self._read, self._least = name, read, least

    def convert(self, value: Any, param: Any, context: Any) -> float:
        try:
            found = self._read(str(value))
        except UsageError as error:
            self.fail(str(error), param, context)
        if found < self._least:
            self.fail(f"{value} is less than {self._least:g}", param, context)
        return found


SECONDS = Measure("time", units.parse_seconds, 0.1)
MEBIBYTES = Measure("size", units.parse_mebibytes, 64)
BYTES = Bytes()
KEPT = Bytes({"all": None, "none": 0})
"""What stays on disk: everything, nothing, or so many bytes."""


def needing(command: F) -> F:
    """What scripts need besides TensorFlow, or instead: for all verbs that run some."""
    for option in reversed(
        (
            click.option(
                "--with",
                "packages",
                multiple=True,
                metavar="REQUIREMENT",
                help="A package that the scripts need besides, as of each release's date; 'auto': "
                "those that they import.",
            ),
            click.option(
                "-r",
                "--requirements",
                "requirement_files",
                type=click.Path(path_type=Path),
                multiple=True,
                metavar="FILE",
                help="The packages of a requirements.txt, likewise.",
            ),
            click.option(
                "--project",
                "projects",
                multiple=True,
                metavar="FOLDER",
                help="The dependencies of a pyproject.toml; '.[test]' with an extra or a group.",
            ),
            click.option(
                "--relax",
                is_flag=True,
                help="Where an exact version cannot be had, take the nearest that can.",
            ),
            click.option(
                "--force-package",
                "forced",
                multiple=True,
                metavar="NAME==V",
                help="Install this version whatever TensorFlow asks for.",
            ),
            click.option(
                "--as-of",
                metavar="DAY",
                help="Packages as pip would take them on another day: 'today' or 2024-06-30.",
            ),
            click.option(
                "--data",
                type=click.Path(path_type=Path),
                metavar="FOLDER",
                help="A folder that cells may read: ~/data, and its .keras as ~/.keras; 'auto': "
                "what the scripts ask Keras for, downloaded before they run.",
            ),
            click.option(
                "--network",
                is_flag=True,
                help="Let cells use the network. What they find there is not kept.",
            ),
            click.option(
                "--fail-on",
                metavar="TEXT|/REGEX/",
                help="A pass that prints this is a fail: a warning, for example.",
            ),
            click.option(
                "--allow-no-tensorflow",
                is_flag=True,
                help="Judge a script that never imports TensorFlow, too.",
            ),
        )
    ):
        command = option(command)
    return command


NEEDING = (
    *("packages", "requirement_files", "projects", "relax", "forced", "as_of"),
    *("data", "network", "allow_no_tensorflow", "fail_on"),
)
"""What `needing` fills in."""


def needing_words(selection: Mapping[str, Any]) -> list[str]:
    """The same again, for a command that is to be typed."""
    words: list[str] = []
    for name, option in (
        ("packages", "--with"),
        ("requirement_files", "-r"),
        ("projects", "--project"),
        ("forced", "--force-package"),
    ):
        words += [word for value in selection[name] for word in (option, str(value))]
    words += ["--as-of", selection["as_of"]] if selection["as_of"] else []
    words += ["--data", str(selection["data"])] if selection["data"] else []
    words += ["--fail-on", selection["fail_on"]] if selection["fail_on"] else []
    words += ["--relax"] if selection["relax"] else []
    words += ["--network"] if selection["network"] else []
    return words + (["--allow-no-tensorflow"] if selection["allow_no_tensorflow"] else [])


def selecting(command: F) -> F:
    """The options that choose cells: the same for run, plan, render, build and lock."""
    for option in reversed(
        (
            click.argument(
                "scripts",
                nargs=-1,
                type=click.Path(path_type=Path),
                metavar="[SCRIPT]...",
                shell_complete=completion.complete_scripts,
            ),
            click.option(
                "-m",
                "--module",
                "modules",
                multiple=True,
                metavar="MODULE",
                help="Run a module of the working folder as python -m MODULE does.",
            ),
            click.option(
                "--tf",
                metavar="SPEC",
                help="Releases: '>=2.4,<2.8', '2.9.3,2.10', 'nightly'.",
                shell_complete=completion.complete_specs,
            ),
            click.option(
                "--patches",
                type=click.Choice(["latest", "all"]),
                help="Newest patch of each series (default), or all.",
            ),
            click.option("--pre", is_flag=True, help="Release candidates count as releases."),
            click.option(
                "--nightly",
                is_flag=True,
                help="The newest nightly or release candidate as well, as the last column.",
            ),
            click.option(
                "--device",
                "devices",
                type=click.Choice(["cpu", "cuda"]),
                multiple=True,
                help="Repeat for several.",
            ),
            click.option(
                "--case",
                "cases",
                multiple=True,
                metavar="GLOB",
                help="Cases by name.",
                shell_complete=completion.complete_cases,
            ),
            click.option(
                "--arg",
                "args",
                multiple=True,
                metavar="ARG",
                help="An argument for the scripts named.",
            ),
            click.option(
                "--vary",
                multiple=True,
                metavar="NAME=V,V",
                help="Try each case with several Pythons (python=3.9,3.10), packages "
                "(numpy=1.22.4,1.23.5) or variables (TF_ENABLE_ONEDNN_OPTS=,0); NAME alone is an "
                "axis of matrix.yaml.",
            ),
            click.option(
                "--along",
                metavar="PACKAGE",
                help="Columns are a package's releases ('keras>=3') or the values of an axis of "
                "matrix.yaml, on one release of TensorFlow.",
            ),
            click.option(
                "--env", multiple=True, metavar="NAME=VALUE", help="A variable that all cells get."
            ),
            needing,
            click.option("--timeout", type=SECONDS, help="Of a cell: 90 (seconds) or 5m."),
            click.option("--memory", type=MEBIBYTES, help="Of a cell: 4096 (MiB) or 4GB."),
            click.option(
                "--matrix",
                "matrix_file",
                type=click.Path(path_type=Path),
                default=None,
                help=f"Another file than ./{MATRIX}.",
            ),
        )
    ):
        command = option(command)
    return command
