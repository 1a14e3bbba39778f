"""What happened, normalised: the same failure on two releases has the same signature.

    stderr ─clean→ text ─last_raised→ Raised ─unwrapped→ cause ─normalise→ one line

All of this is pure, and total: any text gives a signature of one line.
"""

from __future__ import annotations

import re
from typing import Optional

from runner.cells.signature.crashes import last_words, name_of
from runner.cells.signature.line import normalise
from runner.cells.signature.noise import clean, last_meaningful_line
from runner.cells.signature.raised import Raised, headline
from runner.cells.signature.tracebacks import last_raised
from runner.cells.signature.wrappers import unwrapped

__all__ = ["normalise", "of_crash", "of_exception", "of_exit"]

UNCAUGHT = 1
"""The exit code of Python where an exception ended the program."""

_KIND_OF_EXCEPTION = re.compile(r"\w+(?:Error|Exception|Exit|Interrupt|Iteration|Warning)$")


def of_exception(stderr: str) -> Optional[str]:
    """`Kind: message` of the cause of the exception that ended a program; None: no traceback."""
    raised = last_raised(clean(stderr))
    return _line(raised) if raised else None


def of_exit(exit_code: int, stderr: str) -> str:
    """Why a program ended with a code other than 0.

    Python exits with 1 for an uncaught exception. With another code the program ended itself, so
    the code is part of what happened even where a traceback was printed on the way.
    """
    said = of_exception(stderr)
    if said is None:
        line = last_meaningful_line(clean(stderr))
        bare = headline(line)
        # The traceback of a message longer than the tail that was kept has lost its start.
        if bare and _KIND_OF_EXCEPTION.match(bare.kind):
            said = _line(bare)
        else:
            return normalise(f"exit {exit_code}: {line}" if line else f"exit {exit_code}")
    return said if exit_code == UNCAUGHT else normalise(f"exit {exit_code}: {said}")


def of_crash(signal: int, stderr: str) -> str:
    """The signal's name, and the failed CHECK or whatever else the process said of it."""
    words = last_words(clean(stderr))
    return normalise(f"{name_of(signal)}: {words}" if words else name_of(signal))


def _line(raised: Raised) -> str:
    cause = unwrapped(raised)
    message = normalise(cause.message) or _asserted(cause)
    kind = "ModuleNotFoundError" if _no_module(cause.kind, message) else cause.kind
    return normalise(f"{kind}: {message}" if message else kind)


def _no_module(kind: str, message: str) -> bool:
    """Python before 3.6 has only ImportError for it."""
    return kind == "ImportError" and message.startswith("No module named ")


def _asserted(cause: Raised) -> str:
    """What a bare `assert` asserted: else all the asserts of a script would look the same.

    Only where it stands on one line: of a longer one, each Python shows another part.
    """
    source = cause.source
    whole = all(source.count(a) == source.count(b) for a, b in (("(", ")"), ("[", "]"), ("{", "}")))
    if cause.kind == "AssertionError" and source.startswith("assert ") and whole:
        return source if not source.endswith("\\") else ""
    return ""
