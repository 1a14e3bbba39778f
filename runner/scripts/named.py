"""Turns what a command line names into a script that can run. Reads and writes files."""

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
from runner.machine.files import open_regular
from runner.model import Suite
from runner.scripts import pytest_files, suites

if TYPE_CHECKING:
    from runner.scripts.ipython import Plain

STANDARD_INPUT = Path("-")
MOST_BYTES = 1 << 20
"""The longest script that is read from standard input."""
_SHOWN = 3
"""How many of the lines that were set aside are shown."""
_FOR_IPYTHON = re.compile(rb"^[ \t]*[!%]|get_ipython", re.MULTILINE)
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_RUN_MODULE = '''\
"""What `python -m {module}` does."""

import runpy

runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
'''


@frozen(kw_only=True)
class Named:
    """A script and what is known about it."""

    script: Path
    folder: Optional[Path] = None
    """The folder of the original, if the script was made from something else."""
    name: str
    """The name of its repro, unless the user gives one."""
    packages: tuple[str, ...] = ()
    """The requirements that it installs by itself."""
    remarks: tuple[str, ...] = ()
    """What the user should know, one sentence each."""
    suite: Optional[Suite] = None
    """The tests, if pytest runs them; then `script` is the driver of the tests."""


def find_script(path: Path) -> Named:
    """The script for a path: a Python script, a notebook, a folder with a `__main__.py`, tests, or
    `-` for standard input.

    Any other path is returned unchanged. Raises `UsageError`.
    """
    if path == STANDARD_INPUT:
        return _of_text(_standard_input(), "standard-input", Path.cwd())
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises for a name that is too long
        return _of_folder(path)
    if path.suffix == ".py" and pytest_files.is_for_pytest(path):
        return script_of_suite(suites.suite_of_file(path), path.stem)
    if path.suffix == ".ipynb":
        return _of_notebook(path)
    if path.suffix == ".md" and path.is_file():
        raise UsageError(
            f"{path} is Markdown, not a script", remedy=f"run a block of it: --from-issue {path}"
        )
    content = _content(path) if path.suffix in (".py", "") else None
    if content is not None and _FOR_IPYTHON.search(content):
        return _of_script(path, content)
    return Named(script=path, name=path.stem)


def script_of_suite(suite: Suite, name: str) -> Named:
    return Named(
        script=paths.suite_driver(),
        folder=suite.folder,
        name=name,
        packages=("pytest",),
        suite=suite,
    )


def script_of_module(module: str) -> Named:
    """The script for `python -m MODULE` in the working folder. Raises `UsageError`."""
    from runner.scripts.written import write_script

    if not _MODULE.fullmatch(module):
        raise UsageError(
            f"-m {module:.60}: expected the name of a module", remedy="use -m package.module"
        )
    script = write_script(f"python-m-{module}.py", _RUN_MODULE.format(module=module))
    return Named(script=script, folder=Path.cwd(), name=module)


def _of_folder(folder: Path) -> Named:
    script = folder / "__main__.py"
    if not script.is_file() and suites.has_tests(folder):
        return script_of_suite(
            suites.suite_of_file(folder), Path(os.path.realpath(folder)).name or "tests"
        )
    if not script.is_file():
        raise UsageError(
            f"{folder} is a folder without a __main__.py or tests; expected a Python script",
            remedy="name a script in that folder, or a module: -m package.module",
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
    return _written(
        notebook.notebook_script(content, str(path)), f"{path.name}.py", path.parent, path.stem
    )


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
    from runner.scripts.written import write_script

    return Named(
        script=write_script(file, plain.text),
        folder=folder,
        name=name,
        packages=plain.installed.packages,
        remarks=tuple(f"{name}: {each}" for each in remarks(plain)),
    )


def remarks(plain: Plain) -> Iterator[str]:
    """What was set aside and what was added, one sentence each."""
    if plain.aside:
        lines = [line.split("\n")[0][:80] for line in plain.aside[:_SHOWN]]
        more = f" and {len(plain.aside) - _SHOWN} more" if len(plain.aside) > _SHOWN else ""
        yield f"set aside, not Python: {'; '.join(lines)}{more}"
    if plain.installed.packages:
        yield f"added, as of each release's date: {', '.join(plain.installed.packages)}"
    if plain.installed.tensorflow:
        yield f"the matrix chooses TensorFlow, not {', '.join(plain.installed.tensorflow)}"
    if plain.installed.others:
        yield f"not added, not in a package index: {', '.join(plain.installed.others)}"


def _content(path: Path, most: int = MOST_BYTES) -> Optional[bytes]:
    """The first bytes of a file; None if it cannot be read. A later step then reports why."""
    try:
        if not path.is_file():
            return None
        with open_regular(path, follow_links=True) as file:
            return file.read(most)
    except (OSError, ValueError):
        return None


@functools.cache
def _standard_input() -> str:
    """The text on standard input; cached, because `watch` asks for it again."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "-: standard input is a terminal; expected a script", remedy="tfmatrix run - < my.py"
        )
    content = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"-: the script on standard input is longer than {MOST_BYTES >> 20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError("-: the script on standard input is not UTF-8 text") from None
    if not text.strip():
        raise UsageError("-: there is no script on standard input")
    return text
