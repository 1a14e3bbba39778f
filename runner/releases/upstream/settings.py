"""Finds the package index for which this machine is configured: uv's, else pip's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Optional
from urllib.parse import urlsplit, urlunsplit

from runner.machine import pip_settings

PYPI = "https://pypi.org/simple/"
_NAMED = re.compile(r"^[A-Za-z0-9_-]+=")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")


def address(environ: Mapping[str, str] = os.environ) -> str:
    """The address of the index's simple API; it may contain a password."""
    chosen = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    chosen = chosen or pip_settings.read_settings(environ).get("index-url") or PYPI
    return _NAMED.sub("", chosen.strip(), count=1)


def certificates(environ: Mapping[str, str] = os.environ) -> Optional[Path]:
    """The file of trusted certificates, if one is set."""
    named = [environ.get(name) for name in _CERTIFICATES]
    for name in [*named, pip_settings.read_settings(environ).get("cert")]:
        if name and Path(name).is_file():
            return Path(name)
    return None


def shown_address(address: str) -> str:
    """`address` without a user name and password, for people and files."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
