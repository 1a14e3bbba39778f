"""What a user's packages demand of TensorFlow: in their metadata, or when they are imported.

`tensorflow-cpu` stands where they ask for `tensorflow`, so a wheel without content takes its place
while they are resolved: the newest version of each that admits the release is then found.
"""

from __future__ import annotations

import re
from pathlib import Path

from runner import paths
from runner.environments import sources
from runner.machine.derived_cache import remembered_yaml
from runner.model import Release, parsed_version

_MARK = "standin"
"""A local version, which fulfils what the version itself does and is on no index."""


def import_checks(release: Release) -> tuple[str, ...]:
    """Constraints: `tensorflow-probability<0.24`, since 0.24 refuses a TensorFlow so old."""
    found = (_below(package, checks, release) for package, checks in _table().items())
    return tuple(constraint for constraint in found if constraint)


def _below(package: str, checks: dict[str, str], release: Release) -> str:
    """A check reads TensorFlow's own version, of which a series stands for all patches."""
    ours = parsed_version(release.series)
    refusing = [first for first, oldest in checks.items() if parsed_version(oldest) > ours]
    return f"{package}<{min(refusing, key=parsed_version)}" if refusing else ""


def _table() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = remembered_yaml(data_file())
    return found


def data_file() -> Path:
    return paths.data_folder() / "import_checks.yaml"


def constraint(version: str) -> str:
    """The one by which nothing but the stand-in for this version is taken."""
    return f"tensorflow==={version}+{_MARK}"


def write_stand_in(folder: Path, version: str) -> None:
    """A wheel `tensorflow` of this version in `folder`, with metadata and no code."""
    sources.write_wheel(folder, "tensorflow", f"{version}+{_MARK}")


def without_stand_in(lock: str) -> str:
    """`lock` without the entry that nobody could install."""
    entries = re.split(r"(?m)^(?=\S)", lock)
    return "".join(entry for entry in entries if not re.match(rf"tensorflow==\S+\+{_MARK}", entry))
