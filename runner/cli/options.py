"""Options that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional, TypeVar, cast

import click

from runner.cli import completion
from runner.errors import UsageError
from runner.machine import units
from runner.matrix.selection import MATRIX

F = TypeVar("F", bound=Callable[..., Any])


class Bytes(click.ParamType):  # type: ignore[type-arg]  # generic from Click 8.2 on
    """A size such as 20GB, in bytes; or one of `words`, which each stand for a value."""

    name = "size"

    def __init__(self, words: Mapping[str, Optional[int]] = {}) -> None:
        self._words = words

    def convert(self, value: Any, param: Any, context: Any) -> Optional[int]:
        text = str(value)
        if text in self._words:
            return self._words[text]
        try:
            return units.parse_size(text)
        except UsageError as error:
            self.fail(str(error), param, context)


class Measure(click.ParamType):  # type: ignore[type-arg]  # as above
    """A number with a unit, which `read` understands; `least` is the smallest allowed."""

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
"""How much stays on disk: everything, nothing, or a size in bytes."""


def _with_options(command: F, options: Sequence[Callable[[F], F]]) -> F:
    """The command with `options`, which its help lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def _with_local(command: F) -> F:
    """Passes what local packages among the words of `--with` ask for, as `local`."""

    @functools.wraps(command)
    def called(**options: Any) -> Any:
        local = None
        if options["packages"]:
            from runner.cli import local_packages  # it needs much that other commands do not

            local = local_packages.asked_by(options["packages"])
        return command(**options, local=local)

    return cast("F", called)


_PACKAGES = (
    click.option(
        "--with",
        "packages",
        multiple=True,
        metavar="REQUIREMENT",
        help="Add a package, in its version as of each release's date; or one of yours: "
        "./FOLDER, FILE.whl. 'auto': add the packages that the scripts import.",
    ),
    click.option(
        "-r",
        "--requirements",
        "requirement_files",
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Add the packages of a requirements.txt.",
    ),
    click.option(
        "--project",
        "projects",
        multiple=True,
        metavar="FOLDER",
        help="Add the dependencies of a pyproject.toml; '.[test]' adds an extra or group.",
    ),
    click.option(
        "--relax",
        is_flag=True,
        help="If an exact version is not available, use the nearest that is.",
    ),
    click.option(
        "--force-package",
        "forced",
        multiple=True,
        metavar="NAME==V",
        help="Install this version even if TensorFlow forbids it.",
    ),
    click.option(
        "--as-of",
        metavar="DAY",
        help="Use packages as pip would choose them on another day: 'today' or 2024-06-30.",
    ),
)
_NEEDS = (
    *_PACKAGES,
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="Let cells read this folder as ~/data, and its .keras as ~/.keras. 'auto': "
        "download the data that the scripts ask Keras for.",
    ),
    click.option(
        "--network",
        is_flag=True,
        help="Let cells use the network. Their outcomes are not stored.",
    ),
    click.option(
        "--fail-on",
        metavar="TEXT|/REGEX/",
        help="A pass that prints this, for example a warning, becomes a fail.",
    ),
    click.option(
        "--allow-no-tensorflow",
        is_flag=True,
        help="Also judge a script that never imports TensorFlow.",
    ),
)


def packaging(command: F) -> F:
    """Adds the options for the packages that scripts need."""
    return _with_options(_with_local(command), _PACKAGES)


def needing(command: F) -> F:
    """Adds the options for what scripts need, to every command that runs scripts."""
    return _with_options(_with_local(command), _NEEDS)


NEEDING = (
    *("packages", "local", "requirement_files", "projects", "relax", "forced", "as_of"),
    *("data", "network", "allow_no_tensorflow", "fail_on"),
)
"""The parameters of the options that `needing` adds."""


def needing_words(selection: Mapping[str, Any]) -> list[str]:
    """The words that give these options again, for a command that the user can type."""
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


_CELLS = {
    "scripts": click.argument(
        "scripts",
        nargs=-1,
        type=click.Path(path_type=Path),
        metavar="[SCRIPT]...",
        shell_complete=completion.complete_scripts,
    ),
    "modules": click.option(
        "-m",
        "--module",
        "modules",
        multiple=True,
        metavar="MODULE",
        help="Run a module of the working folder, as python -m MODULE does.",
    ),
    "tf": click.option(
        "--tf",
        metavar="SPEC",
        help="The releases: '>=2.4,<2.8', '2.9.3,2.10', 'nightly'.",
        shell_complete=completion.complete_specs,
    ),
    "patches": click.option(
        "--patches",
        type=click.Choice(["latest", "all"]),
        help="The newest patch of each series (default), or all.",
    ),
    "pre": click.option("--pre", is_flag=True, help="Include release candidates."),
    "nightly": click.option(
        "--nightly",
        is_flag=True,
        help="Add the newest nightly or release candidate as the last column.",
    ),
    "devices": click.option(
        "--device",
        "devices",
        type=click.Choice(["cpu", "cuda"]),
        multiple=True,
        help="Repeat for several.",
    ),
    "cases": click.option(
        "--case",
        "cases",
        multiple=True,
        metavar="GLOB",
        help="The cases to run, by name.",
        shell_complete=completion.complete_cases,
    ),
    "args": click.option(
        "--arg",
        "args",
        multiple=True,
        metavar="ARG",
        help="An argument for the named scripts.",
    ),
    "vary": click.option(
        "--vary",
        multiple=True,
        metavar="NAME=V,V",
        help="Run each case with several Pythons (python=3.9,3.10), packages "
        "(numpy=1.22.4,1.23.5), variables (TF_ENABLE_ONEDNN_OPTS=,0) or backends of Keras 3 "
        "(backend=tensorflow,jax). NAME alone is an axis of matrix.yaml.",
    ),
    "along": click.option(
        "--along",
        metavar="PACKAGE",
        help="Use as columns a package's releases ('keras>=3'), or the values of an axis "
        "of matrix.yaml, on one release of TensorFlow, or without it (--tf none).",
    ),
    "env": click.option(
        "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable for all cells."
    ),
    "needs": needing,
    "timeout": click.option("--timeout", type=SECONDS, help="Limit of a cell: 90 (seconds) or 5m."),
    "memory": click.option("--memory", type=MEBIBYTES, help="Limit of a cell: 4096 (MiB) or 4GB."),
    "matrix_file": click.option(
        "--matrix",
        "matrix_file",
        type=click.Path(path_type=Path),
        default=None,
        help=f"Use this file instead of ./{MATRIX}.",
    ),
}
_MEASURING = {
    "jobs": click.option(
        "--jobs", type=click.IntRange(1, 256), help="Cells at a time. Default: one per core."
    ),
    "remeasure": click.option(
        "--remeasure", "--fresh", "remeasure", is_flag=True, help="Measure known cells again."
    ),
    "mode": click.option(
        "--mode",
        type=click.Choice(["auto", "fresh", "fork"]),
        default="auto",
        help="fresh: a new process per cell. fork: import TensorFlow once per environment. "
        "auto: fork if the script allows it.",
    ),
    "keep": click.option(
        "--keep-environments",
        "keep",
        type=KEPT,
        default="all",
        metavar="all|none|SIZE",
        help="How many of the environments that the run makes stay when their cells are done: all, "
        "none, or at most SIZE (20GB).",
    ),
    "max_disk": click.option(
        "--max-disk",
        type=BYTES,
        metavar="SIZE",
        help="The disk space for environments at any time: finished ones are removed when others "
        "need space; one that cannot fit is skipped.",
    ),
    "output": click.option(
        "--output", type=click.Path(path_type=Path), help="The folder for the run."
    ),
}


def selecting(command: F) -> F:
    """Adds the options that choose cells, for run, plan, render, build and lock."""
    return _with_options(command, [*_CELLS.values()])


def selecting_by(*names: str) -> Callable[[F], F]:
    """Adds some of the options that choose cells."""
    return lambda command: _with_options(command, [_CELLS[name] for name in names])


def measuring_by(*names: str) -> Callable[[F], F]:
    """Adds some of the options about how cells are measured."""
    return lambda command: _with_options(command, [_MEASURING[name] for name in names])
