"""Finds and checks the token, and never prints it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Optional

from runner.errors import UsageError
from runner.machine import processes

VARIABLES = ("GITHUB_TOKEN", "GH_TOKEN")


def find_token(environ: Mapping[str, str], host: str) -> Optional[str]:
    """The token from the environment, or the one that `gh` has for `host`; None if there is none.

    Raises `UsageError` for text that cannot be a token: an error about the request would print it.
    """
    for name in VARIABLES:
        token = environ.get(name, "").strip()
        if token:
            return _checked(token, name)
    token = _of_gh(host)
    return _checked(token, "gh auth token") if token else None


def require_token(environ: Mapping[str, str], host: str) -> str:
    """Like `find_token`, but raises `UsageError` if there is no token."""
    token = find_token(environ, host)
    if token is None:
        raise UsageError(
            f"there is no token for {host}",
            remedy=f"set GITHUB_TOKEN or GH_TOKEN, or: gh auth login --hostname {host}",
        )
    return token


def _checked(token: str, source: str) -> str:
    if not re.fullmatch(r"[!-~]+", token):
        raise UsageError(f"{source} holds no token: there are spaces or odd characters in it")
    return token


def _of_gh(host: str) -> str:
    """The token that `gh` has for this host, so that another server's token is never sent."""
    try:
        done = processes.run(["gh", "auth", "token", "--hostname", host], timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
