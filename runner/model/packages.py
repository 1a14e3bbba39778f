"""Names and versions of packages, read from the text of requirements and locks."""

from __future__ import annotations

import functools
import re

from packaging.utils import canonicalize_name
from packaging.version import Version


def package_name(requirement: str) -> str:
    """The normalised name (PEP 503) in a requirement: `tf-keras` for `tf_keras>=2.16`."""
    name = re.match(r"\s*([A-Za-z0-9._-]*)", requirement)
    return canonicalize_name(name[1] if name else "")


def pinned_version(package: str) -> tuple[str, str]:
    """Name and version without extras or a marker: (tensorflow, 2.14.1) for
    `tensorflow[and-cuda]==2.14.1 ; …`."""
    name, _, version = package.partition("==")
    return name.partition("[")[0].strip(), version.partition(";")[0].strip()


def pinned_packages(lock: str) -> tuple[str, ...]:
    """`name==version` of everything in a lock, sorted."""
    named = (line for line in lock.splitlines() if "==" in line)
    lines = (line.split(";")[0].strip(" \\") for line in named)
    return tuple(sorted(line for line in lines if "==" in line and line[0] not in "#-"))


@functools.lru_cache(maxsize=4096)
def parsed_version(version: str) -> Version:
    return Version(version)


def release_series(version: Version) -> str:
    """`2.9` for 2.9.3."""
    return f"{version.major}.{version.minor}"
