"""Finds the gist or the file for an address on the web. Pure."""

from __future__ import annotations

import re
from typing import Optional
from urllib.parse import quote, unquote, urlsplit

from attrs import frozen

from runner.errors import UsageError
from runner.github import address

_NAME = r"[A-Za-z0-9_.-]+"
_GIST = re.compile(rf"/(?:{_NAME}/)?([0-9a-f]{{20,40}})(?:/.*)?")
_BLOB = re.compile(rf"/({_NAME})/({_NAME})/(?:blob|raw)/(.+)")
_COLAB_GITHUB = re.compile(rf"/github/({_NAME})/({_NAME})/blob/(.+)")
_COLAB_GIST = re.compile(rf"/gist/(?:{_NAME}/)?([0-9a-f]{{20,40}})(?:/.*)?")
_COLAB_DRIVE = re.compile(r"/drive/([A-Za-z0-9_-]{10,100})")
READABLE = (".py", ".ipynb", ".md")
"""The extensions of files that can be read."""


@frozen(kw_only=True)
class LinkedScript:
    """The target of an address: a gist or one file."""

    name: str
    """The name for the saved script."""
    gist: str = ""
    url: str = ""
    kind: str = ""
    """The extension of a file: `.py`, `.ipynb` or `.md`."""


def is_link(text: str) -> bool:
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text))


def parse_link(text: str) -> LinkedScript:
    """The target of an address. Raises `UsageError` if no code is known there."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
        local = address.is_loopback(parts.scheme, host)
    except ValueError:
        raise UsageError(f"{text:.200}: not an address") from None
    if parts.username or parts.password:
        raise UsageError("an address with a user's name or password is not read")
    if parts.scheme != "https" and not local:
        raise UsageError(f"{text:.200}: only https:// is read")
    link = _known(host, unquote(parts.path).rstrip("/"))
    if link is not None:
        return link
    kind = _kind(parts.path)
    if not kind:
        raise UsageError(
            f"{text:.200}: not a known address of code",
            remedy="an issue, a gist, a notebook on Colab, or a file that ends in .py, .ipynb, .md",
        )
    return LinkedScript(name=_stem(parts.path), url=text.partition("#")[0], kind=kind)


def _known(host: str, path: str) -> Optional[LinkedScript]:
    if host == "gist.github.com":
        return _gist(_GIST.fullmatch(path))
    if host == "github.com":
        return _file(_BLOB.fullmatch(path))
    if host == "colab.research.google.com":
        drive = _COLAB_DRIVE.fullmatch(path)
        if drive:
            url = f"https://drive.google.com/uc?export=download&id={drive[1]}"
            return LinkedScript(name=f"colab-{drive[1]}", url=url, kind=".ipynb")
        return _gist(_COLAB_GIST.fullmatch(path)) or _file(_COLAB_GITHUB.fullmatch(path))
    return None


def _gist(found: Optional[re.Match[str]]) -> Optional[LinkedScript]:
    return LinkedScript(name=f"gist-{found[1][:12]}", gist=found[1]) if found else None


def _file(found: Optional[re.Match[str]]) -> Optional[LinkedScript]:
    if not found or not _kind(found[3]):
        return None
    url = f"https://raw.githubusercontent.com/{found[1]}/{found[2]}/{quote(found[3])}"
    name = f"{found[1]}-{found[2]}-{_stem(found[3])}"
    return LinkedScript(name=name, url=url, kind=_kind(found[3]))


def _kind(path: str) -> str:
    return next((kind for kind in READABLE if path.lower().endswith(kind)), "")


def _stem(path: str) -> str:
    return unquote(path).rsplit("/", 1)[-1].rpartition(".")[0] or "script"
