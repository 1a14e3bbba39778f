"""Divides the words after `pytest` into paths and options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner.errors import UsageError
from runner.model import file_of_test

_VALUED = """
    -k -m -c -o -p -r -W -n --tb --rootdir --confcutdir --ignore --ignore-glob --deselect
    --maxfail --durations --durations-min --color --capture --show-capture --import-mode
    --basetemp --junitxml --junit-prefix --log-level --log-format --log-file --override-ini
    --pythonwarnings --assert --cov --cov-report --cov-config --timeout --dist --numprocesses
    --reruns --doctest-glob --verbosity
"""
"""The options of pytest and of its common plugins that take the next word as their value."""
_WITHOUT_TESTS = """
    --collect-only --collectonly --co --fixtures --funcargs --fixtures-per-test --markers
    --setup-plan --setupplan --setup-only --setuponly --cache-show --version -V --help -h
"""
"""Options with which pytest runs no test; some of them report each test as passed."""
_FLAGS = """
    --verbose --quiet --exitfirst --lf --last-failed --ff --failed-first --nf --new-first --sw
    --stepwise --stepwise-skip --showlocals --no-showlocals --no-header --no-summary
    --disable-warnings --disable-pytest-warnings --strict --strict-markers --strict-config
    --runxfail --doctest-modules --doctest-continue-on-failure --doctest-ignore-import-errors
    --noconftest --keep-duplicates --collect-in-virtualenv --continue-on-collection-errors
    --full-trace --cache-clear --setup-show --forked --boxed --no-cov --cov-append --cov-branch
"""
"""The long options that take no value. The other long options are the project's own."""
_INTERACTIVE = ("--pdb", "--trace", "--pdbcls")


def divide(words: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """The paths and the options among `words`, which were typed in `folder`.

    A word after an option of the project itself is its value, unless there is such a file. Raises
    `UsageError` for options that cannot work in a cell.
    """
    paths: list[str] = []
    options: list[str] = []
    valued = False
    for before, word in zip(("", *words), words):
        is_path = not valued and (not word.startswith("-") or word == "-")
        if is_path and _is_projects(before):
            is_path = os.path.lexists(folder / file_of_test(word))
        if not valued:
            _check(word)
        (paths if is_path else options).append(word)
        valued = not valued and word in _VALUED.split()
    if valued:
        raise UsageError(f"pytest {words[-1]}: expected a value after it")
    return paths, options


def _is_projects(word: str) -> bool:
    """Whether a word is an option that pytest and its common plugins do not define."""
    known = (*_FLAGS.split(), *_VALUED.split())
    return word.startswith("--") and "=" not in word and word not in known


def values(words: Sequence[str], *names: str) -> tuple[str, ...]:
    """The values of an option among `words`: those after it, and those after its `=`."""
    found: list[str] = []
    for word, following in zip(words, (*words[1:], "")):
        name, equals, value = word.partition("=")
        if name in names and (equals or following):
            found.append(value if equals else following)
    return tuple(found)


def _check(word: str) -> None:
    name = word.partition("=")[0]
    if name in _WITHOUT_TESTS.split():
        raise UsageError(f"pytest {name}: with this option, pytest runs no test")
    if name in _INTERACTIVE:
        raise UsageError(f"pytest {name}: a cell has no terminal for a debugger")
    if name == "--pyargs":
        raise UsageError(
            "pytest --pyargs: the tests are those of a folder, not of an installed package",
            remedy="name the folder or the file of the tests",
        )
    if name == "--rootdir":
        raise UsageError(
            "pytest --rootdir: tests are named from the working folder",
            remedy="run this in the folder that shall be the root",
        )
