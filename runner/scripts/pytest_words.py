"""Divides the words after `pytest` into paths and options."""

from __future__ import annotations

from collections.abc import Sequence

from runner.errors import UsageError

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
_INTERACTIVE = ("--pdb", "--trace", "--pdbcls")


def divide(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The paths and the options among `words`. Raises `UsageError` for options that cannot work
    in a cell."""
    paths: list[str] = []
    options: list[str] = []
    valued = False
    for word in words:
        is_path = not valued and (not word.startswith("-") or word == "-")
        if not valued:
            _check(word)
        (paths if is_path else options).append(word)
        valued = not valued and word in _VALUED.split()
    if valued:
        raise UsageError(f"pytest {words[-1]}: expected a value after it")
    return paths, options


def _check(word: str) -> None:
    name = word.partition("=")[0]
    if name in _WITHOUT_TESTS.split():
        raise UsageError(f"pytest {name}: with this option, pytest runs no test")
    if name in _INTERACTIVE:
        raise UsageError(f"pytest {name}: a cell has no terminal for a debugger")
    if name == "--rootdir":
        raise UsageError(
            "pytest --rootdir: tests are named from the working folder",
            remedy="run this in the folder that shall be the root",
        )
