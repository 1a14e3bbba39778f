"""The errors that end a command, each with its message, remedy and exit code.

One place (`runner.cli`) turns these into a line on stderr and an exit code; everything else raises.
"""

from __future__ import annotations

from collections.abc import Iterable


def refusal_of(error: OSError) -> str:
    """What the system refused, at which file: `/x/y: Permission denied`."""
    said = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {said}" if error.filename else said


def nearest(word: str, known: Iterable[str], similarity: float = 0.6) -> str | None:
    """The word in `known` that `word` probably means; None if none is near.

    `similarity`: how much alike the two must be, from 0 to 1 (difflib's ratio).
    """
    import difflib  # slow to import, and only mistakes need it

    by_folded = {name.casefold(): name for name in sorted(known)}
    found = difflib.get_close_matches(word[:100].casefold(), by_folded, 1, similarity)
    return by_folded[found[0]] if found else None


def meant(word: str, known: Iterable[str], similarity: float = 0.6) -> str:
    """The end of a message about a word that is not in `known`: `; did you mean 2.9?`, or ""."""
    found = nearest(word, known, similarity)
    return f"; did you mean {found}?" if found else ""


class TfmatrixError(Exception):
    """A command cannot go on. `str(error)` is one clear line: what, where, and how to fix it."""

    exit_code: int = 3

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message if remedy is None else f"{message}\n  to fix it: {remedy}")
        self.message = message
        self.remedy = remedy

    @property
    def one_line(self) -> str:
        """The message and its remedy as one line, for a record."""
        return f"{self.message}; to fix it: {self.remedy}" if self.remedy else self.message


class UsageError(TfmatrixError):
    """Wrong use of the command line: a script that is missing, a release that does not exist."""

    exit_code = 2


class MatrixError(UsageError):
    """matrix.yaml is wrong; the message starts with `FILE:LINE:COL`."""


class LockError(TfmatrixError):
    """An environment's packages could not be resolved, or a lock is not what it should be."""


class BoundError(LockError):
    """What a user asks for is outside of what TensorFlow itself takes. Its cells are `skip`."""


class EngineUnavailableError(TfmatrixError):
    """The engine asked for does not answer on this machine."""


class PrepareError(TfmatrixError):
    """An environment could not be made real. Its cells are `error`, never `fail`."""

    def __init__(self, message: str, *, remedy: str | None = None, log: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.log = log


class EngineLostError(PrepareError):
    """The engine has stopped answering: nothing more can be measured with it in this run."""
