"""Problems in matrix.yaml and their messages: `FILE:LINE:COL: key.path: problem; remedy`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Union

from attrs import frozen

from runner.errors import MatrixError, nearest

Key = Union[str, int]
KeyPath = tuple[Key, ...]

MOST_SHOWN = 20
LONGEST_MESSAGE = 500
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@frozen(order=True)
class Position:
    """A place in the file, both counted from 1."""

    line: int = 1
    column: int = 1


@frozen
class Problem:
    """One problem. `path` is empty if it concerns the whole file."""

    mark: Position
    path: KeyPath
    message: str


def shown_path(path: Sequence[Key]) -> str:
    """`repros[0].cases[2].name`; other keys than plain words are quoted: `images["3.10"]`."""
    parts: list[str] = []
    for key in path:
        if isinstance(key, int):
            parts.append(f"[{key}]")
        elif _PLAIN_KEY.fullmatch(key):
            parts.append(f".{key}" if parts else key)
        else:
            parts.append(f"[{quoted(key)}]")
    return "".join(parts)


def quoted(text: str, longest: int = 60) -> str:
    """`text` in double quotes, on one line and shortened."""
    short = text if len(text) <= longest else text[: longest - 1] + "…"
    return _printable(json.dumps(short, ensure_ascii=False))


def _printable(line: str) -> str:
    """The line without escape codes, which must not reach a terminal."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


def one_of(word: str, known: Iterable[str]) -> str:
    """The end of a message about a word that is not in `known`."""
    names = list(known)
    found = nearest(word, names)
    return f'did you mean "{found}"?' if found else f"known here: {', '.join(names)}"


def matrix_error(file: str, problems: Sequence[Problem]) -> MatrixError:
    """The error with all problems in the file's order, one per line, at most `MOST_SHOWN`."""
    ordered = sorted(problems, key=lambda problem: problem.mark)
    lines = [_line(file, problem) for problem in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        rest = Problem(
            ordered[MOST_SHOWN].mark, (), f"and {len(ordered) - MOST_SHOWN} more problems from here"
        )
        lines.append(_line(file, rest))
    return MatrixError("\n".join(lines))


def _line(file: str, problem: Problem) -> str:
    where = f"{file}:{problem.mark.line}:{problem.mark.column}"
    message = _printable(" ".join(problem.message.split()))
    if len(message) > LONGEST_MESSAGE:
        message = f"{message[:LONGEST_MESSAGE]}…"
    parts = [where, shown_path(problem.path), message]
    return ": ".join(part for part in parts if part)
