"""matrix.yaml → `Matrix`, with errors that say where, what was expected, and the nearest key."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from runner.config import build, checks, explain
from runner.config.adhoc import adhoc
from runner.config.problems import Problem, matrix_error
from runner.config.schema import MatrixSection, json_schema
from runner.config.yaml_positions import Document, parse
from runner.config.yaml_text import MOST_BYTES
from runner.errors import UsageError
from runner.model import Matrix

__all__ = ["adhoc", "json_schema", "load", "loads"]


def load(path: Path) -> Matrix:
    """Reads and checks a matrix.yaml. Scripts in it are relative to its folder.

    Raises `MatrixError` with one line for each problem, `UsageError` where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or error}",
            remedy="name a script (tfmatrix run my.py), or write a matrix.yaml that names some",
        ) from None
    return loads(content, path)


def loads(content: bytes, path: Path) -> Matrix:
    """As `load`, of text at hand: `path` is what messages call it, and where its folder is."""
    document = parse(content)
    if document.data is None:
        raise matrix_error(str(path), document.problems or [_empty(document)])
    section, problems = _checked(document)
    problems += checks.problems_of(document, path.parent)
    if section is None or problems:
        raise matrix_error(str(path), problems)
    return build.matrix(section, path)


def _empty(document: Document) -> Problem:
    message = "the file is empty; the least it needs is `repros:` with a `name:` and a `script:`"
    return Problem(document.value_at(()), (), message)


def _checked(document: Document) -> tuple[MatrixSection | None, list[Problem]]:
    try:
        return MatrixSection.model_validate(document.data), list(document.problems)
    except ValidationError as error:
        return None, [*document.problems, *explain.problems_of(error, document)]
