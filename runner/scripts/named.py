"""What a command line names → a script that can be run. Reads files, and writes what it makes."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from attrs import frozen

from runner import paths
from runner.errors import UsageError
from runner.model import Suite
from runner.scripts import pytest_files, suites

if TYPE_CHECKING:
    from runner.scripts.ipython import Plain

STANDARD_INPUT = Path("-")
MOST_BYTES = 1 << 20
"""Of a script on standard input."""
_SHOWN = 3
"""Lines set aside that are shown."""
_FOR_IPYTHON = re.compile(rb"^[ \t]*[!%]|get_ipython", re.MULTILINE)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_RUN_MODULE = '''\
"""What `python -m {module}` does."""

import runpy

runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
'''


@frozen(kw_only=True)
class Named:
    """A script, and what was found out about it on the way."""

    script: Path
    folder: Optional[Path] = None
    """What lies beside it, where it was made of something else."""
    name: str
    """What its repro is called, if nothing else says so."""
    packages: tuple[str, ...] = ()
    """Requirements that it installs for itself."""
    remarks: tuple[str, ...] = ()
    """What the user should know, each a sentence."""
    suite: Optional[Suite] = None
    """Where it is tests that pytest runs; the script is then their driver."""


def find_script(path: Path) -> Named:
    """A Python script, a notebook, a folder with a `__main__.py`, tests, or `-` for standard input.

    What is none of these is returned as it is. Raises `UsageError`.
    """
    if path == STANDARD_INPUT:
        return _of_text(_standard_input(), "standard-input", Path.cwd())
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        return _of_folder(path)
    if path.suffix == ".py" and pytest_files.is_for_pytest(path):
        return of_suite(suites.of_file(path), path.stem)
    if path.suffix == ".ipynb":
        return _of_notebook(path)
    content = _content(path) if path.suffix in (".py", "") else None
    if content is not None and _FOR_IPYTHON.search(content):
        return _of_script(path, content)
    return Named(script=path, name=path.stem)


def of_suite(suite: Suite, name: str) -> Named:
    return Named(
        script=paths.suite_driver(),
        folder=suite.folder,
        name=name,
        packages=("pytest",),
        suite=suite,
    )


def of_module(module: str) -> Named:
    """What `python -m MODULE` runs in the working folder. Raises `UsageError`."""
    from runner.scripts.written import written

    if not _MODULE.fullmatch(module):
        raise UsageError(f"-m {module:.60}: no name of a module", remedy="as in -m package.module")
    script = written(f"python-m-{module}.py", _RUN_MODULE.format(module=module))
    return Named(script=script, folder=Path.cwd(), name=module)


def _of_folder(folder: Path) -> Named:
    script = folder / "__main__.py"
    if not script.is_file() and suites.has_tests(folder):
        return of_suite(suites.of_file(folder), Path(os.path.realpath(folder)).name or "tests")
    if not script.is_file():
        raise UsageError(
            f"{folder} is a folder without a __main__.py or tests; expected a Python script",
            remedy="name the script in it, or a module of it: -m package.module",
        )
    name = Path(os.path.realpath(folder)).name
    return Named(script=script, name=name or "folder")


def _of_text(text: str, name: str, folder: Path) -> Named:
    from runner.scripts import ipython

    return _written(ipython.plain(text), f"{name}.py", folder, name)


def _of_notebook(path: Path) -> Named:
    from runner.scripts import notebook

    content = _content(path, notebook.MOST_BYTES + 1)
    if content is None:
        raise UsageError(f"there is no notebook {path} that can be read")
    return _written(notebook.script(content, str(path)), f"{path.name}.py", path.parent, path.stem)


def _of_script(path: Path, content: bytes) -> Named:
    from runner.scripts import ipython

    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return Named(script=path, name=path.stem)
    plain = ipython.plain(text)
    if plain.text == text:
        return Named(script=path, name=path.stem)
    return _written(plain, path.name, path.parent, path.stem)


def _written(plain: Plain, file: str, folder: Path, name: str) -> Named:
    from runner.scripts.written import written

    return Named(
        script=written(file, plain.text),
        folder=folder,
        name=name,
        packages=plain.installed.packages,
        remarks=tuple(f"{name}: {each}" for each in remarks(plain)),
    )


def remarks(plain: Plain) -> Iterator[str]:
    """What was set aside, and what was added, each in a sentence."""
    if plain.aside:
        lines = [line.split("\n")[0][:80] for line in plain.aside[:_SHOWN]]
        more = f" and {len(plain.aside) - _SHOWN} more" if len(plain.aside) > _SHOWN else ""
        yield f"set aside, as no Python: {'; '.join(lines)}{more}"
    if plain.installed.packages:
        yield f"added, as of each release's date: {', '.join(plain.installed.packages)}"
    if plain.installed.tensorflow:
        yield f"the matrix chooses TensorFlow, not {', '.join(plain.installed.tensorflow)}"
    if plain.installed.others:
        yield f"not added, as it is in no package index: {', '.join(plain.installed.others)}"


def _content(path: Path, most: int = MOST_BYTES) -> Optional[bytes]:
    """Its beginning; None where it cannot be read, which others say better."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return file.read(most)
    except (OSError, ValueError):
        return None


@functools.cache
def _standard_input() -> str:
    """It can be read once only, and `watch` asks again."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "-: standard input is a terminal, and no script", remedy="tfmatrix run - < my.py"
        )
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"-: the script on standard input is longer than {MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("-: the script on standard input is no UTF-8 text") from None
    if not text.strip():
        raise UsageError("-: there is no script on standard input")
    return text
