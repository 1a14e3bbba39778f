"""Finds what an execution's environment lacked: a package, the network, data, another Python.

Such a failure is no evidence about TensorFlow. It is found in the program's last messages, with the
patterns in the data files beside this module.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Optional

from runner.cells.lacks import files, network, packages, python
from runner.cells.signature import Raised, causes, exit_words

CHECKS: tuple[Callable[[Raised], Optional[str]], ...] = (
    python.find_need,
    packages.find_need,
    network.find_need,
    files.find_need,
)
"""Each returns what is missing, or None."""
MOST_TESTS = 100


@lru_cache(maxsize=32)
def find_need(exit_code: int, stderr: str, output: str = "") -> Optional[str]:
    """What the environment lacks, as a text that begins with `needs`; None for any other failure.

    If tests failed, all of them must have failed for such a reason.
    """
    raised = causes(exit_code, stderr, output)
    if not raised:  # The program caught the exception and ended with its own words.
        return network.find_need_in(exit_words(exit_code, stderr))
    reasons = list(map(_needed, raised[:MOST_TESTS]))
    return reasons[0] if reasons and all(reasons) else None


def _needed(raised: Raised) -> Optional[str]:
    return next((reason for check in CHECKS if (reason := check(raised))), None)
