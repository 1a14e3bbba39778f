"""Finds failed tests in the output of unittest, absl and pytest.

A test run ends with 1 whichever tests failed, so the set of failed tests is the signature.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Optional

from attrs import frozen

from runner.cells.signature.raised import Raised, headline
from runner.cells.signature.tracebacks import last_raised


@frozen
class FailedTest:
    """A test that failed."""

    name: str
    """`Class.method`, with its parameters if it has some."""
    raised: Optional[Raised] = None
    """The exception, if the output shows it."""


_UNITTEST_RAN = re.compile(r"^Ran \d+ tests? in [^\n]*\n\nFAILED \(", re.MULTILINE)
_UNITTEST = re.compile(
    r"^(?:FAIL|ERROR): (?P<test>[\w.<>-]+)(?P<parameters>[^\n]*?)"
    r" \((?P<place>[\w.<>-]+)\)(?P<subtest>[^\n]*)$",
    re.MULTILINE,
)
_UNEXPECTED = re.compile(r"^FAILED \([^\n)]*\bunexpected successes=(\d+)", re.MULTILINE)
"""Only Python 3.11 and later name them, so all are told by their number."""
_UNITTEST_END = re.compile(r"^(?:={70}|Ran \d+ tests? in )", re.MULTILINE)
_PYTEST_RAN = re.compile(
    r"^[^\n]{0,100}\b\d+ (?:failed|errors?)\b[^\n]{0,100}(?: in [\d.:]+ ?s| !+)", re.MULTILINE
)
_PYTEST_SUMMARY = re.compile(
    r"^(?:FAILED|ERROR) (?P<file>[^\s:]+\.py)"
    r"(?P<test>(?:::[^\s\[]{1,200})?(?:\[[^\n]{0,200}?\])?)(?: - |$)",
    re.MULTILINE,
)
_PYTEST_HEADING = re.compile(
    r"^_{2,} (?:ERROR (?:at setup of|at teardown of|collecting) )?(?P<test>\S[^\n]*?) _{2,}$",
    re.MULTILINE,
)
_PYTEST_SAID = re.compile(r"^E   +(\S[^\n]*)$", re.MULTILINE)
_DOCTEST = re.compile(
    r'^File "[^"\n]*", line \d+, in (?:__main__\.)?(?P<test>[\w.]+)\nFailed example:\n'
    r" +(?P<example>\S[^\n]*)$",
    re.MULTILINE,
)
_LONGEST_NAME = 100
_ROOM = 240
"""At most this many characters for all names."""


_RUNNERS = ("\nRan ", "= FAILURES =", "= ERRORS =", "\nFailed example:", "short test summary info")


def may_hold_tests(text: str) -> bool:
    """A quick check whether a test runner can have written the text; most texts fail it."""
    return any(words in text for words in _RUNNERS)


def failed_tests(text: str) -> list[FailedTest]:
    """All failed tests in a clean text, by name; empty if no test runner wrote it."""
    found = _of_unittest(text) if _UNITTEST_RAN.search(text) else {}
    if _PYTEST_RAN.search(text):
        found = {**found, **_of_pytest(text)}
    if not found:
        found = {f"{each['test']}: {each['example']}": None for each in _DOCTEST.finditer(text)}
    return [FailedTest(name, found[name]) for name in sorted(found)]


def joined_names(names: list[str]) -> str:
    """Names on one line: as many as fit, then a digest of the whole set."""
    line = ", ".join(name[:_LONGEST_NAME] for name in names)
    if len(line) <= _ROOM and all(len(name) <= _LONGEST_NAME for name in names):
        return line
    shown = line[:_ROOM].rpartition(", ")[0] or line[:_ROOM]
    digest = hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{shown} … (set {digest[:8]})"


def _of_unittest(text: str) -> dict[str, Optional[Raised]]:
    named = {
        _unittest_name(match): last_raised(below)
        for match, below in _blocks(_UNITTEST, _UNITTEST_END, text)
    }
    passed = {f"unexpected successes: {match[1]}": None for match in _UNEXPECTED.finditer(text)}
    return {**named, **passed}


def _unittest_name(match: re.Match[str]) -> str:
    """`T.test_a` for `test_a (__main__.T)`, or for `test_a
    (__main__.T.test_a)` from Python 3.11 on."""
    test, place = match["test"], match["place"].removesuffix("." + match["test"])
    group = place.rpartition(".")[2]
    name = test if group in ("__main__", "_FailedTest") else f"{group}.{test}"
    return " ".join(f"{name}{match['parameters']}{match['subtest']}".split())


def _of_pytest(text: str) -> dict[str, Optional[Raised]]:
    causes = {
        _pytest_name(match["test"]): _pytest_said(below)
        for match, below in _blocks(_PYTEST_HEADING, _PYTEST_HEADING, text)
    }
    names = [
        _pytest_name(match["test"].replace("::", ".").lstrip(".") or match["file"])
        for match in _PYTEST_SUMMARY.finditer(text)
    ]
    return {name: causes.get(name) for name in names} if names else causes


def _pytest_name(test: str) -> str:
    return " ".join(test.split())


def _pytest_said(block: str) -> Optional[Raised]:
    """The first line below the source that names an exception; a bare assert's line names none."""
    said = _PYTEST_SAID.search(block)
    if said is None:
        return None
    raised = headline(said[1])
    return raised if raised and raised.message else Raised("AssertionError", said[1])


def _blocks(
    head: re.Pattern[str], end: re.Pattern[str], text: str
) -> Iterator[tuple[re.Match[str], str]]:
    """Each heading with the text below it, up to the next heading or end."""
    over = sorted(match.start() for kind in (head, end) for match in kind.finditer(text))
    over.append(len(text))
    for match in head.finditer(text):
        yield match, text[match.end() : over[bisect_left(over, match.end())]]
