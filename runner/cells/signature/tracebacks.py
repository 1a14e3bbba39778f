"""Finds the exception that ended a program in its standard error.

Python prints the uncaught exception last, but other text may follow: threads and finalisers print
exceptions too, log lines come between, and TensorFlow puts whole tracebacks into messages. An
embedded traceback is the cause of the message around it, so there too the last traceback is the
right one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from attrs import evolve

from runner.cells.signature.groups import GROUP, read_group
from runner.cells.signature.noise import without_noise
from runner.cells.signature.raised import Raised, headline

_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\s*$")
_SYNTAX = re.compile(r'  File ".*", line \d+$')
_SYNTAX_KINDS = frozenset({"SyntaxError", "IndentationError", "TabError"})
_CHAINED = re.compile(
    r"(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):$"
)
_ASIDE = re.compile(
    r"Exception in (?:thread|callback) |Unhandled exception in thread|Process \S+:$"
    r"|Error in (?:atexit|sys\.exitfunc)|Task exception was never retrieved"
)
_IGNORED = re.compile(r"Exception ignored ")
_STARTS, _ENDS, _REMARKS = (
    re.compile("|".join(f"(?:{kind.pattern})" for kind in kinds))
    for kinds in (
        (_TRACEBACK, GROUP, _SYNTAX),
        (_TRACEBACK, GROUP, _CHAINED, _ASIDE, _IGNORED),
        (_IGNORED, _ASIDE),
    )
)
_CARETS = re.compile(r"\s*[~^]+\s*$")
_FRAME = re.compile(r'  File "([^"]*)", line (\d+)(?:, in (.*))?$')
_LOGGED = re.compile(r".{0,80}\b(?:ERROR|CRITICAL)\b")
"""The line that logging writes above the traceback of an exception."""
_MOST_CONTEXTS = 5


def last_raised(text: str) -> Optional[Raised]:
    """The exception that ended the program; if none did, the last one that was printed.

    None if there is no traceback. The text must be clean.
    """
    aside: Optional[Raised] = None
    found: Optional[Raised] = None
    for raised in _all_raised(without_noise(text)):
        if raised.aside:
            aside = raised
        else:
            found = raised
    return found or aside


def _all_raised(lines: list[str]) -> Iterator[Raised]:
    """All printed exceptions in order, except those that Python says it ignored."""
    context = "main"
    logged = False
    handled: tuple[Raised, ...] = ()
    at = 0
    while at < len(lines):
        line = lines[at]
        if _REMARKS.match(line):
            context = "ignored" if _IGNORED.match(line) else "aside"
        elif _STARTS.match(line):
            logged = logged or (at > 0 and _LOGGED.match(lines[at - 1]) is not None)
            raised, at = read_group(lines, at) if GROUP.match(line) else _read(lines, at)
            if raised is not None and context != "ignored":
                survived = logged or raised.survived
                aside = context == "aside"
                yield evolve(raised, aside=aside, survived=survived, contexts=handled)
            # A chained exception of a thread still belongs to that thread.
            if _chained(lines, at):
                handled = (*([raised] if raised else []), *handled)[:_MOST_CONTEXTS]
            else:
                context, logged, handled = "main", False, ()
            continue
        at += 1


def _chained(lines: list[str], at: int) -> bool:
    return at < len(lines) and bool(_CHAINED.match(lines[at]))


def _read(lines: list[str], start: int) -> tuple[Optional[Raised], int]:
    """The exception of one traceback, or None, and the number of the line after it."""
    at = start + 1
    while at < len(lines) and (not lines[at] or lines[at][0].isspace()):
        at += 1
    if at >= len(lines):
        return None, at
    raised = headline(lines[at])
    if raised is None or (_SYNTAX.match(lines[start]) and raised.kind not in _SYNTAX_KINDS):
        return None, at
    end = at + 1
    while end < len(lines) and not _ENDS.match(lines[end]):
        end += 1
    message = "\n".join([raised.message, *lines[at + 1 : end]])
    above = lines[start:at]
    places = [(number, match) for number, line in enumerate(above) if (match := _FRAME.match(line))]
    frames = [match for _, match in places]
    raised = evolve(
        raised,
        message=message,
        source=_source(above[1:]),
        files=tuple(frame[1] for frame in frames),
        sources=tuple(_below(above, number) for number, _ in places),
        line=frames[-1][2][:9] if frames else "",
        survived=bool(frames) and frames[0][3] not in (None, "<module>"),
    )
    return raised, end


def _below(lines: list[str], number: int) -> str:
    """The source line below a frame, or ""."""
    line = lines[number + 1] if number + 1 < len(lines) else ""
    return line.strip() if line.startswith("    ") else ""


def _source(frames: list[str]) -> str:
    """The last source line that Python showed."""
    for line in reversed(frames):
        if line.startswith("    ") and not _CARETS.match(line):
            return line.strip()
    return ""
