"""The settings of this machine for uv and pip: indexes, proxies, certificates.

Image builds get them as secrets, which no layer keeps, because addresses often hold passwords.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Optional

from runner.machine import pip_settings

# Settings that are valid inside a build too; settings that name files of this machine are not.
_PASSED = re.compile(
    r"(HTTP|HTTPS|ALL|FTP|NO)_PROXY|UV_(HTTP_TIMEOUT|HTTP_RETRIES|INSECURE_HOST|INDEX_STRATEGY"
    r"|CONCURRENT_DOWNLOADS|INDEX_[A-Z0-9_]+_(USERNAME|PASSWORD))",
    re.IGNORECASE,
)
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_CA = "/run/secrets/ca"
_LARGEST_SECRET = 500 * 1024  # BuildKit's own limit


def settings(environ: Mapping[str, str] = os.environ) -> str:
    """Shell lines (`export NAME='value'`) for a build, sorted; "" where nothing is set."""
    values = dict(_values(environ))
    return "".join(f"export {name}={shlex.quote(values[name])}\n" for name in sorted(values))


def certificates(environ: Mapping[str, str] = os.environ) -> Optional[str]:
    """The PEM text of this machine's CA bundle, where one is set."""
    named = [environ.get(name) for name in _CERTIFICATES]
    for name in [*named, pip_settings.file_settings(environ).get("cert")]:
        if name and Path(name).is_file():
            return _small_enough(Path(name).read_text("utf-8", errors="replace"))
    return None


def _values(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if _PASSED.fullmatch(name) and value:
            yield name, value
    pip = pip_settings.read_settings(environ)
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or pip.get("index-url")
    if index and _reachable(index):
        yield "UV_DEFAULT_INDEX", index
        yield "PIP_INDEX_URL", index.split("=", 1)[-1] if _NAMED.match(index) else index
    extra = (
        environ.get("UV_INDEX") or environ.get("UV_EXTRA_INDEX_URL") or pip.get("extra-index-url")
    )
    links = environ.get("UV_FIND_LINKS") or pip.get("find-links")
    yield from _joined("UV_INDEX", extra, " ")
    yield from _joined("UV_FIND_LINKS", links, ",")
    if pip.get("trusted-host"):
        yield "PIP_TRUSTED_HOST", pip["trusted-host"]
        if not environ.get("UV_INSECURE_HOST"):
            yield "UV_INSECURE_HOST", pip["trusted-host"]
    timeout = pip.get("timeout") or pip.get("default-timeout")
    if timeout:
        yield "PIP_DEFAULT_TIMEOUT", timeout
        if not environ.get("UV_HTTP_TIMEOUT"):
            yield "UV_HTTP_TIMEOUT", timeout
    if certificates(environ) is not None:
        for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
            yield name, _CA


_NAMED = re.compile(r"[A-Za-z0-9_-]+=")


def _joined(name: str, value: Optional[str], separator: str) -> Iterator[tuple[str, str]]:
    kept = [part for part in re.split(r"[\s,]+", value or "") if part and _reachable(part)]
    if kept:
        yield name, separator.join(kept)


def _reachable(address: str) -> bool:
    """Whether a build can reach it. A build cannot reach a folder of this machine."""
    return "://" in address and not _NAMED.sub("", address, count=1).startswith("file:")


def _small_enough(bundle: str) -> str:
    """The bundle, without the comments between its certificates if it is too large."""
    if len(bundle.encode()) <= _LARGEST_SECRET:
        return bundle
    pattern = r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----"
    return "\n".join(re.findall(pattern, bundle, re.DOTALL)) + "\n"
