"""Finds what a user's packages demand of TensorFlow: in their metadata, or when they are imported.

Packages ask for `tensorflow`, but an environment may have `tensorflow-cpu` instead. So while uv
resolves, an empty wheel stands for `tensorflow`, and uv finds the newest version that allows the
release.
"""

from __future__ import annotations

import re
from pathlib import Path

from runner import paths
from runner.environments import sources
from runner.machine.derived_cache import cached_yaml
from runner.model import Release, parsed_version

_MARK = "standin"
"""A local version: it meets the same requirements as the version itself, and no index has it."""


def import_checks(release: Release) -> tuple[str, ...]:
    """Constraints such as `tensorflow-probability<0.24`: 0.24 refuses older TensorFlow."""
    found = (_below(package, checks, release) for package, checks in _table().items())
    return tuple(constraint for constraint in found if constraint)


def _below(package: str, checks: dict[str, str], release: Release) -> str:
    """The bound, if the check refuses the release. The check reads
    TensorFlow's version; a series means all its patches."""
    ours = parsed_version(release.series)
    refusing = [first for first, oldest in checks.items() if parsed_version(oldest) > ours]
    return f"{package}<{min(refusing, key=parsed_version)}" if refusing else ""


def _table() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = cached_yaml(data_file())
    return found


def data_file() -> Path:
    return paths.data_folder() / "import_checks.yaml"


def constraint(version: str) -> str:
    """The requirement that only the empty wheel of this version meets."""
    return f"tensorflow==={version}+{_MARK}"


def write_stand_in(folder: Path, version: str) -> None:
    """Writes a wheel `tensorflow` of this version to `folder`, with metadata and no code."""
    sources.write_wheel(folder, "tensorflow", f"{version}+{_MARK}")


def without_stand_in(lock: str) -> str:
    """`lock` without the entry of the empty wheel, which cannot be installed."""
    entries = re.split(r"(?m)^(?=\S)", lock)
    return "".join(entry for entry in entries if not re.match(rf"tensorflow==\S+\+{_MARK}", entry))
