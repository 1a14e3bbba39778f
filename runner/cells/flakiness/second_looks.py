"""When one execution is not believed, so that a fresh process decides. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Optional

from attrs import frozen

from runner.cells.classify import classify
from runner.model import Execution, Verdict


@frozen(kw_only=True)
class SecondLook:
    """A case in which one execution is not believed at once, so that a fresh process decides."""

    why: str
    when: Callable[[Execution, frozenset[str]], bool]
    """Gets the execution, and the signatures of the script's fresh processes in the environment."""
    votes: bool = False
    """Whether the first one still counts, so that the cell is shown as 1/2 if they differ."""


SECOND_LOOKS: tuple[SecondLook, ...] = (
    SecondLook(
        why="the cell could not be measured",
        when=lambda e, _: e.trouble is not None,
    ),
    # TensorFlow 1.15 hangs now and then in Session.run while the machine is busy: 5 of 193 runs.
    SecondLook(
        why="a time-out may be the machine's",
        when=lambda e, _: classify(e).verdict is Verdict.TIMEOUT,
        votes=True,
    ),
    # A worker of TensorFlow 2.9 aborts at its exit in one of five runs.
    SecondLook(
        why="a crash may be one of several runs only",
        when=lambda e, _: classify(e).verdict is Verdict.CRASH,
        votes=True,
    ),
    SecondLook(
        why="a forked child has the memory of its parent, too",
        when=lambda e, _: e.mode == "fork" and classify(e).verdict is Verdict.OOM,
    ),
    SecondLook(
        why="no fresh process of this script has said this yet in this environment",
        when=lambda e, said: e.mode == "fork" and _is_unconfirmed(classify(e).signature, said),
    ),
)
DIFFERS = SecondLook(
    why="a test was run again with others of its file, and said something else",
    when=lambda _, __: True,
    votes=True,
)
_CODE_ALONE = re.compile(r"exit \d+")


def needed(execution: Execution, said: frozenset[str]) -> Optional[SecondLook]:
    """Why `execution` is not believed at once; None if it is."""
    return next((look for look in SECOND_LOOKS if look.when(execution, said)), None)


def _is_unconfirmed(signature: Optional[str], said: frozenset[str]) -> bool:
    """An exit code without a text may have any cause, also one that only a fork has."""
    if signature is None:
        return False
    return signature not in said or _CODE_ALONE.fullmatch(signature) is not None
