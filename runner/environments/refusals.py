"""Explains why requirements have no solution: uv's explanation → one line with the cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Optional

from runner.errors import BoundError, LockError
from runner.model import package_name

_LONGEST = 400
"""At most this many characters of uv's own text are in a message."""
_UNREACHABLE = re.compile(r"dns error|error sending request|Could not connect|--offline")
_ABSENT = re.compile(r"([\w.-]+) was not found in the package registry")
_UNASKED = "could not be queried"
"""An index refused to answer, so it may have the package."""
_UNBUILT = re.compile(r"Wheels are required for `(.+?)`")
_TENSORFLOW = re.compile(
    r"\b(?P<who>tensorflow(?:-cpu|-gpu)?|tf-nightly(?:-cpu)?)(?:\[[^]]*\])?[=<>!]\S* depends on"
    r" (?P<what>[\w.-]+)(?:\[[^]]*\])?(?:\{[^}]*\})?(?P<bound>[<>=!~][^\s,]*(?:,[<>=!~][^\s,]*)*)"
)
_OTHER = (
    r"\b(?P<who>[\w.-]+)(?P<version>[=<>!]\S*) depends on %s(?:\[[^]]*\])?(?:\{[^}]*\})?"
    r"(?P<bound>[<>=!~]\S+?)(?=,? |$)"
)
_EMPTY = re.compile(
    r"No solution found when resolving dependencies(?: for split \([^)]*\))?:?\s*"
    r"|, we can conclude that your requirements are unsatisfiable|\bcause: |hint: .*$"
)


def explain_refusal(
    stderr: str, requirements: Sequence[str], python: str, as_of: date, tensorflow: str
) -> LockError:
    """The error for uv's failure; a `BoundError` if TensorFlow's own requirements are the cause.

    `tensorflow` names the release, as in "TensorFlow 2.14.1".
    """
    said = re.sub(r"\s+", " ", stderr.replace("error: ", "")).strip()
    if _UNREACHABLE.search(stderr):
        return LockError(f"the package index cannot be reached: {said[:600]}")
    absent = _absent(said, requirements)
    if absent:
        return LockError(f"the package index has no {absent}: correct the name, or leave it out")
    bound = _bound(said, requirements, tensorflow)
    if bound is not None:
        return BoundError(
            bound,
            remedy="--force-package NAME==VERSION installs it all the same, as pip would after"
            " TensorFlow; --relax takes the nearest version that TensorFlow allows",
        )
    unbuilt = _UNBUILT.search(said)
    if unbuilt:
        return LockError(
            f"{unbuilt[1]} has no wheel for Python {python} on Linux as of {as_of}: {_short(said)}",
            remedy="ask for a version that has one, or let --relax take the nearest that has:"
            " source distributions are not built, because that runs their code on this machine",
        )
    if "Because " not in said:  # uv found no contradiction; it could not read the index
        return LockError(f"uv could not look for {', '.join(requirements)}: {_short(said)}")
    return LockError(
        f"no packages of {as_of} satisfy {', '.join(requirements)} on Python {python}:"
        f" {_short(said)}",
        remedy="packages are taken as they were about the day of the TensorFlow release: ask for"
        " versions that were out by then, or for exactly one (numpy==1.24.0), of whatever day;"
        " --relax takes the nearest that is available, --as-of DATE packages of another day",
    )


def _absent(said: str, requirements: Sequence[str]) -> str:
    """The requirement whose package does not exist at all; "" if that is not the cause."""
    found = () if _UNASKED in said else _ABSENT.findall(said)
    names = set(map(package_name, found))
    return next((each for each in requirements if package_name(each) in names), "")


def _bound(said: str, requirements: Sequence[str], tensorflow: str) -> Optional[str]:
    """`TensorFlow 2.14.1 needs numpy>=1.23.5,<2.0.0; asked for is numpy==2.0.2`."""
    for found in _TENSORFLOW.finditer(said):
        what, bound = found["what"], found["bound"].rstrip(",.")
        mine = [each for each in requirements if package_name(each) == package_name(what)]
        if mine:
            return f"{tensorflow} needs {what}{bound}; asked for is {', '.join(mine)}"
        other = _other(said, what, found["who"])
        if other is not None:
            return f"{tensorflow} needs {what}{bound}; {other}"
    return None


def _other(said: str, what: str, tensorflow: str) -> Optional[str]:
    for found in re.finditer(_OTHER % re.escape(what), said):
        if found["who"] != tensorflow:
            return f"{found['who']}{found['version']} needs {what}{found['bound'].rstrip(',.')}"
    return None


def _short(said: str) -> str:
    text = _EMPTY.sub("", said).strip()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
