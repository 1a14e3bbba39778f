"""Addresses of issues and comments, checked before anything is sent to them. Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Optional
from urllib.parse import urlsplit

from attrs import frozen

from runner.errors import UsageError

PUBLIC = "https://api.github.com"

_REPO = r"[A-Za-z0-9_][A-Za-z0-9_-]*/(?!\.{1,2}(?:[#/]|$))[A-Za-z0-9._-]+"
_REFERENCE = re.compile(rf"({_REPO})#([1-9][0-9]{{0,14}})")
_PAGE = re.compile(
    rf"https://github\.com/({_REPO})/(?:issues|pull)/([1-9][0-9]{{0,14}})(?:[/?#].*)?"
)


@frozen(kw_only=True)
class Issue:
    """An issue or a pull request: for comments they are the same."""

    repo: str
    number: int

    def __str__(self) -> str:
        return f"{self.repo}#{self.number}"


def repository(text: str) -> str:
    """`text`, which must be OWNER/NAME. Raises `UsageError`."""
    if not re.fullmatch(_REPO, text):
        raise UsageError(f"{text!r} is not a repository", remedy="write it as OWNER/NAME")
    return text


def reference(text: str) -> Optional[Issue]:
    """The issue in `OWNER/NAME#N` or in its address on github.com; None for any other text."""
    found = _REFERENCE.fullmatch(text) or _PAGE.fullmatch(text)
    return Issue(repo=found[1], number=int(found[2])) if found else None


_COMMENT = re.compile(
    rf"https://github\.com/({_REPO})/(?:issues|pull)/([1-9][0-9]{{0,14}})"
    r"(?:\?[^#]*)?#issuecomment-([1-9][0-9]{0,17})"
)


def comment(text: str) -> Optional[tuple[Issue, int]]:
    """(issue, number of the comment) from a comment's address on github.com; else None."""
    found = _COMMENT.fullmatch(text)
    return (Issue(repo=found[1], number=int(found[2])), int(found[3])) if found else None


def api_base(url: str) -> str:
    """The base URL of GitHub's REST API, checked to be safe for a token. Raises `UsageError`."""
    try:
        parts = urlsplit(url)
        safe = parts.scheme == "https" or is_loopback(parts.scheme, parts.hostname)
        good = safe and parts.hostname and parts.port != 0 and not (parts.query or parts.fragment)
    except ValueError:
        good = False
    # not shown if it may hold a password
    if not good or "@" in url:
        raise UsageError(
            "--api-url is not a GitHub address" + ("" if "@" in url else f": {url!r}"),
            remedy=f"--api-url {PUBLIC}, or https://HOST/api/v3 for GitHub Enterprise",
        )
    return url.rstrip("/")


def token_host(api_url: str) -> str:
    """The host under which `gh` keeps the token: github.com, or that of GitHub Enterprise."""
    return (urlsplit(api_url).hostname or "").removeprefix("api.")


def is_loopback(scheme: str, name: Optional[str]) -> bool:
    """Whether this is plain HTTP to this machine: no other plain HTTP may get a token."""
    try:
        local = name == "localhost" or ipaddress.ip_address(name or "").is_loopback
    except ValueError:
        return False
    return scheme == "http" and local
