"""The comment: a report under a first line that says whose it is. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Optional, Union

from attrs import frozen

from runner.model import Run


@frozen(kw_only=True)
class Comment:
    """A comment as it is on the issue."""

    id: int
    author: str
    body: str


def identity(run: Run, name: Optional[str] = None) -> str:
    """What is the same for two runs of one matrix, and differs for another one.

    The names of the repros: a script that was mended, or more releases, update the comment; another
    repro gets its own. `name` stands in for them where the user gives one.
    """
    if name:
        return identity_named(name)
    return identity_named(sorted({r.name for r in run.repros} | {r.repro for r in run.results}))


def identity_named(of: Union[str, list[str]]) -> str:
    """The same for the same names."""
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]


def marker(identity: str) -> str:
    """Not shown by GitHub."""
    return f"<!-- tfmatrix attach {identity} -->"


def compose(identity: str, report: str) -> str:
    return f"{marker(identity)}\n\n{report}"


def earlier(comments: Iterable[Comment], identity: str, author: str) -> Optional[Comment]:
    """The first comment of `author` that this tool wrote for the same matrix.

    Only a whole first line counts: what a report holds stands below its own marker, so no log or
    script can pass for another comment's.
    """
    wanted = marker(identity)
    mine = (each for each in comments if each.author == author)
    return next((each for each in mine if each.body.split("\n", 1)[0].rstrip() == wanted), None)
