"""Finds what an execution's environment lacked: a package, the network, data, another Python.

Such a failure is no evidence about TensorFlow. It is found in the program's last messages, with the
patterns in the data files beside this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Optional

from runner.cells.lacks import data, files, hiding, network, packages, programs, python
from runner.cells.signature import Raised, causes, exit_words

CHECKS: tuple[Callable[[Raised], Optional[str]], ...] = (
    hiding.find_need,
    python.find_need,
    packages.find_need,
    network.find_need,
    files.find_need,
)
"""Each returns what is needed, or None."""
IN_WORDS: tuple[Callable[[str], Optional[str]], ...] = (
    network.find_need_in,
    packages.find_need_in,
    files.find_need_in,
)
"""The same of the words with which a program ended itself."""
MOST_TESTS = 100


@lru_cache(maxsize=32)
def find_need(exit_code: int, stderr: str, output: str = "") -> Optional[str]:
    """What the environment lacks, as a text that begins with `needs`; None for any other failure.

    If tests failed, all of them must have failed for such a reason.
    """
    raised = causes(exit_code, stderr, output)
    if not raised:  # it caught what went wrong, and ended with words of its own
        words = exit_words(exit_code, stderr, output)
        said = (reason for check in IN_WORDS if (reason := check(words)))
        return next(said, None) or programs.find_need_in(stderr)
    if len(raised) == 1:
        return _need_of_one(raised[0], stderr)
    reasons = list(map(_find_need, raised[:MOST_TESTS]))
    return reasons[0] if all(reasons) else None


@lru_cache(maxsize=64)  # many cells fail alike, although their outputs differ
def _need_of_one(raised: Raised, stderr: str) -> Optional[str]:
    return _find_need(raised) or programs.find_need(raised, stderr)


def _find_need(raised: Raised) -> Optional[str]:
    """Also where the script says in its own words what it could not do for that."""
    reason = _first(CHECKS, raised)
    if reason is None and data.is_own(raised.files) and raised.source.startswith("raise "):
        reason = next((why for each in raised.contexts if (why := _first(CHECKS, each))), None)
    return reason or next(
        (why for each in raised.contexts if (why := network.find_need(each))), None
    )


def _first(checks: Sequence[Callable[[Raised], Optional[str]]], raised: Raised) -> Optional[str]:
    return next((reason for check in checks if (reason := check(raised))), None)
