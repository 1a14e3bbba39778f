"""Removes secrets from text for logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

HIDDEN = "***"
_SHORTEST = 6
"""Shorter values are not hidden, because they occur inside many words. In characters."""
_NAMES = re.compile(r"token|passw|secret|credential|api_?key", re.IGNORECASE)
_FORMS = (
    (re.compile(r"(\w[\w+.-]*://)[^/@\s'\"]+@"), rf"\1{HIDDEN}@"),
    (re.compile(r"\b(?:gh[pousr]|github_pat|glpat|pypi)[_-]\w{16,}"), HIDDEN),
    (
        re.compile(r"(?i)\b((?:\w+_)?(?:token|password|secret|signature))=[^&\s'\"]+"),
        rf"\1={HIDDEN}",
    ),
    (re.compile(r"(?i)\b(authorization:\s*\w+)\s+\S+"), rf"\1 {HIDDEN}"),
)
"""The forms of secrets: a password in an address, tokens of known services, fields of a query."""


def secret_remover(environ: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts `***` for everything that looks like a secret, and for the values of
    variables whose names say so."""
    found = (value for name, value in environ.items() if _NAMES.search(name))
    values = sorted({value for value in found if len(value) >= _SHORTEST}, key=len, reverse=True)

    def without_secrets(text: str) -> str:
        for value in values:
            text = text.replace(value, HIDDEN)
        for form, instead in _FORMS:
            text = form.sub(instead, text)
        return text

    return without_secrets
