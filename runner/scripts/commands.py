"""Turns the command after `--` into a script: `run -- pytest tests/`, `run -- python -m mine`.

`python -m unittest` and pytest are suites, whose tests are rows.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from attrs import evolve

from runner.errors import UsageError, meant, nearest
from runner.model import file_of_test
from runner.scripts import pytest_files, suites
from runner.scripts.named import Named, script_of_suite
from runner.scripts.written import write_script

_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Options of Python whose value is the next word."""
_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
_PYTEST = ("pytest", "py.test")
_TESTS = ("test", "tests")
_SHOWN = 80
_LAUNCHER = """\
# Becomes the command {shown}

import os
import sys

words = {words!r} + sys.argv[1:]
here = os.path.dirname(sys.executable)
os.environ["PATH"] = here + os.pathsep + os.environ.get("PATH", os.defpath)
if {is_python}:
    words[0] = sys.executable
try:
    os.execvp(words[0], words)
except OSError as error:
    is_there = os.path.exists(words[0])
    why = "does not start: " + error.strerror if is_there else "is not in the environments"
    sys.stderr.write("{said_by}needs the program %s, which %s\\n" % (words[0], why))
    sys.exit(126 if is_there else 127)
"""
SAID_BY = "tfmatrix: "
"""Begins the line with which the launcher says what it lacks, so that no program's words do."""
_NEAR = 0.8
"""How similar a word must be to a program's name (difflib's ratio) to be a misspelling of it."""
_USUAL = ("pytest", "python", "python3", "unittest")
_INSTEAD = {"unittest": "python -m unittest"}


def script_of_command(words: Sequence[str], *, programs_may_come: bool = False) -> Named:
    """The script for a command that was typed in the project's folder. Raises `UsageError`.

    `programs_may_come`: the user adds packages, which may bring programs with any name.
    """
    folder = Path.cwd()
    if not words[0].strip():
        raise UsageError("--: the command is empty; expected a program and its arguments")
    arguments = _of_pytest(words)
    if arguments is not None:
        suite = suites.suite_of_arguments(arguments, folder)
        return script_of_suite(suite, _name(suite.paths))
    arguments = _of_module("unittest", words)
    if arguments is not None and not {"-h", "--help"} & set(arguments):
        from runner.scripts.unittest_words import suite_of_unittest

        suite, remarks = suite_of_unittest(arguments, folder)
        return evolve(script_of_suite(suite, _name(suite.paths)), remarks=remarks)
    if not programs_may_come:
        _check_program(words[0], folder)
    if _PYTHON.fullmatch(words[0]):
        _check_script(_script_of_python(words[1:]), folder)
    shown = shlex.join(words)
    text = _LAUNCHER.format(
        shown=ascii(shown[:_SHOWN]),
        words=list(words),
        said_by=SAID_BY,
        is_python=_PYTHON.fullmatch(words[0]) is not None,
    )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", shown)[:_SHOWN].strip("-.") or "command"
    return Named(script=write_script(f"command-{name}.py", text), folder=folder, name=name)


def _check_program(word: str, folder: Path) -> None:
    """Raises `UsageError` for a word that no environment can run, and says what was meant.

    An environment may have programs that this machine lacks, so only what is certain is refused.
    """
    if shutil.which(word):
        return
    place = folder / file_of_test(word)
    if os.path.isfile(place):  # noqa: PTH113 - Path.is_file raises for a long name
        raise UsageError(f"--: {word} is a file, not a program", remedy=_command_for(place, word))
    # A plain name may be a program of the environment, as `tensorboard` is in a clone of it.
    if os.path.isdir(place) and ("/" in word or word in _TESTS):  # noqa: PTH112 - as above
        start = "python" if (place / "__main__.py").exists() else "pytest"
        raise UsageError(f"--: {word} is a folder, not a program", remedy=f"-- {start} {word}")
    if shutil.which(word.split()[0]):  # `word` itself is none, so it has several words
        raise UsageError(f"--: {word!r:.80} is one word; leave out the quotes around the command")
    if _VARIABLE.match(word):
        raise UsageError(
            f"--: {word:.60} is no program; `--env {word:.60}` before -- sets a variable"
        )
    beside = Path(word).parent
    if word.startswith(".") or (beside.parts and os.path.isdir(folder / beside)):  # noqa: PTH112
        _refuse_missing(word, folder)
    near = nearest(word, _USUAL, _NEAR)
    if near and not _PYTHON.fullmatch(word):
        usual = _INSTEAD.get(near, near)
        raise UsageError(f"--: there is no program {word:.60}; did you mean {usual}?")


def _command_for(file: Path, word: str) -> str:
    """What to type after `--` to run a file, which `word` names."""
    if "::" in word or pytest_files.is_for_pytest(file):
        return f"-- pytest {word}"
    if file.suffix == ".ipynb":
        return f"name it without --: tfmatrix run {word}"
    start = {".py": "python ", ".sh": "sh "}.get(file.suffix)
    return f"-- {start}{word}" if start else f"chmod +x {word}, then -- ./{word}"


def _script_of_python(words: Sequence[str]) -> str:
    """The script among Python's own arguments; "" if it runs a module, a text or standard input."""
    rest = iter(words)
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif word == "-" or word.startswith(("-c", "-m")):
            return ""
        elif not word.startswith("-"):
            return word
    return ""


def _check_script(script: str, folder: Path) -> None:
    """Raises `UsageError` if Python is to run a file that is not in the project's folder.

    An absolute path may name a file of the environment.
    """
    if not script or script.startswith("/"):
        return
    if os.path.relpath(os.path.normpath(folder / script), folder).startswith(".."):
        raise UsageError(
            f"--: {script:.60} lies outside this folder, and a cell has a copy of this folder",
            remedy="run the command in a folder that holds the file",
        )
    if not os.path.exists(folder / script):  # noqa: PTH110 - Path.exists raises for a long name
        _refuse_missing(script, folder)


def _refuse_missing(name: str, folder: Path) -> NoReturn:
    parent = Path(name).parent
    beside = [*(folder / parent).iterdir()] if os.path.isdir(folder / parent) else []  # noqa: PTH112
    hint = meant(name, [str(parent / each.name) for each in beside])
    raise UsageError(f"--: there is no file {name:.60}{hint}")


def _of_pytest(words: Sequence[str]) -> Sequence[str] | None:
    """The arguments for pytest; None if this is another command."""
    if words[0] in _PYTEST:
        return words[1:]
    return _of_module("pytest", words)


def _of_module(module: str, words: Sequence[str]) -> Sequence[str] | None:
    """The arguments of `python -m MODULE`; None if this is another command."""
    is_it = _PYTHON.fullmatch(words[0]) and tuple(words[1:3]) == ("-m", module)
    return words[3:] if is_it else None


def _name(paths: Sequence[str]) -> str:
    """`test_two` for one file, else `tests`."""
    (path,) = paths if len(paths) == 1 else ("tests",)
    return Path(file_of_test(path)).stem or "tests"
