"""Text → `Matrix`, fully checked: YAML with positions, pydantic, and our own checks."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from pydantic import ValidationError

from runner.matrix import build, checks, explain
from runner.matrix.problems import Problem, matrix_error
from runner.matrix.schema import MatrixSection
from runner.matrix.yaml_positions import Document, parse
from runner.model import Matrix


def read_matrix(content: bytes, path: Path) -> Matrix:
    """The matrix. Raises `MatrixError`. Messages name `path`, whose folder has the scripts."""
    document = parse(content)
    if document.data is None:
        raise matrix_error(str(path), document.problems or [_empty(document)])
    section, problems = _checked(document)
    problems += checks.problems_of(document, path.parent)
    if section is None or problems:
        raise matrix_error(str(path), problems)
    return build.build_matrix(section, path)


def _empty(document: Document) -> Problem:
    message = "the file is empty; the least it needs is `repros:` with a `name:` and a `script:`"
    return Problem(document.value_at(()), (), message)


def _checked(document: Document) -> tuple[Optional[MatrixSection], list[Problem]]:
    try:
        return MatrixSection.model_validate(document.data), list(document.problems)
    except ValidationError as error:
        return None, [*document.problems, *explain.explained_problems(error, document)]
