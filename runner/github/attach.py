"""Posts the report, or updates the comment of an earlier run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from attrs import frozen

from runner.github.address import Issue
from runner.github.client import Client
from runner.github.comment import Comment, compose, earlier_comment
from runner.github.errors import TooLongError
from runner.report import gfm

SHRINKS = 3
"""How often tfmatrix halves the limit of a report that GitHub refuses as too long."""

Render = Callable[[int], str]
"""Renders the report in at most the given number of characters."""


@frozen(kw_only=True)
class Posted:
    url: str
    updated: bool


def comment_body(identity: str, render: Render, limit: int = gfm.LIMIT) -> str:
    """The whole comment in at most `limit` characters."""
    return compose(identity, render(limit - gfm.counted_length(compose(identity, ""))))


def attach(client: Client, issue: Issue, identity: str, render: Render) -> Posted:
    """Post or update the comment. Raises `GithubError`.

    The call may be repeated after an error: it then finds a comment that was already posted.
    """
    found = earlier_comment(client.comments(issue), identity, client.login())
    for shrunk in range(SHRINKS):
        try:
            return _send(client, issue, found, comment_body(identity, render, gfm.LIMIT >> shrunk))
        except TooLongError as error:
            client.say(f"{error}; trying with half of it")
    return _send(client, issue, found, comment_body(identity, render, gfm.LIMIT >> SHRINKS))


def _send(client: Client, issue: Issue, found: Optional[Comment], text: str) -> Posted:
    if found is None:
        return Posted(url=client.create(issue, text), updated=False)
    return Posted(url=client.update(issue, found, text), updated=True)
