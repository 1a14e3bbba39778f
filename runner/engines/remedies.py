"""Remedies for failures, found by the messages of uv, pip, BuildKit and the kernel. Pure."""

from __future__ import annotations

import re
from typing import Optional

from runner import paths

_CLEAN = "free disk space: `tfmatrix clean`"
_NETWORK = "check the network and its settings (HTTPS_PROXY, UV_DEFAULT_INDEX, PIP_INDEX_URL)"

PULL_LIMIT = r"toomanyrequests|pull rate limit|(?:manifests|blobs)\b[^\n]*\b429\b"
"""A registry has answered with HTTP status 429. An index of packages may do so, too."""

LOST_LAYER = (
    r"error creating overlay mount to \S+: (?!no space)|layer does not exist"
    r"|snapshot \S+ does not exist"
)
"""A layer that the builder of images wants to build on is gone."""

_REMEDIES = (
    (
        PULL_LIMIT,
        "wait until the registry's limit on pulls is over, or `docker login`; or make the base"
        " images without it: `sudo tfmatrix bases`",
    ),
    (r"no space left on device|disk quota exceeded", _CLEAN),
    (LOST_LAYER, "restart the Docker daemon, or empty its cache: `docker builder prune --all`"),
    (
        r"read-only file system|permission denied",
        paths.UNWRITABLE_CACHE,
    ),
    (
        r"failed to (?:resolve source metadata|do request|create LLB|load metadata|authorize)"
        r"|pull access denied|manifest unknown|error getting credentials",
        "let the daemon reach its registry, or make the base images without one: `tfmatrix bases`",
    ),
    (r"hash mismatch", "a package is not what was locked: `tfmatrix lock` resolves anew"),
    (
        r"UnknownIssuer|CERTIFICATE_VERIFY|invalid peer certificate",
        "name your CA bundle in SSL_CERT_FILE",
    ),
    (
        r"cannot connect to the docker daemon|error during connect|docker daemon is gone"
        r"|no docker daemon",
        "start the Docker daemon, and look at `tfmatrix doctor`",
    ),
    (
        r"cannot allocate memory|memory allocation of|out of memory|resource temporarily",
        "free memory or raise the limit on it, or run fewer at a time: --jobs 1",
    ),
    (
        r"dns error|name resolution|could not resolve|connection refused|timed out",
        _NETWORK,
    ),
    (
        r"server error \(5\d\d|failed to (?:fetch|download)"
        r"|end of file before|connection (?:reset|closed)|error sending request",
        f"try again later; if it stays, {_NETWORK}",
    ),
)


def remedy(said: str) -> Optional[str]:
    """The remedy, if the failure is a usual one."""
    return next((cure for sign, cure in _REMEDIES if re.search(sign, said, re.IGNORECASE)), None)
