"""Normalises failures, so that the same failure on two releases has the same signature.

    stderr ─clean→ text ─last_raised→ Raised ─unwrapped→ cause ─normalise→ one line

All of this is pure and total: every text gives a signature of one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Optional

from attrs import evolve

from runner.cells.signature.crashes import last_words, signal_name
from runner.cells.signature.exits import exit_text, without_notes
from runner.cells.signature.failed_tests import (
    FailedTest,
    failed_tests,
    joined_names,
    may_hold_tests,
)
from runner.cells.signature.line import capped, normalise
from runner.cells.signature.noise import clean, failed_checks, last_meaningful_line
from runner.cells.signature.raised import Raised, headline
from runner.cells.signature.tracebacks import last_raised
from runner.cells.signature.wrappers import unwrapped

__all__ = [
    "Raised",
    "causes",
    "crash_signature",
    "exception_signature",
    "exit_signature",
    "exit_words",
    "normalise",
]

UNCAUGHT = 1
"""Python's exit code if an exception ended the program."""

_H5PY_KINDS = (
    (
        re.compile(r"Unable to open file \(unable to open file: .*No such file or directory"),
        "FileNotFoundError",
    ),
    (re.compile(r"Unable to create link \(name already exists\)"), "ValueError"),
)
_KIND_OF_EXCEPTION = re.compile(r"\w+(?:Error|Exception|Exit|Interrupt|Iteration|Warning)$")


def exception_signature(stderr: str) -> Optional[str]:
    """`Kind: message` of the cause of the exception that ended a
    program; None if there is no traceback."""
    raised = last_raised(clean(stderr))
    return _line(raised) if raised else None


def exit_signature(exit_code: int, stderr: str, output: str = "") -> str:
    """The reason why a program ended with a code other than 0. `output` is its whole output, in
    order.

    Python exits with 1 for an uncaught exception. With another code the program ended itself. Then
    the code is part of the signature, even if a traceback was printed before.
    """
    failed = _failed_tests(stderr, output)
    if failed:
        return _of_tests(failed)
    raised = _ended_by(exit_code, stderr)[1]
    if raised is not None:
        line = _line(raised)
        return line if exit_code == UNCAUGHT else normalise(f"exit {exit_code}: {line}")
    said = exit_words(exit_code, stderr, output)
    return normalise(f"exit {exit_code}: {said}" if said else f"exit {exit_code}")


def causes(exit_code: int, stderr: str, output: str = "") -> list[Raised]:
    """The exceptions that ended a program: one for each failed test, else one or none.

    They have no wrappers around them, but keep the frames that Python showed.
    """
    failed = [test.raised for test in _failed_tests(stderr, output)]
    ended = failed or [_ended_by(exit_code, stderr)[1]]
    return [
        evolve(
            unwrapped(raised),
            files=raised.files,
            line=raised.line,
            source=raised.source,
            contexts=raised.contexts,
        )
        for raised in ended
        if raised is not None
    ]


def exit_words(exit_code: int, stderr: str, output: str = "") -> str:
    """The text with which a program ended itself; "" if an exception ended it."""
    said, raised = _ended_by(exit_code, stderr)
    return said if said or raised is not None else failed_checks(clean(output))


def _failed_tests(stderr: str, output: str) -> list[FailedTest]:
    told_in = (text for text in (output, stderr) if may_hold_tests(text))
    return next(filter(None, (failed_tests(clean(text)) for text in told_in)), [])


@lru_cache(maxsize=32)  # several questions are asked about the same text
def _ended_by(exit_code: int, stderr: str) -> tuple[str, Optional[Raised]]:
    """The text with which a program ended itself, or the exception that ended it."""
    text = clean(stderr)
    raised = last_raised(text)
    if raised is not None:
        said = exit_text(raised) if exit_code == UNCAUGHT else ""
        return said, None if said else raised
    line = last_meaningful_line(text)
    bare = headline(line)
    # If the message is longer than the kept tail, the start of its traceback is missing.
    return line, bare if bare and _KIND_OF_EXCEPTION.match(bare.kind) else None


def _of_tests(failed: Sequence[FailedTest]) -> str:
    """The failed tests with the kinds of their exceptions; a single one with its message."""
    if len(failed) == 1:
        test = f"failed test {joined_names([failed[0].name])}"
        return capped(f"{test}: {_line(failed[0].raised)}" if failed[0].raised else test)
    return f"failed tests {joined_names([_with_kind(test) for test in failed])}"


def _with_kind(test: FailedTest) -> str:
    return f"{test.name} ({unwrapped(test.raised).kind})" if test.raised else test.name


def crash_signature(signal: int, stderr: str) -> str:
    """The signal's name, with the failed CHECK or the process's other message."""
    words = last_words(clean(stderr))
    return normalise(f"{signal_name(signal)}: {words}" if words else signal_name(signal))


@lru_cache(maxsize=64)  # many cells fail alike
def _line(raised: Raised) -> str:
    cause = unwrapped(evolve(raised, message=without_notes(raised.message, raised.source)))
    message = normalise(cause.message) or _asserted(cause)
    kind = _kind(cause.kind, message)
    return normalise(f"{kind}: {message}" if message else kind)


def _kind(kind: str, message: str) -> str:
    """The newest name of an exception: Python before 3.6 and h5py
    before 3.0 use more general names."""
    if kind == "ImportError" and message.startswith("No module named "):
        return "ModuleNotFoundError"
    return next((newest for said, newest in _H5PY_KINDS if said.match(message)), kind)


def _asserted(cause: Raised) -> str:
    """The expression of a bare `assert`; without it, all asserts of a script would look alike.

    Only if it is on one line: of a longer expression, each Python shows a different part.
    """
    source = cause.source
    whole = all(source.count(a) == source.count(b) for a, b in (("(", ")"), ("[", "]"), ("{", "}")))
    if cause.kind == "AssertionError" and source.startswith("assert ") and whole:
        return source if not source.endswith("\\") else ""
    return ""
