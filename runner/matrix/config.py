"""matrix.yaml → `Matrix`. Errors state the place, what was expected, and the nearest key.

A file is fully checked only once; the result is kept while the file does not change. The checks
need pydantic and YAML, which are slow to import and are imported only then.
"""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from typing import Any

from runner import serial
from runner.errors import UsageError
from runner.machine import files
from runner.machine.derived_cache import cache_slot, cached_result
from runner.matrix.adhoc import adhoc
from runner.matrix.defaults import MOST_BYTES
from runner.matrix.files import is_missing
from runner.model import Matrix

__all__ = ["adhoc", "json_schema", "load_matrix", "parse_matrix"]

"""The files on which the meaning of a matrix.yaml depends."""


def _above(path: Path) -> str:
    """Where the same file lies in a folder above, if it is looked for in the current one."""
    folders = path.absolute().parent.parents if path.parent == Path() else ()
    found = next((folder for folder in folders if (folder / path.name).is_file()), None)
    return f"cd {shlex.quote(str(found))}, where it is; or " if found else ""


def load_matrix(path: Path) -> Matrix:
    """Reads and checks a matrix.yaml. Its scripts are relative to its folder.

    Raises `MatrixError` with one line for each problem, and `UsageError` if the file cannot be
    read.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with files.open_regular(path, follow_links=True) as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or error}",
            remedy=f"{_above(path)}name a script (tfmatrix run my.py), or begin one:"
            " tfmatrix init my.py",
        ) from None
    matrix = cached_result(
        cache_slot("matrix", str(path.absolute())),
        (str(path), content),
        lambda: parse_matrix(content, path),
        write=serial.plain,
        read=lambda data: serial.from_json(Matrix, data),
    )
    # The text has not changed, but files that it names may be gone: the full check reports it.
    return parse_matrix(content, path) if is_missing(matrix) else matrix


def parse_matrix(content: bytes, path: Path) -> Matrix:
    """Like `load_matrix`, from text. Messages name `path`, whose folder has the scripts."""
    from runner.matrix import reading

    return reading.read_matrix(content, path)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of matrix.yaml, for editors."""
    from runner.matrix import schema

    return schema.json_schema()
