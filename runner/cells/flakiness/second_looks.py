"""Decides when one execution is not enough, so that a fresh process decides. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Optional

from attrs import frozen

from runner.cells.classify import classify
from runner.model import Execution, Verdict


@frozen(kw_only=True)
class SecondLook:
    """A case in which one execution is not enough, so that a fresh process decides."""

    why: str
    when: Callable[[Execution, frozenset[str]], bool]
    """Takes the execution, and the signatures that are trusted of a forked child."""
    votes: bool = False
    """Whether the first execution still counts as a vote: the cell then shows 1/2 if they
    differ."""


SECOND_LOOKS: tuple[SecondLook, ...] = (
    SecondLook(
        why="the cell could not be measured",
        when=lambda e, _: e.trouble is not None,
    ),
    # TensorFlow 1.15 sometimes hangs in Session.run on a busy machine: in 5 of 193 runs.
    SecondLook(
        why="a time-out may be the machine's",
        when=lambda e, _: classify(e).verdict is Verdict.TIMEOUT,
        votes=True,
    ),
    # A worker of TensorFlow 2.9 aborts at its exit in one of five runs.
    SecondLook(
        why="a crash may happen in only one of several runs",
        when=lambda e, _: classify(e).verdict is Verdict.CRASH,
        votes=True,
    ),
    SecondLook(
        why="a forked child also holds its parent's memory",
        when=lambda e, _: e.mode == "fork" and classify(e).verdict is Verdict.OOM,
    ),
    SecondLook(
        why="no fresh process of this script has shown this in this environment yet",
        when=lambda e, said: e.mode == "fork" and _is_unconfirmed(classify(e).signature, said),
    ),
)
DIFFERS = SecondLook(
    why="a test ran again with others of its file, with another result",
    when=lambda _, __: True,
    votes=True,
)
_CODE_ALONE = re.compile(r"exit \d+")


def needed_look(execution: Execution, said: frozenset[str]) -> Optional[SecondLook]:
    """The reason why `execution` needs a second look; None if it needs none."""
    return next((look for look in SECOND_LOOKS if look.when(execution, said)), None)


def _is_unconfirmed(signature: Optional[str], said: frozenset[str]) -> bool:
    """Whether no fresh process showed the signature, or it is an exit code without a text.

    Such a code may have any cause, even one that only a fork has.
    """
    if signature is None:
        return False
    return signature not in said or _CODE_ALONE.fullmatch(signature) is not None
