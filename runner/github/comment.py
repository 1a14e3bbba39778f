"""The comment: a report after a first line that identifies it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Optional, Union

from attrs import frozen

from runner.model import Run


@frozen(kw_only=True)
class Comment:
    """A comment on the issue."""

    id: int
    author: str
    body: str


def identity(run: Run, name: Optional[str] = None) -> str:
    """The identity of a matrix: equal for two runs of it, different for another matrix.

    It is made from the names of the repros. So a repaired script or more releases update the
    comment, and another repro gets its own. A `name` from the user replaces these names.
    """
    if name:
        return identity_named(name)
    return identity_named(sorted({r.name for r in run.repros} | {r.repro for r in run.results}))


def identity_named(of: Union[str, list[str]]) -> str:
    """A digest of the names."""
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()[:16]


def marker(identity: str) -> str:
    """The first line of the comment, which GitHub does not show."""
    return f"<!-- tfmatrix attach {identity} -->"


def compose(identity: str, report: str) -> str:
    return f"{marker(identity)}\n\n{report}"


def earlier_comment(comments: Iterable[Comment], identity: str, author: str) -> Optional[Comment]:
    """The first comment of `author` that this tool wrote for the same matrix.

    Only a whole first line counts. A report stands below its own marker, so no log or script in it
    can look like another comment's marker.
    """
    wanted = marker(identity)
    mine = (each for each in comments if each.author == author)
    return next((each for each in mine if each.body.split("\n", 1)[0].rstrip() == wanted), None)
